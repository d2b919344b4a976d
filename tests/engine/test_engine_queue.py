"""The queue: order, hours, held, devices; two clicks or fifty are one run; two processes never start the same run twice."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from faults import note
from fewrows import wait
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import queue, supervisor

Make = Callable[..., Recipe]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that would have been started, with their device; they look as if they worked from then on."""
    made: list[str] = []

    def spawn(run: Run, device: str) -> None:

        made.append(f"{run.id}@{device}")
        run.claim(psutil.Process(), device)

    monkeypatch.setattr(supervisor, "_spawn", spawn)
    return made


def clock(hour: int, minute: int = 0) -> float:
    now = time.localtime()
    return time.mktime((now.tm_year, now.tm_mon, now.tm_mday, hour, minute, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("begin", "end", "inside", "outside"),
    [("22:00", "07:00", [22, 23, 0, 6], [7, 12, 21]), ("09:00", "17:00", [9, 16], [8, 17, 0]), ("08:00", "08:00", [0, 8, 20], [])],
)  # fmt: skip
def test_hours_go_over_midnight(begin: str, end: str, inside: list[int], outside: list[int]) -> None:
    assert all(queue.within(begin, end, clock(hour)) for hour in inside)
    assert not any(queue.within(begin, end, clock(hour)) for hour in outside)


def test_runs_start_in_the_order_given_by_hand(workspace: Workspace, recipe: Make, started: list[str]) -> None:
    runs = [create(workspace, recipe(name=name)) for name in ("one", "two", "three")]
    queue.move(workspace, runs[2].id, -2)
    assert [run.id for run in queue.queued(workspace)] == [runs[2].id, runs[0].id, runs[1].id]
    queue.move(workspace, runs[2].id, 1)
    queue.want_now(workspace, runs[1].id)
    assert [run.id for run in queue.queued(workspace)] == [runs[1].id, runs[0].id, runs[2].id]
    assert supervisor.launch_next(workspace) == runs[1]
    assert started == [f"{runs[1].id}@cpu"]
    assert supervisor.launch_next(workspace) is None
    assert [queue.reason(workspace, run) for run in queue.queued(workspace)] == ["busy", "busy"]
    with pytest.raises(UserError, match="does not wait"):
        queue.move(workspace, runs[1].id, 1)


def test_a_held_queue_starts_only_what_is_wanted_now(workspace: Workspace, recipe: Make, started: list[str]) -> None:
    first, second = (create(workspace, recipe(name=name)) for name in ("one", "two"))
    queue.arrange(workspace, True, None)
    assert supervisor.launch_next(workspace) is None
    assert queue.reason(workspace, first) == "held"
    queue.want_now(workspace, second.id)
    assert supervisor.launch_next(workspace) == second
    queue.arrange(workspace, False, ("22:00", "07:00"))
    assert queue.read(workspace).open(first, clock(23))
    assert not queue.read(workspace).open(first, clock(12))
    with pytest.raises(UserError, match="no time of day"):
        queue.arrange(workspace, False, ("25:00", "07:00"))
    assert started == [f"{second.id}@cpu"]


def test_every_gpu_has_its_own_run_and_the_cpu_too(
    workspace: Workspace, recipe: Make, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "devices", lambda: ("cuda:0", "cuda:3", "cpu"))
    runs = [create(workspace, recipe(name=f"r{n}", compute__device=device)) for n, device in enumerate(["auto", "cpu", "cuda", "auto"])]  # fmt: skip
    supervisor.launch_next(workspace)
    assert started == [f"{runs[0].id}@cuda:0", f"{runs[1].id}@cpu", f"{runs[2].id}@cuda:3"]
    assert [run.device for run in runs[:3]] == ["cuda:0", "cpu", "cuda:3"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"order": 3, "hours": ["x"], "now": [1]}'])
def test_a_damaged_queue_file_is_an_empty_one(workspace: Workspace, recipe: Make, damage: str, started: list[str]) -> None:  # fmt: skip
    (workspace.root / queue.FILE).write_text(damage)
    run = create(workspace, recipe())
    assert supervisor.launch_next(workspace) == run


def test_fifty_clicks_are_one_run(workspace: Workspace, recipe: Make, started: list[str]) -> None:
    made = clicked(workspace, recipe(), 50)
    assert (len(set(made)), len(made), len(started), len(all_runs(workspace))) == (1, 50, 1, 1)
    assert supervisor.start(workspace, recipe(name="another"), once=True).id not in made


def clicked(workspace: Workspace, chosen: Recipe, times: int) -> list[str]:
    """The runs that so many clicks at once led to."""
    made, took = list[str](), list[float]()

    def click() -> None:
        began = time.monotonic()
        made.append(supervisor.start(workspace, chosen, once=True).id)
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=click) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    note("F15", f"runs made by {times} clicks at once", len(set(made)), most=1)
    note("F15", "the last click is answered", 1000 * max(took), "ms", 500)
    return made


@pytest.mark.long
def test_two_hundred_times_fifty_clicks(workspace: Workspace, recipe: Make, started: list[str]) -> None:
    for number in range(200):
        chosen = recipe(name=f"r{number}")
        assert len(set(clicked(workspace, chosen, 50))) == 1
        assert len(started) == 1, "one device, one run"
    assert len(all_runs(workspace)) == 200


@pytest.mark.slow
def test_two_processes_on_one_workspace_start_each_run_once(workspace: Workspace, recipe: Make) -> None:
    runs = [create(workspace, recipe(name=f"r{n}", evaluation__baseline=False)) for n in range(2)]
    code = (
        "import sys, time; from workbench.core.workspace import Workspace; from workbench.engine import supervisor\n"
        "for _ in range(600):\n    supervisor.launch_next(Workspace(sys.argv[1])); time.sleep(0.1)"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(workspace.root)], cwd=ROOT) for _ in range(2)]
    try:
        for run in runs:
            assert wait(run) == "finished"
            assert sum(event.kind == "started" for event in run.events()[0]) == 1
        spans = [(run.events()[0][0].time, run.events()[0][-1].time) for run in runs]
        (_, first_end), (second_begin, _) = sorted(spans)
        assert second_begin >= first_end
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_run_is_put_back_into_the_queue_once(workspace: Workspace, recipe: Make, started: list[str]) -> None:
    run = create(workspace, recipe())
    supervisor.stop(run)
    assert (run.status, run.resumable) == ("stopped", True)
    queue.arrange(workspace, True, None)
    supervisor.resume(run)
    assert run.status == "queued"
    with pytest.raises(UserError, match="only a stopped, failed or interrupted run"):
        supervisor.resume(run)


def test_a_run_of_two_gpus_is_not_overtaken_for_ever_by_runs_of_one(workspace: Workspace, recipe: Make, started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(queue, "devices", lambda: ("cuda:0", "cuda:1", "cpu"))
    busy = create(workspace, recipe())
    busy.claim(psutil.Process(), "cuda:0")
    two = create(workspace, recipe(compute__strategy="ddp", compute__processes=2))
    small = [create(workspace, recipe()) for _ in range(2)]
    supervisor.launch_next(workspace)
    assert not started
    (busy.folder / "worker.json").unlink()
    with contextlib.closing(EventWriter(busy.events_path)) as writer:
        writer.write("finished")
    supervisor.launch_next(workspace)
    assert started == [f"{two.id}@cuda:0,cuda:1"]
    assert {run.status for run in small} == {"queued"}
