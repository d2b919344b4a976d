"""Training and held-out rows: seeded, stratified, at least one row on each side."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from workbench.core.errors import UserError
from workbench.core.task import Row
from workbench.data import nearby
from workbench.data.values import as_text

ANSWERS = frozenset(
    ("label", "labels", "score", "response", "summary", "answers", "tags", "chosen", "rejected", "target")
)
"""Roles that answer: two rows that ask the same may answer differently."""


def split(rows: Sequence[Row], share: float, seed: int, stratify: str | None = None) -> tuple[list[Row], list[Row]]:
    """(training, held-out): about `share` held out, of every value of `stratify` alike; both keep the order of `rows`."""
    if len(rows) < 2:
        raise UserError(
            f"data: {len(rows)} row is too few to keep one for the comparison; at least 2 are needed. Add rows.",
            f"data：只有 {len(rows)} 行，无法留出对照；至少需要 2 行。请添加数据。",
            field="data.dataset",
        )
    wanted = min(len(rows) - 1, max(1, round(len(rows) * share)))
    picked = _pick(_groups(rows, stratify), wanted, random.Random(seed))
    return (
        [row for index, row in enumerate(rows) if index not in picked],
        [row for index, row in enumerate(rows) if index in picked],
    )


def _groups(rows: Sequence[Row], stratify: str | None) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(as_text(row.get(stratify)) if stratify else "", []).append(index)
    return [groups[key] for key in sorted(groups)]


def _pick(groups: list[list[int]], wanted: int, chance: random.Random) -> set[int]:
    """Positions to hold out: each group's fair part rounded down, the rest where most was cut off; no group is emptied."""
    total = sum(map(len, groups))
    for group in groups:
        chance.shuffle(group)
    parts = [min(len(group) * wanted // total, len(group) - 1) for group in groups]
    left = sorted(range(len(groups)), key=lambda number: (-(len(groups[number]) * wanted % total), number))
    spare = [number for number in left if parts[number] < len(groups[number]) - 1] or left
    for number in spare[: wanted - sum(parts)]:
        parts[number] += 1
    return {index for group, part in zip(groups, parts, strict=True) for index in group[:part]}


def apart(rows: Sequence[Row], share: float, seed: int, stratify: str | None = None) -> tuple[list[Row], list[Row]]:
    """The same, with rows that ask the same on one side: or the held-out ones would be known from training."""
    groups = copies([" ".join(as_text(value) for role, value in row.items() if role not in ANSWERS) for row in rows])
    if len(groups) in (1, len(rows)) or len(rows) < 2:
        return split(rows, share, seed, stratify)
    labels = [as_text(row.get(stratify)) if stratify else "" for row in rows]
    held = in_groups(groups, labels, max(1, round(len(rows) * share)), seed)
    return (
        [row for place, row in enumerate(rows) if place not in held],
        [row for place, row in enumerate(rows) if place in held],
    )


def copies(texts: Sequence[str]) -> list[list[int]]:
    """Places of equal texts together; a row without a text stands alone."""
    found: dict[str | int, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        found[nearby.wording(text) or text or place].append(place)
    return list(found.values())


def in_groups(groups: list[list[int]], labels: Sequence[str], wanted: int, seed: int) -> set[int]:
    """About `wanted` rows in whole groups, of every label alike; no label is emptied, and a group goes by its first label."""
    if len(groups) < 2:
        raise UserError("All rows say the same; nothing can be held out.", "所有行文字相同，无法留出。", field="split")
    strata: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        strata[labels[group[0]]].append(group)
    held, goal, chance = set[int](), 0.0, random.Random(seed)
    for name in sorted(strata):
        chance.shuffle(strata[name])
        goal += wanted * sum(map(len, strata[name])) / len(labels)
        for group in strata[name][1:]:
            if len(held) + len(group) <= round(goal):
                held.update(group)
    return held or set(sorted(groups, key=len)[0])
