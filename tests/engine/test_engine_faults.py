"""What may happen to a run from outside: it is held still, printed over, stopped at any moment, written by another release."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faults
import psutil
import pytest
from faults import note
from fewrows import kinds, wait

from workbench.core import clock
from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import ENDED, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, diagnosis, janitor, logcap, queue, supervisor, worker
from workbench.ui.draft import Draft
from workbench.ui.feed import Feed
from workbench.ui.page import Page
from workbench.ui.tabs import runs as runs_tab
from workbench.ui.words import Words

Make = Callable[..., Recipe]


@pytest.mark.slow
def test_a_worker_that_is_held_still_goes_on_and_no_second_one_starts(workspace: Workspace, recipe: Make) -> None:
    plain = supervisor.start(workspace, recipe(training__max_steps=30, evaluation__baseline=False))
    wait(plain)
    run = supervisor.start(workspace, recipe(training__max_steps=30, evaluation__baseline=False))
    wait(run, lambda: "step" in kinds(run))
    worker = run.worker()
    assert worker
    assert diagnosis.alarms(run) == ""
    os.kill(worker.pid, signal.SIGSTOP)
    began = time.monotonic()
    wait(run, lambda: diagnosis.alarms(run) == "held")
    note("F4", "“not responding” told", time.monotonic() - began, "s", 15)
    assert "not responding" in diagnosis.diagnose(run)[0].text.en
    for _ in range(5):
        assert supervisor.launch_next(workspace) is None
        assert run.status == "running"
        time.sleep(0.2)
    os.kill(worker.pid, signal.SIGCONT)
    assert wait(run) == "finished"
    assert sum(event.kind == "started" for event in run.events()[0]) == 1
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
    note("F5", "a stop acknowledged", 1000 * said, "ms", 300)
    note("F5", "saved and gone", time.monotonic() - began, "s", 10)
    mine = [each for each in psutil.process_iter(["cmdline"]) if str(run.folder) in " ".join(each.info["cmdline"] or [])]  # fmt: skip
    psutil.wait_procs([*mine, *([worker] if worker else [])], timeout=15)
    left = [each for each in mine if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    note("F5", "processes left", len(left), most=0)


@pytest.mark.slow
def test_a_worker_that_hangs_is_told_of_never_killed_and_can_be_cancelled(workspace: Workspace, recipe: Make, spoil: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(diagnosis, "STILL", 2.0)
    spoil("workbench.engine.callback:Reporter._step:12=hang")
    run = supervisor.start(workspace, recipe(training__max_steps=100_000, training__save_steps=5, evaluation__baseline=False))  # fmt: skip
    wait(run, lambda: diagnosis.alarms(run) == "hangs")
    found = diagnosis.diagnose(run)[0]
    assert "cancel it" in found.text.en
    assert "取消" in found.text.zh
    silent = clock.up() - run.events()[0][-1].up  # type: ignore[operator]
    note("F21", "flagged after a silence of (60 s outside this test)", silent, "s")
    supervisor.stop(run)  # asked, but nobody there to hear it: it is not killed for that
    for _ in range(10):
        supervisor.launch_next(workspace)
        time.sleep(0.1)
    assert run.status == "running"
    began = time.monotonic()
    supervisor.cancel(run)
    note("F21", "cancelled and gone", time.monotonic() - began, "s", 10)
    assert (run.status, run.worker(), run.resumable) == ("stopped", None, True)
    assert checkpoint.sealed(run.checkpoints)


@pytest.mark.slow
def test_a_worker_that_floods_its_log_neither_fills_the_disk_nor_slows_the_page(workspace: Workspace, recipe: Make, spoil: Callable[..., None]) -> None:  # fmt: skip
    flooded(workspace, recipe, spoil, 100)


@pytest.mark.long
def test_a_worker_that_prints_a_gigabyte(workspace: Workspace, recipe: Make, spoil: Callable[..., None]) -> None:
    flooded(workspace, recipe, spoil, 1000)


def flooded(workspace: Workspace, recipe: Make, spoil: Callable[..., None], megabytes: int) -> None:
    """The page is asked all the while; what the worker says at last is words, not markup."""
    spoil(f"workbench.engine.callback:Reporter._step:4=shout:{megabytes}", "workbench.engine.callback:Reporter._step:8=bad_words")  # fmt: skip
    run = supervisor.start(workspace, recipe(training__max_steps=20, evaluation__baseline=False))
    page, log, largest, asked = Page(Words("en"), workspace, Feed(), Draft(workspace)), run.folder / "worker.log", 0, list[float]()  # fmt: skip
    while run.status not in ENDED:
        began = time.perf_counter()
        runs_tab._draw(page, run.id)
        asked.append(time.perf_counter() - began)
        largest = max(largest, log.stat().st_size)
        time.sleep(0.05)
    assert run.status == "failed"
    while run.worker():
        time.sleep(0.05)
    assert log.stat().st_size <= logcap.LIMIT + 2 * logcap.KEPT
    shown = "".join(str(part) for part in runs_tab._draw(page, run.id))
    assert "ended unexpectedly" in shown
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert not set("\x1b\x07\x00") & set(shown)
    note("F20", f"largest log while {megabytes} MB are printed", largest / 1e6, "MB")
    note("F20", "log afterwards", log.stat().st_size / 1e6, "MB", (logcap.LIMIT + 2 * logcap.KEPT) / 1e6)
    note("F20", "95 % of the page’s looks at the run take less than", 1000 * sorted(asked)[int(len(asked) * 0.95)], "ms", 100)  # fmt: skip


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
    seen = [step["step"] for step in Feed().view(run).steps]
    faults.note("F9", "steps lost to damage in the log", 3 - len(set(seen) & {1, 2, 3}), most=0)
    assert seen == [1, 2, 3]


def test_an_orphan_of_its_launcher_claims_nobody_and_the_first_process_is_never_killed(workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run = create(workspace, recipe(compute__strategy="ddp", compute__processes=2))
    for name, value in {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x", "RANK": "0", "GROUP_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert not worker.own(run)
    assert run.status == "queued"
    spared = psutil.Process(os.getpid()).parent()
    assert spared
    for each in (psutil.Process(), spared, psutil.Process(1)):
        monkeypatch.setattr(psutil.Process, "children", lambda self, recursive: pytest.fail("nobody may be killed"))
        supervisor._kill(each)


@pytest.fixture
def foreign() -> Iterator[psutil.Process]:
    """A program that has nothing to do with any of this."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


@pytest.mark.parametrize("known", ["older", "rebooted", "restarted"])
def test_a_number_that_belongs_to_another_program_now_is_never_signalled(known: str, workspace: Workspace, recipe: Make, foreign: psutil.Process, writer: Callable[[Path], EventWriter]) -> None:  # fmt: skip
    """After a reboot, or long after a kill, a worker's number is somebody else's: the run is interrupted, can go on, and nobody is hurt."""
    run, now = create(workspace, recipe()), clock.identity(foreign)
    told = {
        "older": {"pid": foreign.pid, "started": now["started"] - 3600}, "rebooted": {**now, "boot": "another"},
        "restarted": {**now, "ticks": 1},
    }[known]  # fmt: skip
    (run.folder / "worker.json").write_text(json.dumps(told))
    writer(run.events_path).write("started", pid=foreign.pid)
    assert (run.status, run.resumable, run.worker()) == ("lost", True, None)
    assert "begins anew" in diagnosis.diagnose(run)[0].text.en
    supervisor.stop(run, grace=0.1)
    supervisor.cancel(run)
    queue.arrange(workspace, True, None)
    supervisor.resume(run)
    assert run.status == "queued"
    supervisor.cancel(run)
    janitor.drop_run(workspace, run.id)
    hurt = not foreign.is_running() or foreign.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED)
    note("F3", "foreign programs ended or stopped", hurt, most=0)
    assert not hurt
