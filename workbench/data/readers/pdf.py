"""PDF documents, through pypdf: a row per page. A scanned page holds no text; that is said, nothing is recognised."""

from __future__ import annotations

import io

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.table import READERS, Reader, Refused, Source, Table


@READERS.add
class Pdf(Reader):
    """Pages."""

    kind = "pdf"
    label = Text("PDF", "PDF")
    order = 14
    extensions = (".pdf",)
    binary = True

    def claims(self, source: Source) -> bool:
        """The mark every PDF begins with."""
        return source.data.startswith(b"%PDF-")

    def read(self, source: Source) -> Table:
        """The text of every page; one without text is refused."""
        import pypdf
        from pypdf.errors import PyPdfError

        try:
            book = pypdf.PdfReader(io.BytesIO(source.data))
            texts = [page.extract_text().strip() for page in book.pages]
        except (PyPdfError, ValueError, KeyError, OSError, RecursionError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the PDF is damaged or locked: {reason}. Save it again without a password.",
                f"PDF 损坏或已加密：{reason}。请去掉密码后重新保存。",
            ) from error
        none = Text("a page without text (a picture?)", "该页没有文字（可能是图片）")
        rows = [{"page": number, "text": text} for number, text in enumerate(texts, start=1) if text]
        refused = [Refused(number, none) for number, text in enumerate(texts, start=1) if not text]
        if not rows:
            raise source.error(
                "no page holds text; scanned pages need text recognition (OCR) first.",
                "所有页面都没有文字；扫描件需先做文字识别（OCR）。",
            )
        return Table(["page", "text"], rows, refused, self.kind, "utf-8", lines=[row["page"] for row in rows])
