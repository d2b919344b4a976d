"""The labels of a run, counted where its rows are at hand: what the failure doctor needs to know when their number is wrong.

An event "labels": how many there are, in how many rows, how many stand in one row only; labels of held-out rows that no training row
has, and whether more training rows would bring them; whether all are numbers; other columns that look like labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.core.recipe import Recipe
from workbench.core.task import Row
from workbench.core.workspace import Workspace
from workbench.data.dataset import Dataset
from workbench.engine.material import Material, gather

LOOKED_AT, FEW, NAMED = 1000, 20, 5
"""Rows that columns are judged by, labels that are few, labels named in a sentence."""


def told(workspace: Workspace, recipe: Recipe, material: Material) -> dict[str, Any] | None:
    """The facts of the event, or None for a task without labels."""
    role = next((name for name in ("label", "labels", "tags") if material.train and name in material.train[0]), None)
    if role is None:
        return None
    counts = Counter(label for row in material.train for label in labels_in(row, role))
    lacking = [row for row in material.heldout if not counts.keys() >= labels_in(row, role)]
    unseen = Counter(label for row in lacking for label in labels_in(row, role) - counts.keys())
    roles = dict(recipe.data.roles or material.dataset.meta["roles"])
    many = role == "label" and len(counts) > FEW and 2 * len(counts) > len(material.train)
    return {
        "count": len(counts), "rows": len(material.train), "once": sum(times == 1 for times in counts.values()), "many": many,
        "heldout": len(material.heldout), "unseen_rows": len(lacking), "unseen": [label for label, _ in unseen.most_common(NAMED)],
        "whole": bool(unseen) and _in_all_rows(workspace, recipe, role, unseen.keys()), "numbers": all(map(_is_number, counts)), "roles": roles,
        "columns": _like_labels(material.dataset, roles) if many else [],
    }  # fmt: skip


def labels_in(row: Row, role: str) -> set[str]:
    """The labels of one row."""
    value = row[role]
    return {str(each) for each in value} if isinstance(value, (list, tuple)) else {str(value)}


def _in_all_rows(workspace: Workspace, recipe: Recipe, role: str, wanted: Any) -> bool:
    """Whether training rows beyond the chosen number have them."""
    if not recipe.data.max_rows:
        return False
    rows = gather(workspace, recipe.replace({"data.max_rows": 0})).train
    return bool({label for row in rows for label in labels_in(row, role)} >= set(wanted))


def _is_number(label: str) -> bool:
    try:
        return float(label) == float(label)
    except ValueError:
        return False


def _like_labels(dataset: Dataset, roles: dict[str, str]) -> list[str]:
    """Columns without a role that have few different values."""
    rows = dataset.rows(0, LOOKED_AT)
    return [name for name in dataset.meta["columns"] if name not in roles and 2 <= _kinds(rows, name) <= FEW]


def _kinds(rows: Sequence[dict[str, Any]], column: str) -> int:
    return len({str(row.get(column)) for row in rows})
