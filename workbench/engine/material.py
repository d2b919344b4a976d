"""The rows of a run: what is trained on and what is held out. The supervisor checks with it, the worker trains with it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from workbench.core.recipe import Recipe
from workbench.core.task import TASKS, Row, Task
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.library import Dataset
from workbench.data.split import apart, split


@dataclass(frozen=True)
class Material:
    """Rows by role names, the dataset they came from, and remarks for the person."""

    dataset: Dataset
    train: list[Row]
    heldout: list[Row]
    notes: list[Text] = field(default_factory=list)


def gather(workspace: Workspace, recipe: Recipe) -> Material:
    """Training and held-out rows of a recipe; the same recipe always gives the same rows."""
    task = TASKS.get(recipe.task.kind)
    dataset = library.find(workspace, recipe.data.dataset, recipe.data.version)
    made = dataset.convert(task, recipe.data.roles or None)
    train, heldout, seed = made.rows, made.heldout, recipe.training.seed
    if heldout is None:
        train, heldout = apart(train, recipe.data.validation, seed, task.stratify)
    train = at_most(train, recipe.data.max_rows, seed, task)
    heldout = half(heldout, recipe.evaluation.part, seed, task)
    heldout = at_most(heldout, recipe.evaluation.max_rows, seed, task)
    return Material(dataset, train, heldout, made.notes())


def half(rows: list[Row], part: str, seed: int, task: Task) -> list[Row]:
    """All held-out rows, the half that a search selects by, or the half that it never sees."""
    if part == "all":
        return rows
    selection, untouched = apart(rows, 0.5, seed, task.stratify)
    return selection if part == "selection" else untouched


def at_most(rows: list[Row], limit: int, seed: int, task: Task) -> list[Row]:
    """At most `limit` rows (0: all), picked at random, every label in its share."""
    if not limit or len(rows) <= limit:
        return rows
    return split(rows, limit / len(rows), seed, task.stratify)[1]


def sample(rows: list[Row], limit: int, seed: int) -> list[Row]:
    """A seeded sample in the order of `rows`."""
    if len(rows) <= limit:
        return rows
    picked = sorted(random.Random(seed).sample(range(len(rows)), limit))
    return [rows[index] for index in picked]
