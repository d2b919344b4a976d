"""One column into several, at a separator: "title | body" → title and body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View, new_name, spoken


class SplitColumnSection(StepSection):
    """Which column, where it is cut, and what the parts are called."""

    kind: str = "split_column"
    column: str = knob("", Text("Column", "列"), Text("The column to split.", "要分列的列。"), example="text")
    separator: str = knob(
        "|", Text("Separator", "分隔符"), Text("What stands between the parts; \\n is a line break.", "各部分之间的内容；\\n 表示换行。"), example="|"
    )  # fmt: skip
    into: str = knob(
        "",
        Text("New columns", "新列"),
        Text("Names separated by commas; the last one takes what is left.", "列名，以逗号分隔；最后一列包含其余内容。"),
        example="title, body",
    )


@CLEANING.add
class SplitColumn(Step):
    """Split a column."""

    kind = "split_column"
    order = 9
    label = Text("Split a column", "分列")
    help = Text("Writes the parts of one column into several.", "把一列按分隔符分成几列。")
    section = SplitColumnSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """A row with fewer parts leaves the last columns empty."""
        view.check(section.column)
        names = [new_name(name) for name in section.into.split(",") if name.strip()]
        mark = section.separator.replace("\\n", "\n").replace("\\t", "\t")
        if len(names) < 2 or not mark:
            raise UserError(
                "into: name at least two columns, for instance title, body, and a separator.",
                "into：请至少填写两个列名（例如 title, body）和分隔符。",
                field="into",
            )

        def parted(row: Row) -> Row | Text:
            parts: list[str | None] = [
                part.strip() for part in spoken(row.get(section.column)).split(mark, len(names) - 1)
            ]
            return {**row, **dict(zip(names, [*parts, *[None] * len(names)], strict=False))}

        return Outcome([parted(row) for row in rows], columns=tuple(name for name in names if name not in view.columns))
