"""The clock is set, forth and back: durations, what is left, who a worker is, what is silent and the order of runs do not hang on it."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable

import psutil
import pytest
from engineruns import QUIET, worked
from faults import note

from workbench.core import clock
from workbench.core.recipe import Recipe
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.door.accounts import TRIES, Tries
from workbench.engine import diagnosis, queue, supervisor
from workbench.engine.casebook import Evidence
from workbench.ui.feed import Feed

Make = Callable[..., Recipe]
pytestmark = QUIET
DAY, HOUR = 86_400, 3600
LEAPS = [DAY, -DAY, HOUR, -HOUR]


def leap(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    plain = time.time
    monkeypatch.setattr(time, "time", lambda: plain() + seconds)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [DAY, -HOUR])
def test_a_run_does_not_notice_that_the_clock_was_set(seconds: int, workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run = create(workspace, recipe(training__max_steps=12, evaluation__baseline=False))
    left: list[float | None] = []

    def set_clock(reporter: object) -> None:
        leap(monkeypatch, seconds)

    assert worked(run, monkeypatch, 6, set_clock) == "finished"
    told = run.events()[0]
    steps = [event for event in told if event.kind == "step"]
    assert any(abs(b.time - a.time) > HOUR / 2 for a, b in itertools.pairwise(told)), "the clock was set"
    for values in ([event.get("seconds") for event in steps], [event.up for event in told]):
        assert all(a <= b for a, b in itertools.pairwise(values))  # type: ignore[operator]
    assert 0 < told[-1].get("seconds") < HOUR / 2
    view = Feed().view(run)
    for count in range(5, len(view.steps)):
        view.last["step"] = view.steps[count]
        left.append(view.remaining)
    assert all(value is not None and 0 <= value < HOUR / 2 for value in left)
    note("F11", "smallest time left that was told × −1", -min(left), "s", 0)  # type: ignore[type-var, operator]


@pytest.mark.parametrize("seconds", LEAPS)
def test_silence_is_told_by_a_clock_that_does_not_jump(seconds: int, workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch, writer: Callable[..., object]) -> None:  # fmt: skip
    run = create(workspace, recipe())
    run.claim(psutil.Process())
    log = writer(run.events_path)
    for step in range(10):
        log.write("step", step=step, loss=1.0)  # type: ignore[attr-defined]
    leap(monkeypatch, seconds)
    assert diagnosis.alarms(run) == ""
    events = run.events()[0]
    late = Evidence(run.recipe, "running", events, now=clock.up() + 2 * diagnosis.STILL)
    assert getattr(diagnosis.standing_still(late), "kind", None) == "hangs"


@pytest.mark.parametrize("seconds", LEAPS)
def test_a_worker_is_known_again_after_the_clock_was_set(seconds: int, workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The system tells the start of a process by the clock of the day: it moves when that is set."""
    run = create(workspace, recipe())
    run.claim(psutil.Process())
    plain = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: plain(self) + seconds)
    assert run.status == "running"
    assert Run(run.folder).worker() is not None
    monkeypatch.setattr(clock, "_since_boot", lambda pid: {"boot": "another", "ticks": 1})
    assert run.status == "lost", "after a restart of the machine a number belongs to somebody else"


def test_runs_keep_their_order_when_the_clock_is_set_back(workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(supervisor, "launch_next", lambda workspace: None)
    ahead = time.time() + DAY
    made = [create(workspace, recipe(name="before"))]
    os.utime(made[0].folder / "recipe.yaml", (ahead, ahead))
    made += [create(workspace, recipe(name=name)) for name in ("then", "last")]
    assert all_runs(workspace) == made[::-1]
    assert queue.queued(workspace) == made
    clicks = {supervisor.start(workspace, recipe(name="twice"), once=True).id for _ in range(2)}
    assert len(clicks) == 1


@pytest.mark.parametrize("seconds", LEAPS)
def test_a_guesser_stays_locked_out(seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = Tries()
    for _ in range(TRIES):
        tries.wrong("mei", "1.2.3.4")
    before = tries.wait("mei", "1.2.3.4")
    leap(monkeypatch, seconds)
    assert before - 5 < tries.wait("mei", "1.2.3.4") <= before
