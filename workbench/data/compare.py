"""What two versions of a dataset differ in: rows that are the same, changed, gone and new, and the steps between them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

from workbench.data.dataset import Dataset
from workbench.data.values import as_text

SHOWN = 30
ALIKE = 5000
"""Rows on either side up to which changed rows are paired in order; beyond, they count as gone and new."""


def compare(old: Dataset, new: Dataset) -> dict[str, Any]:
    """{"same", "changed", "gone", "new": numbers of rows, "examples", "steps": those of the newer that the older has not}."""
    before, after = [_key(row) for row in old.rows()], [_key(row) for row in new.rows()]
    common = Counter(before) & Counter(after)
    left, right = _rest(before, common), _rest(after, common)
    both = sorted({*old.meta["columns"]} & {*new.meta["columns"]})
    grown = _grown(left, right, both) if set(old.meta["columns"]) != set(new.meta["columns"]) else []
    left, right = _rest(left, Counter(a for a, _ in grown)), _rest(right, Counter(b for _, b in grown))
    pairs = list(zip(left, right, strict=False)) if len(left) == len(right) else _paired(left, right)
    lost, found = _rest(left, Counter(a for a, _ in pairs)), _rest(right, Counter(b for _, b in pairs))
    kinds = [
        [{"what": "changed", "before": _differing(a, b), "after": _differing(b, a), "row": _plain(a)} for a, b in pairs[:SHOWN]],
        [{"what": "gone", "before": _plain(a), "after": ""} for a in lost[:SHOWN]],
        [{"what": "new", "before": "", "after": _plain(b)} for b in found[:SHOWN]],
        [{"what": "changed", "before": _differing(a, b), "after": _differing(b, a), "row": _plain(a)} for a, b in grown[:SHOWN]],
    ]  # fmt: skip
    share = SHOWN // max(1, sum(map(bool, kinds)))
    steps, known = new.meta.get("steps", []), old.meta.get("steps", [])
    return {
        "same": sum(common.values()), "changed": len(pairs) + len(grown), "gone": len(lost), "new": len(found),
        "examples": [each for some in kinds for each in some[:share]],
        "steps": steps[len(known) :] if steps[: len(known)] == known else steps,
    }  # fmt: skip


def _grown(left: list[str], right: list[str], both: list[str]) -> list[tuple[str, str]]:
    """Rows that are the same but for columns that only one side has, one to one: a split, or a step, gave every row another column."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for key in reversed(right):
        waiting[_part(key, both)].append(key)
    return [(key, same.pop()) for key in left if (same := waiting.get(_part(key, both)))]


def _part(key: str, columns: list[str]) -> str:
    row = json.loads(key)
    return json.dumps([row.get(name) for name in columns], ensure_ascii=False)


def _key(row: dict[str, Any]) -> str:
    return json.dumps(
        {name: value for name, value in row.items() if value is not None}, ensure_ascii=False, sort_keys=True
    )


def _rest(keys: list[str], common: Counter[str]) -> list[str]:
    left, rest = Counter(common), []
    for key in keys:
        if left[key]:
            left[key] -= 1
        else:
            rest.append(key)
    return rest


def _paired(left: list[str], right: list[str]) -> list[tuple[str, str]]:
    """Rows that have at least one column alike, in order, one to one."""
    if max(len(left), len(right)) > ALIKE:
        return []
    waiting: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, key in enumerate(right):
        for name, value in json.loads(key).items():
            waiting[name, as_text(value)].append(place)
    used: set[int] = set()
    pairs = []
    for key in left:
        places = [waiting.get((name, as_text(value)), []) for name, value in json.loads(key).items()]
        found = min(
            (place for several in places if len(several) <= 3 for place in several if place not in used), default=None
        )
        if found is not None:
            used.add(found)
            pairs.append((key, right[found]))
    return pairs


def _differing(one: str, other: str) -> str:
    mine, theirs = json.loads(one), json.loads(other)
    return "\n".join(f"{name}: {as_text(value)}" for name, value in mine.items() if theirs.get(name) != value)


def _plain(key: str) -> str:
    return "\n".join(f"{name}: {as_text(value)}" for name, value in json.loads(key).items())
