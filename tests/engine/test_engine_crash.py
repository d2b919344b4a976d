"""SIGKILL at every phase of a run, in real worker processes: what is left is never torn, is seen for what it is, and goes on bit by bit."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from faults import note
from fewrows import wait
from places import ROOT
from safetensors.torch import load_file

from workbench.core.files import read_json
from workbench.core.recipe import Recipe
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, supervisor

Make = Callable[..., Recipe]
PHASES = {
    "the first word": "workbench.engine.stage:Stage.write:1",
    "rows are gathered": "workbench.engine.session:gather:1",
    "the model is loaded": "workbench.models.loading:load_model:1",
    "rows are encoded": "workbench.engine.session:encode:1",
    "held-out rows are answered": "workbench.engine.session:judge:1",
    "the method is put on": "workbench.engine.session:tell_model:1",
    "the first step": "workbench.engine.callback:Reporter._step:1",
    "a step in an epoch": "workbench.engine.callback:Reporter._step:2",
    "between two batches of a step": "workbench.engine.packing:tokens:4",
    "held-out rows are looked at": "workbench.engine.callback:Reporter.on_evaluate:1",
    "a checkpoint's files": "workbench.engine.checkpoint:trained:2",
    "a checkpoint's seal": "workbench.engine.checkpoint:seal:1",
    "a checkpoint's last name": "workbench.engine.checkpoint:sync_folder:1",
    "an old checkpoint is taken away": "workbench.engine.checkpoint:sealed:2",
    "after the last step": "workbench.engine.session:judge:2",
    "the result is saved": "workbench.models.loading:fresh_tensors:1",
    "the report is written": "workbench.engine.card:write_card:1",
}
"""module:name:at which call the worker kills itself."""
DYING = """
import functools, importlib, os, signal, sys
from workbench.engine import worker
module, name, count = sys.argv[2].split(":")
for early in ("workbench.engine.session", "workbench.engine.callback", "workbench.engine.checkpoint"):
    importlib.import_module(early)
place = importlib.import_module(module)
*owners, last = name.split(".")
for owner in owners:
    place = getattr(place, owner)
plain, calls = getattr(place, last), []
@functools.wraps(plain)
def dies(*given, **named):
    calls.append(1)
    if len(calls) == int(count):
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*given, **named)
setattr(place, last, dies)
sys.exit(worker.main([sys.argv[1]]))
"""


def settings(engine: str) -> dict[str, Any]:
    return {
        "training__engine": engine, "training__max_steps": 8, "training__save_steps": 2, "training__eval_steps": 3,
        "training__per_device_train_batch_size": 2, "training__gradient_accumulation_steps": 2, "training__keep_best": True,
        "method__lora_dropout": 0.1, "evaluation__baseline": False,
    }  # fmt: skip


def dies(run: Run, where: str) -> None:
    """A worker of this run that kills itself there."""
    if run.resumable:
        run.put_back()
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", DYING, str(run.folder), where], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240, check=False)  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]


def whole(run: Run) -> None:
    """Nothing that is offered is torn."""
    assert run.status == "lost"
    for path in checkpoint.sealed(run.checkpoints):
        mark = read_json(path / checkpoint.MANIFEST)["of"]
        assert checkpoint.wrong_with(path, mark) is None
    if run.tuned.exists():
        assert load_file(run.tuned / "adapter_model.safetensors")
    assert all(event.kind != "text" for event in run.events()[0])


def outcome(run: Run) -> tuple[dict[int, float], dict[str, Any], bytes]:
    steps = {event.get("step"): event.get("loss") for event in run.events()[0] if event.kind == "step"}
    return steps, run.report["after"], (run.tuned / "adapter_model.safetensors").read_bytes()  # type: ignore[index]


def finished(workspace: Workspace, run: Run) -> Run:
    supervisor.resume(run) if run.resumable else supervisor.launch_next(workspace)
    assert wait(run, seconds=240) == "finished", (run.folder / "worker.log").read_text()[-3000:]
    return run


def killed_everywhere(workspace: Workspace, recipe: Recipe, places: list[str]) -> None:
    unbroken = finished(workspace, create(workspace, recipe))
    run = create(workspace, recipe)
    for where in places:
        dies(run, where)
        began = time.monotonic()
        whole(run)
        note("F1", "classified after a kill", time.monotonic() - began, "s", 5)
    ended = outcome(finished(workspace, run))
    assert ended == outcome(unbroken)
    note("F1", f"kills in one run that ends with the same weights and losses ({recipe.training.engine})", len(places))
    note("F1", "losses that differ from the unbroken run", sum(a != b for a, b in zip(ended[0].items(), outcome(unbroken)[0].items(), strict=True)), most=0)  # fmt: skip
    assert not list(run.checkpoints.glob("best-*"))
    assert not list(run.checkpoints.glob("checkpoint-*"))


@pytest.mark.slow
def test_killed_at_every_phase_in_turn_a_run_ends_as_if_it_never_was(workspace: Workspace, recipe: Make) -> None:
    killed_everywhere(workspace, recipe(**settings("loop")), list(PHASES.values()))


@pytest.mark.long
@pytest.mark.parametrize("engine", ["trainer", "loop"])
@pytest.mark.parametrize("phase", PHASES)
def test_killed_at_one_phase_a_run_ends_as_if_it_never_was(phase: str, engine: str, workspace: Workspace, recipe: Make) -> None:  # fmt: skip
    killed_everywhere(workspace, recipe(**settings(engine)), [PHASES[phase]])


@pytest.mark.long
@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_killed_at_random_instants_a_run_ends_as_if_it_never_was(engine: str, workspace: Workspace, recipe: Make) -> None:  # fmt: skip
    dice = random.Random(7)
    chosen = recipe(**{**settings(engine), "training__max_steps": 60})
    unbroken = finished(workspace, create(workspace, chosen))
    run = create(workspace, chosen)
    supervisor.launch_next(workspace)
    kills = 0
    for _ in range(20):
        worker = run.worker()
        if worker is not None:
            with contextlib.suppress(psutil.TimeoutExpired):  # it still works: it is killed
                worker.wait(dice.uniform(2, 12))
        if run.status != "running":
            break
        supervisor._kill(run.worker())  # type: ignore[arg-type]
        run.worker() and run.worker().wait(10)  # type: ignore[union-attr]
        whole(run)
        kills += 1
        supervisor.resume(run)
    if run.status != "finished":
        assert wait(run, seconds=240) == "finished"
    assert outcome(run) == outcome(unbroken)
    note("F1", f"kills at random instants, same weights and losses ({engine})", kills)


def test_a_worker_killed_before_its_first_word_is_lost_and_can_go_on(workspace: Workspace, recipe: Make, tmp_path: Path) -> None:  # fmt: skip
    run = create(workspace, recipe())
    (run.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    assert run.status == "lost"
    run.put_back()
    assert run.status == "queued"
    (run.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    assert run.status == "lost"
