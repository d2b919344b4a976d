"""What may happen to a run from outside: it is held still, printed over, stopped at any moment, written by another release."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from fewrows import kinds, wait

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.core.run import all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import logcap, supervisor
from workbench.ui.feed import Feed

Make = Callable[..., Recipe]


@pytest.mark.slow
def test_a_worker_that_is_held_still_goes_on_and_no_second_one_starts(workspace: Workspace, recipe: Make) -> None:
    plain = supervisor.start(workspace, recipe(training__max_steps=30, evaluation__baseline=False))
    wait(plain)
    run = supervisor.start(workspace, recipe(training__max_steps=30, evaluation__baseline=False))
    wait(run, lambda: "step" in kinds(run))
    worker = run.worker()
    assert worker
    os.kill(worker.pid, signal.SIGSTOP)
    for _ in range(5):
        assert supervisor.launch_next(workspace) is None
        assert run.status == "running"
        time.sleep(0.2)
    os.kill(worker.pid, signal.SIGCONT)
    assert wait(run) == "finished"
    steps = [[event.get("loss") for event in each.events()[0] if event.kind == "step"] for each in (plain, run)]
    assert steps[0] == steps[1]


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["prepare", "load", "evaluate", "train"])
def test_a_stop_is_granted_in_every_phase_and_leaves_no_process(workspace: Workspace, recipe: Make, phase: str) -> None:  # fmt: skip
    run = supervisor.start(workspace, recipe(training__max_steps=100_000, evaluation__baseline=False))
    wait(run, lambda: any(event.get("phase") == phase for event in run.events()[0]))
    worker = run.worker()
    began = time.monotonic()
    supervisor.stop(run)
    said = time.monotonic() - began
    assert wait(run) == "stopped"
    print(f"stop in {phase}: acknowledged after {1000 * said:.0f} ms, gone after {time.monotonic() - began:.1f} s")
    mine = [each for each in psutil.process_iter(["cmdline"]) if str(run.folder) in " ".join(each.info["cmdline"] or [])]  # fmt: skip
    psutil.wait_procs([*mine, *([worker] if worker else [])], timeout=15)
    assert not [each for each in mine if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_a_log_that_grows_is_cut_and_keeps_its_end(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    with path.open("ab", buffering=0) as log:
        for number in range(3000):
            log.write(f"line {number} \x1b[31m<script>\n".encode())
        assert logcap.cut(path, limit=10_000, kept=2_000)
        log.write(b"the last line\n")
    text = path.read_text()
    assert path.stat().st_size < 4_000
    assert text.startswith(logcap.CUT.decode())
    assert "line 2999 " in text
    assert text.endswith("the last line\n")
    assert not logcap.cut(path, limit=10_000, kept=2_000)


def test_runs_of_other_releases_are_listed_and_their_files_stay(workspace: Workspace, recipe: Make) -> None:
    old, new = create(workspace, recipe(name="old")), create(workspace, recipe(name="new"))
    (old.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    old.events_path.write_text('{"kind": "started", "time": 1}\n{"kind": "step", "time": 2, "step": 1, "loss": 1.5}\n')
    recipe_text = (new.folder / "recipe.yaml").read_text() + "unknown_section:\n  setting: 1\n"
    (new.folder / "recipe.yaml").write_text(recipe_text)
    new.events_path.write_text('{"kind": "started", "time": 1}\n{"kind": "teleported", "time": 2, "to": "mars"}\nnot json\n{"kind": "finished", "time": 3}\n')  # fmt: skip
    before = {path: path.read_bytes() for run in (old, new) for path in run.folder.iterdir()}
    assert {run.id: run.status for run in all_runs(workspace)} == {old.id: "lost", new.id: "finished"}
    assert [len(Feed().view(run).steps) for run in (old, new)] == [1, 0]
    with pytest.raises(UserError, match="unknown_section"):
        _ = type(new)(new.folder).recipe
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("damage", [b"\0" * 500, b"\xff\xfe\xfa", b"[]\n{}\n", b'{"kind": "step"', b'{"kind":"finished","time":"x"}\n'])  # fmt: skip
def test_a_damaged_log_is_read_as_far_as_it_goes(workspace: Workspace, recipe: Make, damage: bytes) -> None:
    run = create(workspace, recipe())
    good = [json.dumps({"kind": "step", "time": n, "step": n, "loss": 1.0}).encode() + b"\n" for n in range(1, 4)]
    run.events_path.write_bytes(good[0] + damage + b"\n" + good[1] + good[2] + good[2][:7])
    assert [step["step"] for step in Feed().view(run).steps] == [1, 2, 3]
