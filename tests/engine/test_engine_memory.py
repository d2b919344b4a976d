"""Memory that runs out, for real and in mock: only the worker dies, the words have a number, and the system is told whom to take first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import note
from fewrows import wait

from workbench.core.events import Event
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import supervisor, worker
from workbench.engine.diagnosis import diagnose

Make = Callable[..., Recipe]
STEP = "workbench.engine.callback:Reporter._step"


@pytest.mark.slow
@pytest.mark.parametrize(
    "acts", [(f"{STEP}:2=limit:64", f"{STEP}:3=grab:512"), (f"{STEP}:2=cuda",)], ids=["ulimit", "cuda"]
)
def test_a_worker_without_memory_ends_with_a_number_and_the_change_runs(workspace: Workspace, recipe: Make, spoil: Callable[..., None], acts: tuple[str, ...]) -> None:  # fmt: skip
    spoil(*acts)
    run = supervisor.start(workspace, recipe(training__max_steps=6, evaluation__baseline=False))
    assert wait(run) == "failed"
    said = run.events()[0][-1]
    assert "batch size to 2" in str(said.get("en"))
    assert "批大小降到 2" in str(said.get("zh"))
    found = diagnose(run)[0]
    assert (found.kind, found.changes["training.per_device_train_batch_size"]) == ("out_of_memory", 2)
    if len(acts) == 1:
        spoil()
        again = supervisor.start(workspace, run.recipe.replace(found.changes))
        assert wait(again) == "finished"
    note("F13", "from the last step to the sentence", said.up - _last_step(run).up, "s")  # type: ignore[operator]


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
