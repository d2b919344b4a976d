"""The better one of two answers, shown without saying which is which."""

from __future__ import annotations

import hashlib
import json
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

    def settled(self, row: Row, value: Value, view: View) -> Value:
        """With a mark of the better answer itself: first and second change places with every label."""
        sides = (view.column("chosen"), view.column("rejected"))
        return {**value, "is": _mark(row.get(sides[value["better"]]))}

    def apply(self, row: Row, value: Value, view: View) -> Row:
        """{"better": 0 or 1, "is": mark}: the answer with this mark is the chosen one; without a mark, 1 changes the two for each
        other."""
        first, second = view.column("chosen"), view.column("rejected")
        if value.get("better") not in (0, 1) or isinstance(value.get("better"), bool):
            raise bad()
        turned = {**row, first: row.get(second), second: row.get(first)}
        if "is" in value:
            return turned if _mark(row.get(first)) != value["is"] == _mark(row.get(second)) else row
        return turned if value["better"] else row


def _mark(answer: Any) -> str:
    return hashlib.sha256(
        json.dumps(answer, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    ).hexdigest()[:12]
