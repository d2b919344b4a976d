"""The same text with different labels: a model can only get some of them wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.nearby import wording
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View
from workbench.data.values import as_text


class ConflictingLabelsSection(StepSection):
    """What becomes of them."""

    kind: str = "conflicting_labels"
    keep: str = knob(
        "majority",
        Text("Keep", "保留"),
        Text("Which rows of a conflict stay.", "冲突的行中保留哪些。"),
        choices=(
            ("majority", Text("the most frequent label", "最多的标签")),
            ("none", Text("none of them", "都不保留")),
        ),
    )


@CLEANING.add
class ConflictingLabels(Step):
    """One label for one text."""

    kind = "conflicting_labels"
    order = 15
    label = Text("Conflicting labels", "标签冲突")
    help = Text(
        "Finds texts that stand there with different labels and keeps the majority, or none where there is none. Rows without a label stay.",
        "找出同文不同标签的行，保留多数标签；没有多数时都不保留。没有标签的行会保留。",
    )
    section = ConflictingLabelsSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the wording; a row without a label says nothing about the others, and stays."""
        label = view.column("label")
        names = [as_text(row.get(label)).strip() for row in rows]
        found: dict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            if names[place]:
                found[wording(view.text_of(row, view.named(section)))].append(place)
        made = list[Row | Text](rows)
        for text, places in found.items():
            counts = Counter(names[place] for place in places).most_common()
            if not text or len(counts) < 2:
                continue
            winner = counts[0][0] if section.keep == "majority" and counts[0][1] > counts[1][1] else None
            told = ", ".join(f"{name} ×{count}" for name, count in counts)
            for place in places:
                if names[place] != winner:
                    made[place] = Text(f"labels of this text: {told}", f"这段文字的标签：{told}")
        return Outcome(made)
