"""What a press on Start would do, in words and numbers: rows, steps, settings that were changed, doubts, and what the test rows can show."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine.power import LARGE
from workbench.models import catalog
from workbench.models.facts import read_config
from workbench.ui.form import Form
from workbench.ui.notices import esc, facts, hint, problem, tag
from workbench.ui.page import Page

MANY, FEW_ROWS = 30, 20
"""A learning rate so many times the usual one is hardly meant; nor is a run on fewer rows."""
DISAGREE = 0.2
"""Share of rows on which base and tuned model usually differ, for want of better knowledge."""


def drawn(page: Page, form: Form) -> str:
    """What a press on the button would do, in words and numbers."""
    words = page.words
    try:
        recipe = page.draft.recipe()
    except UserError as error:
        return problem(error, words.lang)
    method, task = METHODS.get(recipe.method.kind), TASKS.get(recipe.task.kind)
    pairs = [
        (words("task"), words.say(task.label)),
        (words("dataset"), f"{recipe.data.dataset}{_rows(page, recipe)}"),
        (words("model"), recipe.model.id),
        (words("method"), words.say(method.label)),
        (words("effective_batch"), batch(recipe)),
        (words("rate"), f"{recipe.training.learning_rate:g}"),
        (words("epochs"), f"{recipe.training.num_train_epochs:g}"),
        *_can_show(page, recipe),
    ]
    if changed := form.changed():
        pairs.append(
            (words("changed_settings"), " · ".join(f"{name} {_short(value)}" for name, value in changed.items()))
        )
    title = tag("h2", esc(words("preview")))
    config = config_of(page, recipe.model.id)
    warning = task.suits(config) or method.fits(task, config)
    note = problem(words.say(warning), words.lang) if warning else ""
    ways = "".join(tag("button", esc(words(f"change_{to}")), type="button", class_="link", data_go=to) for to in ("data", "model"))  # fmt: skip
    return tag(
        "div", title + facts(pairs) + tag("div", ways, class_="ways") + note + _doubts(page, recipe), class_="card"
    )


def _doubts(page: Page, recipe: Recipe) -> str:
    """What is possible, but hardly meant."""
    words, rate = page.words, recipe.training.learning_rate
    usual = METHODS.get(recipe.method.kind).suggests.get(
        "training.learning_rate", type(recipe.training)().learning_rate
    )
    found = _split(page, recipe)
    doubts = [words("rate_doubt", rate=f"{rate:g}", times=f"{rate / usual:.0f}", usual=f"{usual:g}")] if rate > MANY * usual else []  # fmt: skip
    doubts += [words("rows_doubt", n=found[0])] if found and found[0] < FEW_ROWS else []
    return "".join(hint(doubt) for doubt in doubts)


def _can_show(page: Page, recipe: Recipe) -> list[tuple[str, str]]:
    """What the held-out rows can tell apart: the smallest difference in accuracy that the report card's test finds four times out of
    five, where base and tuned model disagree on a fifth of the rows."""
    found = _split(page, recipe) if recipe.task.kind == "text-classification" else None
    if not found or not found[1]:
        return []
    points = LARGE * math.sqrt(DISAGREE / found[1])  # the exact figure, within a point, costs a second to find
    said = "heldout_nothing" if points > DISAGREE else "heldout_points"
    return [(page.words("heldout_can"), page.words(said, rows=found[1], points=f"{100 * points:.0f}"))]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else shorten(value, 40)


def config_of(page: Page, model: str) -> dict[str, Any]:
    """config.json of a model on this machine; empty for one that is not."""
    try:
        return read_config(catalog.here(page.workspace, model))
    except UserError:
        return {}


def batch(recipe: Recipe) -> str:
    training, feeds = recipe.training, recipe.compute.feeds
    size = training.per_device_train_batch_size * training.gradient_accumulation_steps * feeds
    times = f" ({training.per_device_train_batch_size} × {training.gradient_accumulation_steps} × {feeds})"
    return f"{size}{times if feeds > 1 else ''}"


def _split(page: Page, recipe: Recipe) -> tuple[int, int] | None:
    """(rows that train, rows held out); None where the dataset cannot be read."""
    try:
        dataset = library.find(page.workspace, recipe.data.dataset, recipe.data.version)
        roles = tuple(sorted(recipe.data.roles.items()))
        rows, own = _counted(page.workspace, dataset.name, dataset.version, recipe.task.kind, roles)
    except UserError:
        return None
    held = round(rows * recipe.data.validation) if own is None else own
    used = rows if own is not None else max(1, rows - held)
    return min(used, recipe.data.max_rows or used), min(held, recipe.evaluation.max_rows or held)


def _rows(page: Page, recipe: Recipe) -> str:
    """How many rows train and how many steps that makes."""
    found = _split(page, recipe)
    if found is None:
        return f" · {page.words('dataset_missing')}"
    used, training = found[0], recipe.training
    batches = -(-used // (training.per_device_train_batch_size * recipe.compute.feeds))
    per_epoch = -(-batches // training.gradient_accumulation_steps)
    total = training.max_steps if training.max_steps > 0 else math.ceil(per_epoch * training.num_train_epochs)
    return f" · {page.words('rows_steps', rows=used, steps=total)}"


@lru_cache(maxsize=64)
def _counted(
    workspace: Workspace, name: str, version: int, task: str, roles: tuple[Any, ...]
) -> tuple[int, int | None]:
    """(rows, held-out rows that the dataset brings, if it does); versions never change, so this is kept."""
    found = library.find(workspace, name, version)
    train, heldout = found.task_rows(TASKS.get(task), dict(roles) or None)
    return len(train), None if heldout is None else len(heldout)
