"""A method put on a model, to count what it trains: the workbench's own methods, on a model without weights where only numbers matter.
Nothing here may be called by the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.family import family
from workbench.core.method import METHODS
from workbench.core.task import TASKS
from workbench.models import loading
from workbench.models.facts import read_config

USUAL = {"decoder": "text-generation", "encoder": "text-classification", "pair": "summarization"}
"""The task a model is counted with, by its kind."""


class Count(NamedTuple):
    """Parameters: trained, and all (with what the method added)."""

    trained: int
    total: int


def task_of(config: dict[str, Any]) -> str:
    """The task such a model is counted with."""
    return USUAL[family(config)]


def hollow(folder: Path) -> tuple[Any, str]:
    """(a model of that shape without weights, the task it was made for)."""
    import torch
    import transformers

    config = read_config(folder)
    kind = task_of(config)
    auto = getattr(transformers, TASKS.get(kind).head(config))
    with torch.device("meta"):
        made = loading.hollow(auto, folder, loading.load_config(folder))
    return made, kind


def applied(model: Any, task: str, method: str, **knobs: Any) -> Any:
    """The model under a method; knobs the method lacks are left out."""
    chosen = METHODS.get(method)
    fitting = {name: value for name, value in knobs.items() if name in chosen.section.model_fields}
    return chosen.apply(model, TASKS.get(task), chosen.section(**{"kind": method, **fitting}))


def count(model: Any) -> Count:
    """Each tensor once, however many names it has."""
    values = list(model.parameters())
    return Count(sum(each.numel() for each in values if each.requires_grad), sum(each.numel() for each in values))


def placed(model: Any) -> list[tuple[str, tuple[int, ...]]]:
    """(name, shape) of everything that is trained."""
    return [(name, tuple(value.shape)) for name, value in model.named_parameters() if value.requires_grad]
