"""CoNLL-U: ten columns a word (Universal Dependencies). The tags are the universal parts of speech."""

from __future__ import annotations

from workbench.core.text import Text
from workbench.data.table import READERS, Reader, Refused, Source, Table

WIDTH, FORM, UPOS = 10, 1, 3


@READERS.add
class Conllu(Reader):
    """Sentences as lists of words and of parts of speech."""

    kind = "conllu"
    label = Text("CoNLL-U", "CoNLL-U")
    order = 19
    extensions = (".conllu",)

    def claims(self, source: Source) -> bool:
        """Ten columns with a number first, in nearly every line."""
        lines = [line for line in source.text[:20000].split("\n")[:200] if line.strip() and not line.startswith("#")][
            :-1
        ]
        fits = [line for line in lines if line.count("\t") == WIDTH - 1 and line[:1].isdigit()]
        return bool(fits) and len(fits) >= 0.9 * len(lines)

    def read(self, source: Source) -> Table:
        """A row per sentence; one with a broken line is refused. Ranges (1-2) and empty words (1.1) are passed over."""
        table = Table(["text", "tokens", "tags"], [], [], self.kind, source.decoded.encoding)
        begin, parts, bad = 0, list[list[str]](), 0
        for number, line in enumerate([*source.text.splitlines(), ""], start=1):
            if line.startswith("#"):
                continue
            if line.strip():
                begin = begin or number
                cells = line.split("\t")
                bad = bad or (0 if len(cells) == WIDTH else number)
                parts += [cells] if len(cells) == WIDTH and cells[0].isdigit() else []
                continue
            if bad:
                table.refused.append(Refused(bad, Text(f"a word needs {WIDTH} columns", f"每个词应有 {WIDTH} 列")))
            elif parts:
                words = [cells[FORM] for cells in parts]
                table.rows.append({"text": " ".join(words), "tokens": words, "tags": [cells[UPOS] for cells in parts]})
                table.lines.append(begin)
            begin, parts, bad = 0, [], 0
        return table
