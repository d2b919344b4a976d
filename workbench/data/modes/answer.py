"""Where in a text the answer to a question stands, as SQuAD keeps it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from workbench.core.text import Text
from workbench.data.mode import MODES, Mode, Piece, Row, Value, column_of, pieces, ranges_of
from workbench.data.step import View
from workbench.data.values import as_text


@MODES.add
class Answer(Mode):
    """Where in the text the answer stands."""

    kind = "answer"
    order = 30
    label = Text("Mark the answer in the text", "在文字中标出答案")
    tasks = ("question-answering",)
    needs = ("question", "context")
    adds = ("answers",)

    def show(self, row: Row, view: View) -> dict[str, Any]:
        """The question, and the text as pieces with what stands between them."""
        question, text = as_text(row.get(view.column("question"))), as_text(row.get(view.column("context")))
        found = pieces(text)
        given = self._given(row, view, found)
        return {"parts": [["question", question]], "pieces": [each for _, _, each in found], "given": given,
                "gaps": [text[a[1] : b[0]] for a, b in pairwise(found)]}  # fmt: skip

    def _given(self, row: Row, view: View, found: list[Piece]) -> Value | None:
        cell = row.get(column_of(view, "answers") or "")
        if not isinstance(cell, dict) or not cell.get("text"):
            return None
        start = cell.get("answer_start", [-1])[0]
        end = start + len(cell["text"][0])
        inside = [place for place, (a, b, _) in enumerate(found) if a >= start and b <= end]
        return {"spans": [[inside[0], inside[-1] + 1, ""]]} if inside else None

    def apply(self, row: Row, value: Value, view: View) -> Row:
        """SQuAD's {text, answer_start}; no span means that the text has no answer."""
        text = as_text(row.get(view.column("context")))
        found = pieces(text)
        ranges = ranges_of(value, len(found))
        starts = [found[start][0] for start, _, _ in ranges]
        texts = [text[found[start][0] : found[end - 1][1]] for start, end, _ in ranges]
        return {**row, column_of(view, "answers") or "answers": {"text": texts, "answer_start": starts}}
