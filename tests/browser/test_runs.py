"""Runs in a real browser: paused, continued, cancelled, taken up again; queued, held, put first; curves compared; a failure explained."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fabricated import left

from workbench.core.events import EventWriter
from workbench.core.recipe import parse
from workbench.core.run import Run, all_runs, create
from workbench.engine import queue
from workbench.engine.worker import explain

pytestmark = pytest.mark.slow


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def fabricated(workbench: Any, name: str, losses: list[float], *events: tuple[str, dict[str, Any]]) -> Run:
    return left(workbench.workspace, name, losses, *events)


@pytest.fixture
def held(workbench: Any) -> Any:
    """The queue is held during the test, and let go after it."""
    queue.arrange(workbench.workspace, True, None)
    yield
    queue.arrange(workbench.workspace, False, None)
    for run in all_runs(workbench.workspace):
        if run.status == "queued":
            run.ask_to_stop()
            writer = EventWriter(run.events_path)
            writer.write("stopped", step=0)
            writer.close()


def test_a_run_is_paused_cancelled_and_taken_up_again(visit: Callable[..., Any], workbench: Any, picture: Any) -> None:
    page = visit("/en/")
    page.click("#sample-sentiment-zh")
    page.locator("#page-train dl.facts", has_text="lumo").wait_for()
    page.click("#advanced > button")
    for path, value in {"data-max_rows": 60, "training-num_train_epochs": 400, "training-save_steps": 5}.items():
        box = page.locator(f"#field-{path} input").first
        box.fill(str(value))
        box.blur()
    page.click("#start")
    page.locator("#page-runs h1").wait_for(state="visible")
    run = workbench.newest()
    until(lambda: any(event.kind == "checkpoint" for event in run.events()[0]), 120)
    page.click("#pause-run")
    page.locator("#goon-run").wait_for()
    page.locator("#page-runs .note", has_text="Paused").wait_for()
    for place in ("#page-runs h2 .pill.paused", "#jobs .pill.paused", "#run-list label.selected:has-text('paused')"):
        page.locator(place).wait_for()
    seen = len(run.events()[0])
    page.wait_for_timeout(1200)
    assert len(run.events()[0]) == seen
    picture(page, "runs-paused-en")
    page.click("#goon-run")
    page.locator("#pause-run").wait_for()
    until(lambda: len(run.events()[0]) > seen + 2)
    page.click("#cancel-run")
    page.locator("#resume-run").wait_for()
    assert (run.status, run.worker()) == ("stopped", None)
    page.click("#resume-run")
    page.locator("#page-runs .note", has_text="Goes on after step").wait_for()
    page.click("#stop-run")
    assert workbench.wait_end(60).status == "stopped"
    assert run.tuned.exists()


def test_the_queue_is_held_ordered_and_let_go(visit: Callable[..., Any], workbench: Any, held: Any, picture: Any) -> None:  # fmt: skip
    values = {"task": "text-classification", "method": "lora", "model": {"id": "lumo"}, "data": {"dataset": "sentiment-zh", "max_rows": 20}, "training": {"max_steps": 1}}  # fmt: skip
    first, second = (create(workbench.workspace, parse({**values, "name": name})) for name in ("first", "second"))
    page = visit("/zh/#runs")
    page.click("#queue > button")
    page.locator("#queue-list label", has_text="队列已挂起").first.wait_for()
    page.locator("#queue-list label", has_text="second").click()
    page.click("#queue-up")
    page.locator("#queue-list label", has_text="1. ").filter(has_text="second").wait_for()
    assert [run.id for run in queue.queued(workbench.workspace)][:2] == [second.id, first.id]
    picture(page, "queue-zh")
    page.locator("#queue-when label", has_text="只在以下时段").click()
    page.fill("#queue-from input, #queue-from textarea", "25:99")
    page.click("#queue-keep")
    page.locator("#queue-said .note.bad", has_text="25:99").wait_for()
    page.locator("#queue-list label", has_text="first").click()
    page.click("#queue-off")
    until(lambda: first.status == "stopped")


def test_a_failure_is_explained_and_runs_are_laid_over_one_another(visit: Callable[..., Any], workbench: Any, held: Any, picture: Any) -> None:  # fmt: skip
    text = explain(MemoryError())
    falling = [2 - n / 30 for n in range(40)]
    fabricated(workbench, "fine", falling, ("finished", {"seconds": 4}))
    ill = fabricated(workbench, "ill", [2.0, 2.1], ("failed", {"en": text.en, "zh": text.zh, "field": None}))
    page = visit("/en/#runs")
    page.locator("#run-list label", has_text="ill").click()
    page.locator("#healing", has_text="memory ran out").wait_for()
    assert "Batch size: 8" in page.locator("#healing").inner_text()
    picture(page, "doctor-en")
    before = len(all_runs(workbench.workspace))
    page.click("#heal-again")
    until(lambda: len(all_runs(workbench.workspace)) == before + 1)
    again = workbench.newest()
    assert again.recipe.training.per_device_train_batch_size == ill.recipe.training.per_device_train_batch_size // 2
    page.locator("#run-list label.selected", has_text=again.id).wait_for()  # the list grows, and its rows move
    page.locator("#run-list label", has_text="fine").click()
    page.locator("#run-list label.selected", has_text="fine").wait_for()
    page.locator("#loss-curve .js-plotly-plot").wait_for()
    option = page.locator("ul[role=listbox] li", has_text=ill.id).first
    page.click("#curve-others input")
    option.click()
    page.wait_for_function("document.querySelectorAll('#loss-curve .legendtext').length >= 2")
    page.keyboard.press("Escape")
    page.click("#curve-what input")
    page.locator("ul[role=listbox] li", has_text="Learning rate").click()
    page.wait_for_function("document.querySelector('#loss-curve .ytitle')?.textContent === 'Learning rate'")
    page.click("#storage > button")
    page.locator("#storage-shown", has_text="free on the disk").wait_for()
    page.click("#storage-drop")
    page.locator("#storage-said .note.bad").wait_for()
