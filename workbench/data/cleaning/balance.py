"""As many rows of every label: fewer of the frequent ones, or the rare ones more than once. Held-out rows stay as they are."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View
from workbench.data.values import as_text


class BalanceSection(StepSection):
    """Down or up."""

    kind: str = "balance"
    how: str = knob(
        "down",
        Text("How", "方式"),
        Text("Drop rows of frequent labels, or repeat rows of rare ones.", "减少多数类的行，或重复少数类的行。"),
        choices=(("down", Text("drop frequent", "减少多数类")), ("up", Text("repeat rare", "重复少数类"))),
    )
    seed: int = knob(
        42,
        Text("Seed", "随机种子"),
        Text("The same seed takes the same rows.", "相同种子取相同的行。"),
        ge=0,
        lt=2**32,
        advanced=True,
    )


@CLEANING.add
class Balance(Step):
    """Even labels."""

    kind = "balance"
    order = 30
    label = Text("Balance labels", "平衡标签")
    help = Text("Every label gets as many training rows as the others.", "让每个标签的训练行数相同。")
    section = BalanceSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Among the training rows that have a label."""
        label, dice = view.column("label"), random.Random(section.seed)
        found: dict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(rows):
            name = as_text(row.get(label)).strip()
            if name and not view.held(row):
                found[name].append(place)
        made, added = list[Row | Text](rows), list[Row]()
        goal = (min if section.how == "down" else max)(map(len, found.values()), default=0)
        for name, places in found.items():
            for place in dice.sample(places, len(places) - goal) if section.how == "down" else ():
                made[place] = Text(
                    f"{name} had {len(places)} rows, now {goal}", f"{name} 原有 {len(places)} 行，现为 {goal} 行"
                )
            if section.how == "up":
                added += [dict(rows[place]) for place in _more(places, goal, dice)]
        return Outcome(made, added)


def _more(places: list[int], goal: int, dice: random.Random) -> list[int]:
    """Every row as often as the others, as near as it goes."""
    whole, rest = divmod(goal - len(places), len(places))
    return [*places * whole, *dice.sample(places, rest)]
