"""One cell of the matrix: a method on a task on a family of models. Two steps, saved, reloaded, merged, compared."""

from __future__ import annotations

import functools
import math
import tempfile
from pathlib import Path
from typing import Any

from families import FAMILIES, save_family

from workbench.core.method import METHODS, Method
from workbench.core.recipe import Recipe, parse
from workbench.core.run import create
from workbench.core.task import TASKS, Task
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.models.facts import read_config

ROWS = 4
SAME, NEAR = 1e-5, 1e-4
"""Largest difference of logits called the same after a reload; and after a merge, which adds in another order."""
SETTINGS = {"prompt-tuning": {"num_virtual_tokens": 4}, "prefix-tuning": {"num_virtual_tokens": 4}, "p-tuning": {"num_virtual_tokens": 4, "encoder_hidden_size": 16}, "vera": {"rank": 8}, "freeze": {"num_trainable_layers": 1}, "oft": {"oft_block_size": 8}}  # fmt: skip


@functools.lru_cache(maxsize=1)
def root() -> Path:
    """A place for the families' models, kept as long as the process lives."""
    held = tempfile.TemporaryDirectory(prefix="families-")
    _HELD.append(held)
    return Path(held.name)


_HELD: list[Any] = []


@functools.lru_cache
def model_folder(family: str) -> Path:
    """The family's base model."""
    return save_family(family, root() / family)


def reason(task: Task, method: Method, family: str) -> Text | None:
    """Why the cell is empty, if it is: the method does not fit, or the family has no such head."""
    config = read_config(model_folder(family))
    return task.suits(config) or method.fits(task, config)


@functools.lru_cache
def rows(kind: str) -> tuple[Any, ...]:
    """The first rows of the task's own sample."""
    task = TASKS.get(kind)
    dataset = library.find(Workspace(root() / "w"), task.sample)
    return tuple(dataset.convert(task, None).rows[:64])


def recipe_of(task: Task, method: Method, family: str, knobs: dict[str, Any] | None = None) -> Recipe:
    """A small recipe of the cell."""
    return parse(
        {
            "task": {"kind": task.kind, "max_length": 64}, "model": {"id": str(model_folder(family))},
            "method": {"kind": method.kind, **SETTINGS.get(method.kind, {}), **(knobs or {})}, "data": {"dataset": task.sample},
        }
    )  # fmt: skip


def applied(recipe: Recipe) -> Any:
    """The recipe's model with its method, ready to train; the same each time."""
    import torch

    from workbench.models import loading

    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    torch.manual_seed(0)
    options = {**task.model_options(list(rows(task.kind))), **method.loading(recipe.method)}
    return method.apply(loading.load_model(Path(recipe.model.id), task, options), task, recipe.method).train()


def batch_of(recipe: Recipe, model: Any) -> dict[str, Any]:
    """A padded batch of the task's own sample."""
    from workbench.models import loading

    task, tokenizer = TASKS.get(recipe.task.kind), loading.load_tokenizer(Path(recipe.model.id))
    return task.collator(tokenizer)(task.encode(list(rows(task.kind)), tokenizer, recipe.task, model).inputs[:ROWS])


def run_cell(
    task: Task, method: Method, family: str, folder: Path, knobs: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What is asserted of a cell: losses, what changed, and how far reloaded and merged logits lie from the tuned ones."""
    import torch

    from workbench.models import loading

    recipe, base = recipe_of(task, method, family, knobs), model_folder(family)
    run, model = create(Workspace(folder), recipe), applied(recipe)
    method.plan(model, 10)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    batch = batch_of(recipe, model)
    losses = step(model, method, batch)
    changed = {name for name, value in model.named_parameters() if not torch.equal(value.detach(), before[name])}
    wanted = {name for name, value in model.named_parameters() if value.requires_grad}
    tuned = logits(model, batch)
    loading.save_tuned(run, model, loading.load_tokenizer(base), task.model_options(list(rows(task.kind))))
    again = loading.load_tuned(run, base)
    cell = {"losses": losses, "changed": changed, "wanted": wanted, "again": again, "batch": batch, "merge": None}
    cell["reload"] = float((logits(again, batch) - tuned).abs().max())
    if method.unmergeable is None:
        merged = method.merge(loading.load_tuned(run, base))
        cell["merge"] = float((logits(merged, batch) - tuned).abs().max())
    return cell


def base_logits(task: Task, family: str, batch: dict[str, Any]) -> Any:
    """What the untouched base says."""
    from workbench.models import loading

    return logits(loading.load_model(model_folder(family), task, {}), batch)


def step(model: Any, method: Method, batch: dict[str, Any]) -> list[float]:
    """Two steps of AdamW."""
    import torch

    chosen = [value for value in model.parameters() if value.requires_grad]
    optimizer, losses = torch.optim.AdamW(chosen, lr=0.01), []
    for index in range(2):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        method.after_step(model, index)
        optimizer.zero_grad()
        losses.append(float(loss))
    return losses


def logits(model: Any, batch: dict[str, Any]) -> Any:
    """The model's first answer: logits, or a span's starts."""
    import torch

    model.eval()
    with torch.no_grad():
        made = model(**batch)
    return (made.logits if "logits" in made else made.start_logits).float()


def check(cell: dict[str, Any]) -> None:
    """What every cell promises."""
    assert all(math.isfinite(loss) for loss in cell["losses"])
    assert cell["changed"]
    assert cell["changed"] <= cell["wanted"]
    assert cell["reload"] < SAME
    assert cell["merge"] is None or cell["merge"] < NEAR


def cells() -> list[tuple[Task, Method, str]]:
    """Every combination."""
    return [(task, method, family) for task in TASKS.all() for method in METHODS.all() for family in FAMILIES]
