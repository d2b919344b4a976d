"""Rows that nearly say the same as another row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.nearby import groups
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View


class NearDuplicatesSection(StepSection):
    """How near, and which row stays."""

    kind: str = "near_duplicates"
    threshold: float = knob(
        0.8,
        Text("Similarity", "相似度"),
        Text(
            "Shared groups of three characters, of all they have. 1 is the same text; below 0.5 finds much by chance.",
            "共有的三字组占全部的比例。1 表示相同；低于 0.5 会误判。",
        ),
        ge=0.3,
        le=1,
        example="0.8",
    )
    keep: str = knob(
        "first",
        Text("Which stays", "保留哪一行"),
        Text("Of each group of near duplicates.", "每组近似重复中保留的行。"),
        choices=(("first", Text("the first", "最先出现的")), ("longest", Text("the longest", "最长的"))),
    )


@CLEANING.add
class NearDuplicates(Step):
    """Keep one of nearly equal rows."""

    kind = "near_duplicates"
    order = 11
    label = Text("Drop near duplicates", "去除近似重复")
    help = Text(
        "Of rows that differ in a few characters one stays. Works for Chinese and English alike.",
        "只差几个字的行只留一行。中文与英文同样有效。",
    )
    section = NearDuplicatesSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By character n-grams (workbench.data.nearby)."""
        columns, made = view.named(section), list[Row | Text](rows)
        texts = [view.text_of(row, columns) for row in rows]
        for group in groups(texts, section.threshold):
            kept = group[0] if section.keep == "first" else max(group, key=lambda place: len(texts[place]))
            for place in group:
                if place != kept:
                    made[place] = Text(f"nearly the same as row {kept + 1}", f"与第 {kept + 1} 行近似")
        return Outcome(made)
