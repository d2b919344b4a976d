"""CoNLL: one word per line with its tag behind it, a blank line between sentences (Tjong Kim Sang & De Meulder, 2003).

What it does not know: CoNLL-U's trees. Columns between the first and the last are passed over.
"""

from __future__ import annotations

import re

from workbench.core.text import Text
from workbench.data.table import READERS, Reader, Refused, Source, Table

TAG = re.compile(r"(O|[BIESLUMS]-\S+)$")
LOOKED_AT = 400
SURE = 0.95


@READERS.add
class Conll(Reader):
    """Sentences as lists of words and of tags."""

    kind = "conll"
    label = Text("CoNLL", "CoNLL")
    order = 20
    extensions = (".conll", ".bio", ".iob", ".iob2", ".bmes")

    def claims(self, source: Source) -> bool:
        """Nearly every line that is not blank ends in a tag, and there are entities."""
        lines = [line.split() for line in source.text[: LOOKED_AT * 40].split("\n")[:LOOKED_AT]]
        filled = [parts for parts in lines[:-1] if parts and not _comment(parts)]
        tagged = [parts for parts in filled if len(parts) >= 2 and TAG.match(parts[-1])]
        entities = any(parts[-1] != "O" for parts in tagged)
        return entities and len(tagged) >= SURE * len(filled)

    def read(self, source: Source) -> Table:
        """A row per sentence; one with a line that has no tag is refused."""
        rows, lines, refused = [], [], []
        words: list[str] = []
        tags: list[str] = []
        begin, broken = 1, 0
        for number, line in enumerate([*source.text.split("\n"), ""], start=1):
            parts = line.split()
            if parts and _comment(parts):
                continue
            if parts:
                begin = begin if words else number
                words.append(parts[0])
                tags.append(parts[-1])
                broken = broken or (number if len(parts) < 2 else 0)
                continue
            if broken:
                refused.append(Refused(broken, Text("a word without a tag", "有词没有标签")))
            elif words:
                rows.append({"tokens": words, "tags": tags})
                lines.append(begin)
            words, tags, broken = [], [], 0
        return Table(["tokens", "tags"], rows, refused, self.kind, source.decoded.encoding, lines=lines)


def _comment(parts: list[str]) -> bool:
    return parts[0] == "-DOCSTART-" or (parts[0].startswith("#") and not TAG.match(parts[-1]))
