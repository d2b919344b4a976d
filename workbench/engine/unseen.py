"""Rows a model has not been trained on: the only ones that say what it can do. Rows are the same when they ask the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.task import Row, Task
from workbench.core.workspace import Workspace
from workbench.engine.material import gather


def key(task: Task, row: Row) -> str:
    """What a row asks, whatever the answer."""
    parts = [row[name] for name in task.asks or ("messages", "prompt") if name in row and name != "chosen"]
    return json.dumps(parts, ensure_ascii=False, default=str).casefold()


def overlap(task: Task, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, int]:
    """Held-out rows whose question is also trained on, and those that repeat another held-out row."""
    known, held = {key(task, row) for row in train}, [key(task, row) for row in heldout]
    return {"trained": sum(each in known for each in held), "repeated": len(held) - len(set(held))}


def trained_on(workspace: Workspace, task: Task, targets: Iterable[str]) -> set[str]:
    """Keys of what any of these runs was trained on, as far as its dataset is still there. Models are no runs: nothing is known of them."""
    found: set[str] = set()
    for target in targets:
        try:
            recipe = runs.find(workspace, target).recipe
            if recipe.task.kind == task.kind:
                found |= {key(task, row) for row in gather(workspace, recipe).train}
        except UserError:
            continue
    return found


def left(task: Task, rows: list[Row], known: set[str]) -> list[Row]:
    """The rows that were not trained on; UserError when none is left."""
    found = [row for row in rows if key(task, row) not in known]
    if rows and not found:
        raise UserError(
            "Every row of this dataset was trained on: a score on them would only tell what was learned by heart. Choose other data.",
            "该数据集的每一行都参与过训练，在这些行上评分只能看出背下了多少。请换用其他数据。",
            field="data",
        )
    return found
