"""Memory that runs out, for real and in mock: only the worker dies, the words have a number, and the system is told whom to take first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import spoiled
from engineruns import QUIET, worked
from faults import note
from fewrows import wait

from workbench.core.events import Event
from workbench.core.recipe import Recipe
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import supervisor, worker
from workbench.engine.diagnosis import diagnose

Make = Callable[..., Recipe]
pytestmark = QUIET
STEP = "workbench.engine.callback:Reporter._step"


@pytest.mark.slow
def test_a_worker_without_memory_ends_with_a_number_and_the_change_is_a_recipe(workspace: Workspace, recipe: Make, spoil: Callable[..., None]) -> None:  # fmt: skip
    """As under `ulimit -v`: the kernel refuses, torch says so, the worker tells it and ends; nobody else notices."""
    spoil(f"{STEP}:2=limit:64", f"{STEP}:3=grab:512")
    run = supervisor.start(workspace, recipe(training__max_steps=6, evaluation__baseline=False))
    assert wait(run) == "failed"
    helped(run)
    note("F13", "from the last step to the sentence", run.events()[0][-1].up - _last_step(run).up, "s")  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("act", ["cuda", "memory"])
def test_a_full_gpu_or_python_says_the_same(workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch, act: str) -> None:  # fmt: skip
    run = create(workspace, recipe(training__max_steps=6, evaluation__baseline=False))
    assert worked(run, monkeypatch, 3, lambda reporter: spoiled.ACTS[act](0)) == "failed"
    helped(run)


def helped(run: Run) -> None:
    """The sentence has a number, and the doctor the change that goes with it."""
    said = run.events()[0][-1]
    assert "batch size to 2" in str(said.get("en"))
    assert "批大小降到 2" in str(said.get("zh"))
    found = diagnose(run)[0]
    assert (found.kind, found.changes["training.per_device_train_batch_size"]) == ("out_of_memory", 2)
    assert run.recipe.replace(found.changes).training.gradient_accumulation_steps == 2


def _last_step(run: Run) -> Event:
    return next(event for event in reversed(run.events()[0]) if event.kind == "step")


def test_a_worker_tells_the_system_to_take_it_before_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    score = tmp_path / "oom_score_adj"
    score.write_text("0")
    monkeypatch.setattr(worker, "OOM", score)
    monkeypatch.setattr(os, "setsid", lambda: None)
    monkeypatch.setattr("psutil.Process.nice", lambda self, value: None)
    worker.be_polite()
    assert int(score.read_text()) == worker.FIRST_TO_GO > 0
