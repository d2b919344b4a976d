"""One label per row, with one key."""

from __future__ import annotations

from typing import Any

from workbench.core.text import Text
from workbench.data.mode import MODES, Mode, Row, Value, bad, column_of, parts_of
from workbench.data.step import View
from workbench.data.values import as_text


@MODES.add
class Choice(Mode):
    """One label per row."""

    kind = "choice"
    order = 10
    label = Text("One label per row", "每行一个标签")
    tasks = ("text-classification",)
    adds = ("label",)

    def labels(self, rows: list[Row], view: View) -> list[str]:
        """Those in use, most frequent first."""
        name = column_of(view, "label")
        found: dict[str, int] = {}
        for row in rows if name else []:
            given = as_text(row.get(name or "")).strip()
            if given:
                found[given] = found.get(given, 0) + 1
        return sorted(found, key=lambda each: (-found[each], each))

    def show(self, row: Row, view: View) -> dict[str, Any]:
        """Every column of words."""
        name = column_of(view, "label")
        given = as_text(row.get(name)).strip() if name else ""
        return {"parts": parts_of(row, view), "given": {"label": given} if given else None}

    def apply(self, row: Row, value: Value, view: View) -> Row:
        """In the column with the role label."""
        label = value.get("label")
        if not isinstance(label, str) or not label.strip() or len(label) > 200:
            raise bad()
        return {**row, column_of(view, "label") or "label": label.strip()}
