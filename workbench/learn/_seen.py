"""What the workspace shows was really done; `None` when it was not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

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


def trained(run: Run) -> Text:
    """How such a run is told of."""
    return Text(f"Run {run.id}", f"训练任务 {run.id}")
