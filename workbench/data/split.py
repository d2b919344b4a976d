"""Training and held-out rows: seeded, stratified, at least one row on each side."""

from __future__ import annotations

import random
from collections.abc import Sequence

from workbench.core.errors import UserError
from workbench.core.task import Row
from workbench.data.values import as_text


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
