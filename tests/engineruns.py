"""Whole runs in the test's own process, on tiny models made from config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matrix
import pytest

from workbench.core.events import EventWriter
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.callback import Reporter
from workbench.engine.session import train
from workbench.engine.stage import Stage
from workbench.engine.worker import guarded
from workbench.engine.world import promised

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
"""A worker is a process of its own, where the libraries' warnings are nobody's business."""


def run_with(folder: Path, engine: str, training: dict[str, Any], **changes: Any) -> Run:
    """A run in this process."""
    kind = changes.get("task", "chat")
    family = changes.get("family", "llama")
    recipe = parse(
        {
            "task": {"kind": kind, "max_length": 48, **changes.get("knobs", {})}, "model": {"id": str(matrix.model_folder(family))},
            "method": changes.get("method", "lora"), "data": {"dataset": TASKS.get(kind).sample, "max_rows": 40},
            "training": {"engine": engine, "max_steps": 50, "per_device_train_batch_size": 4, "learning_rate": 5e-3, "eval_steps": 20, **training},
            "evaluation": {"max_rows": 12, "samples": 0}, "compute": {"threads": 1, **changes.get("compute", {})},
        }
    )  # fmt: skip
    run = create(Workspace(folder / engine), recipe)
    work(run)
    return run


def work(run: Run, again: bool = False) -> None:
    """What a worker does, in this process; `again` after one that was interrupted."""
    writer = EventWriter(run.events_path)
    try:
        train(Stage(run, writer, again=again, world=promised(run.recipe.compute)))
    finally:
        writer.close()


def worked(run: Run, monkeypatch: pytest.MonkeyPatch, at: int = 0, act: Callable[[Reporter], None] = lambda reporter: None, again: bool = False) -> str:  # fmt: skip
    """A whole worker in this process, its outermost edge too; something happens before the step `at` is told. The status it leaves.
    `again`: it takes up what an earlier one left."""
    plain = Reporter._step

    def step(self: Reporter, state: Any, logs: dict[str, Any]) -> None:
        if state.global_step == at:
            act(self)
        plain(self, state, logs)

    writer = EventWriter(run.events_path)
    with monkeypatch.context() as patched:
        patched.setattr(Reporter, "_step", step)
        try:
            writer.write("started")
            guarded(Stage(run, writer, again=again))
        finally:
            writer.close()
    return run.status


def told(run: Run, kind: str, key: str) -> list[Any]:
    """One value of every event of a kind."""
    return [event.get(key) for event in run.events()[0] if event.kind == kind]
