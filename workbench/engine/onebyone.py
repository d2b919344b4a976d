"""Does it matter in what company a row is asked? A model whose padding is not masked, or whose numbers are coarse, answers otherwise in a
batch than alone; its score is then partly the batch size's. Some held-out rows are asked again, one at a time, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from workbench.core.task import Row, Task
from workbench.engine import evidence

ROWS, WORDY = 50, 8
"""Rows asked again; of those that are answered in words, fewer: words take long."""
NEAR = 0.01
"""A score that moves by less than this share is rounding, no other answer."""


def asked_again(task: Task, rows: Sequence[Row], said: Any, judge: Any) -> dict[str, int]:
    """`check` with the model that gave these answers."""
    lone = replace(judge, batch_size=1, samples=0, generated=WORDY)
    return check(task, rows, said, lambda few: task.predict(few, lone))


def check(task: Task, rows: Sequence[Row], said: Any, alone: Callable[[Sequence[Row]], Any]) -> dict[str, int]:
    """{"rows": asked again, "flipped": of them answered otherwise}. `alone` asks rows one at a time."""
    few = rows[:ROWS]
    known = {each["id"]: each for each in evidence.told(task, rows, said)}
    again = [each for each in evidence.told(task, few, alone(few)) if each["id"] in known]
    return {"rows": len(again), "flipped": sum(flipped(known[each["id"]], each) for each in again)}


def flipped(one: evidence.Told, other: evidence.Told) -> bool:
    """Another answer, or one that is better or worse by more than rounding."""
    moved = abs(one["gain"] - other["gain"])
    return bool(one["answer"] != other["answer"] or moved > NEAR * max(1.0, abs(one["gain"])))
