"""Rows that are too short to teach anything, or too long to be one text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View


class LengthBoundsSection(StepSection):
    """The bounds, in characters."""

    kind: str = "length_bounds"
    shortest: int = knob(
        1, Text("Shortest", "最短"), Text("Characters at least.", "至少多少字符。"), ge=0, le=10_000_000, example="1"
    )
    longest: int = knob(
        0, Text("Longest", "最长"), Text("Characters at most; 0 is no bound.", "至多多少字符；0 表示不限。"), ge=0, le=10_000_000, example="2000"
    )  # fmt: skip


@CLEANING.add
class LengthBounds(Step):
    """Keep what lies between."""

    kind = "length_bounds"
    order = 13
    label = Text("Length limits", "长度限制")
    help = Text("Drops rows without words and those outside the limits.", "去掉没有文字的行和超出限制的行。")
    section = LengthBoundsSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the characters of all named columns together."""
        columns = view.named(section)

        def judged(row: Row) -> Row | Text:
            length = len(view.text_of(row, columns))
            if length < section.shortest or (section.longest and length > section.longest):
                return Text(f"{length:,} characters", f"{length:,} 个字符")
            return row

        return Outcome([judged(row) for row in rows])
