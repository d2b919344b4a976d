"""What the workspace shows was really done; `None` when it was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from workbench.core.method import METHODS
from workbench.core.preset import all_presets
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run, all_runs
from workbench.core.text import Text
from workbench.core.workspace import Workspace

FINISHED = ("finished", "stopped")
_KNOWN: ContextVar[list[Run] | None] = ContextVar("known", default=None)


@contextmanager
def looked_once(workspace: Workspace) -> Iterator[None]:
    """Within it the runs are looked through once, however many labs ask for them."""
    token = _KNOWN.set(list(finished(workspace)))
    try:
        yield
    finally:
        _KNOWN.reset(token)


def finished(workspace: Workspace) -> Iterator[Run]:
    """Runs that left a result, the newest first."""
    known = _KNOWN.get()
    if known is not None:
        return iter(known)
    return (
        run for run in all_runs(workspace) if run.status in FINISHED and run.unreadable is None and run.tuned.exists()
    )


def run_that(workspace: Workspace, fits: Callable[[Run], Any]) -> Run | None:
    """The newest finished run that fits."""
    return next((run for run in finished(workspace) if fits(run)), None)


@cache
def _usual(task: str, method: str, path: str) -> frozenset[str]:
    """What a form may say without anybody having chosen it: the default, what the method suggests, what recipes that come along say."""
    plain = parse({"task": task, "method": method, "model": {"id": "x"}, "data": {"dataset": "x"}})
    alike = [
        each.recipe for each in all_presets() if (each.recipe.task.kind, each.recipe.method.kind) == (task, method)
    ]
    suggested = METHODS.get(method).suggests.get(path)
    return frozenset(
        map(repr, [*([suggested] if suggested is not None else []), *(_at(each, path) for each in [plain, *alike])])
    )


def _at(recipe: Recipe, path: str) -> Any:
    section, _, name = path.partition(".")
    return getattr(getattr(recipe, section), name, None)


def chosen(run: Run, path: str) -> bool:
    """Whether somebody chose this setting of the run: a form that was only started says what is usual."""
    value, recipe = _at(run.recipe, path), run.recipe
    return value is not None and repr(value) not in _usual(recipe.task.kind, recipe.method.kind, path)


def trained(run: Run) -> Text:
    """How such a run is told of."""
    return Text(f"Run {run.id}", f"训练任务 {run.id}")
