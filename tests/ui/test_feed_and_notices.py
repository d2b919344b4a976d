"""What the page shows of a run, and that text from outside stays text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from workbench.core import events, run
from workbench.core.events import EventWriter
from workbench.core.recipe import parse
from workbench.core.workspace import Workspace
from workbench.engine.trace import trace
from workbench.ui import figures, notices
from workbench.ui.feed import EVERY, Feed
from workbench.ui.words import Words

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "${alert(1)}",
    "'onmouseover='x",
]


@pytest.fixture
def started(workspace: Workspace, writer: Callable[..., EventWriter]) -> tuple[run.Run, EventWriter]:
    made = run.create(workspace, parse({"task": "text-classification", "method": "lora"}))
    log = writer(made.events_path)
    log.write("started", pid=1)
    return made, log


def test_a_view_keeps_up_and_estimates_the_rest(started: tuple[run.Run, EventWriter]) -> None:
    made, writer = started
    feed = Feed()
    writer.write("phase", phase="train")
    for step in range(1, 11):
        writer.write("step", step=step, total=40, loss=1 / step, seconds=float(step))
    view = feed.view(made)
    assert (view.phase, view.share, view.remaining) == ("train", 0.25, 30.0)
    writer.write("finished", seconds=12)
    assert feed.view(made).end is not None
    assert len(view.steps) == 10


def test_a_page_of_a_run_that_works_asks_the_doctor_now_and_then_not_at_every_step(started: tuple[run.Run, EventWriter], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    made, writer = started
    asked: list[str] = []
    now = [100.0]
    monkeypatch.setattr("workbench.ui.feed.diagnose", lambda run: asked.append(run.id) or [])
    monkeypatch.setattr("workbench.ui.feed.clock.up", lambda: now[0])
    feed = Feed()
    for step in range(1, 11):
        writer.write("step", step=step, total=40, loss=1.0)
        feed.view(made).findings("running")
    assert len(asked) == 1
    now[0] += EVERY
    feed.view(made).findings("running")
    assert len(asked) == 2
    writer.write("failed", en="", zh="")
    for _ in range(3):
        feed.view(made).findings("failed")
        now[0] += EVERY
    assert len(asked) == 3


def test_a_long_log_is_read_once_for_page_and_doctor(started: tuple[run.Run, EventWriter], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    made, writer = started
    for step in range(1, 50):
        writer.write("step", step=step, total=50, loss=1 / step)
    Feed().view(made)
    parsed: list[bytes] = []
    plain = events.parse
    monkeypatch.setattr(events, "parse", lambda line: parsed.append(line) or plain(line))
    writer.write("step", step=50, total=50, loss=0.0)
    assert len([event for event in trace(made.events_path).events() if event.kind == "step"]) == 50
    assert len(parsed) == 1


def test_a_loss_that_is_no_number_is_a_gap_in_the_curve_never_zero(started: tuple[run.Run, EventWriter]) -> None:
    made, writer = started
    for step, loss in enumerate([1.0, float("nan"), 0.5], 1):
        writer.write("step", step=step, total=3, loss=loss)
    raw, smooth = figures.curves([Feed().view(made)], "loss", Words("en")).data[:2]
    assert list(raw.y) == [1.0, None, 0.5]
    assert list(smooth.y) == pytest.approx([1.0, None, 0.5])


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_from_outside_cannot_become_markup(payload: str) -> None:
    for made in (
        notices.table([payload], [[payload]]),
        notices.facts([(payload, payload)]),
        notices.strip([(payload, True)], payload),
        notices.problem(payload, "en"),
        notices.empty(payload, payload, payload),
        notices.heading(payload, payload),
    ):
        assert "<script" not in made
        assert "<img" not in made
        assert "<svg" not in made
        assert "'onmouseover" not in made
