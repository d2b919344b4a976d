"""Names in a text, tagged in BIO (Ramshaw & Marcus, 1995)."""

from __future__ import annotations

from typing import Any

from workbench.core.text import Text
from workbench.data.mode import MODES, Mode, Row, Value, bad, column_of, listed, pieces, ranges_of, spans_of
from workbench.data.step import View


@MODES.add
class Spans(Mode):
    """Names in a text, tagged in BIO."""

    kind = "spans"
    order = 20
    label = Text("Mark names in the text", "在文字中标出实体")
    tasks = ("token-classification",)
    adds = ("tokens", "tags")

    def labels(self, rows: list[Row], view: View) -> list[str]:
        """The kinds of names in the tags."""
        name = column_of(view, "tags")
        found = dict.fromkeys(tag[2:] for row in rows for tag in listed(row.get(name or "")) if tag[1:2] == "-")
        return sorted(found)

    def show(self, row: Row, view: View) -> dict[str, Any]:
        """Its words as pieces, and the spans its tags hold."""
        words = self._words(row, view)
        tags = listed(row.get(column_of(view, "tags") or ""))
        spans = spans_of(tags) if len(tags) == len(words) else []
        return {"parts": [], "pieces": words, "given": {"spans": spans} if spans else None}

    def _words(self, row: Row, view: View) -> list[str]:
        tokens = listed(row.get(column_of(view, "tokens") or ""))
        return tokens or [text for _, _, text in pieces(view.text_of(row))]

    def apply(self, row: Row, value: Value, view: View) -> Row:
        """Words and tags, in their columns."""
        words = self._words(row, view)
        tags = ["O"] * len(words)
        for start, end, kind in ranges_of(value, len(words)):
            if any(tag != "O" for tag in tags[start:end]) or not kind:
                raise bad()
            tags[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
        return {**row, column_of(view, "tokens") or "tokens": words, column_of(view, "tags") or "tags": tags}
