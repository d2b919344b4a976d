"""Parquet, through pyarrow. Dates, decimals and the like become text; bytes that are no text are left out and told."""

from __future__ import annotations

from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.table import READERS, NoText, Reader, Source, Table, column_names, plain


@READERS.add
class Parquet(Reader):
    """Columns on disk, as Hugging Face datasets ship them."""

    kind = "parquet"
    label = Text("Parquet", "Parquet")
    order = 10
    extensions = (".parquet", ".pq")
    binary = True

    def claims(self, source: Source) -> bool:
        """The four bytes every Parquet file begins with."""
        return source.data.startswith(b"PAR1")

    def read(self, source: Source) -> Table:
        """Every row; UserError when the file was cut or is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            read = pq.read_table(pa.BufferReader(source.data))
            columns = column_names(read.column_names)
            values = [[plain(value) for value in column.to_pylist()] for column in read.columns]
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the Parquet file is damaged or cut: {reason}. Download or write it again.",
                f"Parquet 文件损坏或不完整：{reason}。请重新下载或生成。",
            ) from error
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
        table = Table(columns, rows, [], self.kind, "utf-8", lines=list(range(1, len(rows) + 1)))
        table.warnings = _binary(columns, values)
        return table


def _binary(columns: list[str], values: list[list[Any]]) -> list[Text]:
    named = [column for column, cells in zip(columns, values, strict=True) if any(isinstance(x, NoText) for x in cells)]
    return [
        Text(
            f"column “{shorten(column)}” holds bytes that are no text; they were left out",
            f"“{shorten(column)}”列含有不是文字的二进制数据，已略去",
        )
        for column in named
    ]
