"""Rows that say the same as an earlier row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.text import Text
from workbench.data.nearby import wording
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View


class ExactDuplicatesSection(StepSection):
    """No knobs of its own."""

    kind: str = "exact_duplicates"


@CLEANING.add
class ExactDuplicates(Step):
    """Keep the first of equal rows."""

    kind = "exact_duplicates"
    order = 10
    label = Text("Drop exact duplicates", "去除完全重复")
    help = Text(
        "Of rows with the same words the first stays; width, case, spaces and plain punctuation make no difference. Symbols do: "
        "C and C++, 1.5 and 15 are not the same.",
        "文字相同的行只留第一行；全角半角、大小写、空格和普通标点不算差别。符号算差别：C 与 C++、1.5 与 15 不同。",
    )
    section = ExactDuplicatesSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By its wording; a row without words is no duplicate."""
        columns, seen = view.named(section), dict[str, int]()
        made: list[Row | Text] = []
        for place, row in enumerate(rows):
            said = view.text_of(row, columns)
            text = wording(said) or said
            first = seen.setdefault(text, place) if text else place
            made.append(row if first == place else same_as(first))
        return Outcome(made)


def same_as(first: int) -> Text:
    """Why a duplicate is dropped."""
    return Text(f"the same as row {first + 1}", f"与第 {first + 1} 行相同")
