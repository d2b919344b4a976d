"""Plain text: a row per line, as `datasets` reads it, blank lines too; and Markdown, a row per paragraph."""

from __future__ import annotations

import re

from workbench.core.text import Text
from workbench.data.table import READERS, Reader, Source, Table, paragraphs_table

_LINES = re.compile(r"\r\n|\n|\r")
_MARKS = re.compile(
    r"^(#{1,6}\s+|>\s?|[-*+]\s+|\d+\.\s+)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|!?\[([^\]]*)\]\([^)]*\)", re.M
)


@READERS.add
class PlainText(Reader):
    """Lines."""

    kind = "text"
    label = Text("plain text", "纯文本")
    order = 95
    extensions = (".txt", ".text")

    def claims(self, source: Source) -> bool:
        """Named so, and no table that was recognised before."""
        return source.suffix in self.extensions

    def read(self, source: Source) -> Table:
        """Every line; a blank one is kept, for it parts the paragraphs."""
        lines = _LINES.split(source.text)
        lines = lines[:-1] if not lines[-1] else lines
        return Table(["text"], [{"text": line} for line in lines], [], self.kind, source.decoded.encoding)


@READERS.add
class Markdown(Reader):
    """Paragraphs without their marks."""

    kind = "markdown"
    label = Text("Markdown", "Markdown")
    order = 24
    extensions = (".md", ".markdown")

    def claims(self, source: Source) -> bool:
        """Named so."""
        return source.suffix in self.extensions

    def read(self, source: Source) -> Table:
        """A row per paragraph, with the line it begins in."""
        found, line = [], 1
        for block in re.split(r"\n[ \t]*\n", source.text.replace("\r\n", "\n")):
            text = _MARKS.sub(lambda hit: hit.group(2) or "", block.strip())
            found.append((line + (len(block) - len(block.lstrip("\n"))), text))
            line += block.count("\n") + 2
        return paragraphs_table(source, found, self.kind)
