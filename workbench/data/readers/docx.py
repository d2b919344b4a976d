"""Word documents (.docx), through python-docx: a row per paragraph, then the rows of its tables."""

from __future__ import annotations

import io
import zipfile

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.packed import check_size
from workbench.data.table import READERS, Reader, Source, Table, paragraphs_table


@READERS.add
class Docx(Reader):
    """Paragraphs."""

    kind = "docx"
    label = Text("Word", "Word")
    order = 13
    extensions = (".docx",)
    binary = True

    def claims(self, source: Source) -> bool:
        """A zip archive with a document in it."""
        return source.data.startswith(b"PK\x03\x04") and b"word/document.xml" in source.data

    def read(self, source: Source) -> Table:
        """A row per paragraph that holds text."""
        import docx
        from docx.opc.exceptions import OpcError

        try:
            check_size(source, zipfile.ZipFile(io.BytesIO(source.data)))
            found = docx.Document(io.BytesIO(source.data))
        except (zipfile.BadZipFile, OpcError, KeyError, ValueError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the document is damaged: {reason}. Save it again.", f"文档已损坏：{reason}。请重新保存。"
            ) from error
        texts = [paragraph.text for paragraph in found.paragraphs]
        texts += ["\t".join(cell.text for cell in row.cells) for table in found.tables for row in table.rows]
        return paragraphs_table(source, list(enumerate(texts, start=1)), self.kind)
