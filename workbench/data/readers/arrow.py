"""Arrow files, as Hugging Face datasets keeps them on disk: the file format and the stream."""

from __future__ import annotations

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.table import READERS, Reader, Source, Table, column_names, plain

STREAM = b"\xff\xff\xff\xff"


@READERS.add
class Arrow(Reader):
    """Record batches."""

    kind = "arrow"
    label = Text("Arrow", "Arrow")
    order = 11
    extensions = (".arrow", ".feather", ".ipc")
    binary = True

    def claims(self, source: Source) -> bool:
        """The mark of a file, or of a stream."""
        return source.data.startswith(b"ARROW1") or (
            source.data.startswith(STREAM) and source.suffix in self.extensions
        )

    def read(self, source: Source) -> Table:
        """Every row; UserError when the file was cut or is damaged."""
        import pyarrow as pa

        try:
            opened = pa.ipc.open_stream if source.data.startswith(STREAM) else pa.ipc.open_file
            found = opened(pa.BufferReader(source.data)).read_all()
            values = [[plain(value) for value in column.to_pylist()] for column in found.columns]
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the Arrow file is damaged or cut: {reason}. Download or write it again.",
                f"Arrow 文件损坏或不完整：{reason}。请重新下载或生成。",
            ) from error
        columns = column_names(found.column_names)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
        return Table(columns, rows, [], self.kind, "utf-8", lines=list(range(1, len(rows) + 1)))
