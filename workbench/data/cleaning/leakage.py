"""Training rows that also stand among the held-out rows: they would make every score too good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.nearby import groups
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View


class LeakageSection(StepSection):
    """How near counts as the same."""

    kind: str = "leakage"
    threshold: float = knob(
        0.9,
        Text("Similarity", "相似度"),
        Text(
            "From this similarity on a training row counts as a held-out one.",
            "相似度达到此值的训练行视为与留出行相同。",
        ),
        ge=0.3,
        le=1,
        example="0.9",
    )


@CLEANING.add
class Leakage(Step):
    """Held-out rows are not trained on."""

    kind = "leakage"
    order = 12
    label = Text("Stop leakage into training", "防止数据泄漏")
    help = Text(
        "Drops training rows that are, or nearly are, held-out rows. Needs a column with the role split.",
        "去掉与留出行相同或近似的训练行。需要角色为 split 的列。",
    )
    section = LeakageSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """The held-out row stays, the training row goes."""
        view.column("split")
        columns, made = view.named(section), list[Row | Text](rows)
        held = [view.held(row) for row in rows]
        for group in groups([view.text_of(row, columns) for row in rows], section.threshold):
            tests = [place for place in group if held[place]]
            for place in group if tests else ():
                if not held[place]:
                    made[place] = Text(
                        f"held-out row {tests[0] + 1} says the same", f"与留出的第 {tests[0] + 1} 行内容相同"
                    )
        return Outcome(made)
