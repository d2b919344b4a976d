"""A long curve in few points: what stands out is in them, the newest step is, and the smoothed line is the same however few are drawn."""

from __future__ import annotations

import random
from typing import Any

import pytest

from workbench.core.events import Event
from workbench.core.recipe import parse
from workbench.core.run import create
from workbench.core.workspace import Workspace
from workbench.ui import figures
from workbench.ui.feed import RunView
from workbench.ui.thin import HEAP, POINTS, Average, Thin
from workbench.ui.words import Words

STEPS, SPIKE, GAP, CLIMB = 19_990, 12_345, 7_001, 12


def loss(step: int) -> Any:
    """0.5 but for a spike, a gap, a climb over the last steps, and NaN at the very end."""
    if step in (GAP, STEPS):
        return "nan"
    return 40.0 if step == SPIKE else 0.5 * 2.0 ** max(0, step - STEPS + CLIMB)


@pytest.fixture
def view(workspace: Workspace) -> RunView:
    """A run that has told of all that."""
    made = RunView(create(workspace, parse({"task": "text-classification", "method": "lora"})))
    for step in range(1, STEPS + 1):
        made._take(Event("step", step, {"step": step, "total": 30_000, "loss": loss(step)}))
    return made


def test_spike_gap_climb_and_end_are_drawn(view: RunView) -> None:
    raw, smooth = figures.curves([view], "loss", Words("en")).data[:2]
    drawn = dict(zip(raw.x, raw.y, strict=True))
    assert len(drawn) == len(raw.x) <= POINTS + HEAP
    assert (drawn[SPIKE], drawn[GAP], drawn[STEPS]) == (40.0, None, None)
    assert drawn[STEPS - 1] == loss(STEPS - 1)
    assert list(raw.x) == sorted(raw.x)
    lines = dict(zip(smooth.x, smooth.y, strict=True))
    assert (lines[GAP], lines[STEPS]) == (None, None)
    assert lines[SPIKE] == pytest.approx(
        0.5 + 0.1 * 39.5
    )  # a window of ten steps, though hundreds of steps share a point


@pytest.mark.parametrize("count", [10, POINTS, POINTS + 1, 5_000, 60_000])
def test_few_points_with_every_extreme_and_the_newest(count: int) -> None:
    dice, thin = random.Random(0), Thin("loss", "grad_norm")
    rows = [{"step": step, "loss": dice.gauss(0, 1), "grad_norm": dice.random()} for step in range(1, count + 1)]
    for row in rows:
        thin.add(row)
    steps = [each["step"] for each in thin.points]
    assert len(thin) == len(steps) == min(count, len(steps))
    assert len(steps) <= POINTS + HEAP
    assert count > POINTS or len(steps) == count
    assert steps == sorted(set(steps))
    assert steps[-1] == count
    for name in ("loss", "grad_norm"):
        for extreme in (min, max):
            assert extreme(rows, key=lambda row: row[name])["step"] in steps


def test_looks_at_held_out_rows_are_thinned_the_same_way(view: RunView) -> None:
    for step in range(1, 5_000):
        view._take(Event("eval", step, {"step": step, "loss": 9.0 if step == 777 else 1.0}))
    held = figures.curves([view], "loss", Words("en")).data[2]
    assert len(held.x) <= POINTS + HEAP
    assert dict(zip(held.x, held.y, strict=True))[777] == 9.0


def test_a_run_that_goes_on_from_an_earlier_step_is_drawn_once(view: RunView) -> None:
    view._take(Event("resumed", 0.0, {"step": 15_000}))
    assert view.steps[-1]["step"] <= 15_000
    for step in range(15_001, 15_100):
        view._take(Event("step", step, {"step": step, "loss": 0.5}))
    steps = [each["step"] for each in view.steps]
    assert steps == sorted(set(steps))
    assert steps[-1] == 15_099
    assert view.steps[-1]["smooth"] == pytest.approx(0.5)


def test_the_average_begins_at_the_first_value_and_anew_behind_a_gap() -> None:
    average = Average()
    assert [average.add(value) for value in (2.0, 2.0, "nan", 8.0, 8.0)] == pytest.approx([2.0, 2.0, None, 8.0, 8.0])
