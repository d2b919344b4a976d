"""The better one of two answers, shown without saying which is which."""

from __future__ import annotations

from typing import Any

from workbench.core.text import Text
from workbench.data.mode import MODES, Mode, Row, Value, bad, parts_of
from workbench.data.step import View, spoken


@MODES.add
class Better(Mode):
    """The better one of two answers, shown without saying which is which."""

    kind = "better"
    order = 50
    label = Text("Pick the better answer", "选出更好的回答")
    tasks = ("preference", "reward")
    needs = ("chosen", "rejected")

    def show(self, row: Row, view: View) -> dict[str, Any]:
        """The prompt, and both answers; the board shuffles them."""
        sides = [view.column("chosen"), view.column("rejected")]
        before = [part for part in parts_of(row, view) if part[0] not in sides]
        return {"parts": before, "sides": [spoken(row.get(name)) for name in sides], "given": None}

    def apply(self, row: Row, value: Value, view: View) -> Row:
        """{"better": 0} keeps the row as it is, 1 changes the two answers for each other."""
        first, second = view.column("chosen"), view.column("rejected")
        if value.get("better") not in (0, 1) or isinstance(value.get("better"), bool):
            raise bad()
        return row if value["better"] == 0 else {**row, first: row.get(second), second: row.get(first)}
