"""The answer, mended or written by hand."""

from __future__ import annotations

from typing import Any

from workbench.core.text import Text
from workbench.data.chat import turns
from workbench.data.mode import MODES, Mode, Row, Value, bad, parts_of
from workbench.data.step import View, spoken
from workbench.data.values import as_text


@MODES.add
class Write(Mode):
    """The answer, mended or written."""

    kind = "write"
    order = 40
    label = Text("Write or mend the answer", "撰写或修改回答")
    tasks = ("chat", "summarization", "translation")
    answers = ("response", "summary", "target")

    def _answer(self, view: View) -> str | None:
        return next((name for name, role in view.roles.items() if role in self.answers), None)

    def check(self, view: View) -> None:
        """A column for the answer, or conversations."""
        if self._answer(view) is None:
            view.column("messages")

    def show(self, row: Row, view: View) -> dict[str, Any]:
        """All that comes before the answer, and the answer to edit."""
        name = self._answer(view)
        if name is not None:
            before = [part for part in parts_of(row, view) if part[0] != name]
            return {"parts": before, "text": as_text(row.get(name)), "given": None}
        said = [turn for turn in turns(row.get(view.column("messages"))) if isinstance(turn, dict)]
        before = [
            [as_text(t.get("role") or t.get("from")), as_text(t.get("content") or t.get("value"))] for t in said[:-1]
        ]
        return {"parts": before, "text": spoken(said[-1:]), "given": None}

    def apply(self, row: Row, value: Value, view: View) -> Row:
        """In the column of the answer, or the last turn."""
        text = value.get("text")
        if not isinstance(text, str) or not text.strip() or len(text) > 1_000_000:
            raise bad()
        name = self._answer(view)
        if name is not None:
            return {**row, name: text}
        column = view.column("messages")
        said = turns(row.get(column))
        if not said:
            raise bad()
        key = "value" if "value" in said[-1] else "content"
        return {**row, column: [*said[:-1], {**said[-1], key: text}]}
