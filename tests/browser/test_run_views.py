"""The Runs page is reloaded, left and come back to, cut off from the network, open in ten tabs: always the same view, and the run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from faults import note

from workbench.core.events import EventWriter
from workbench.core.recipe import parse
from workbench.core.run import Run, create

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TABS, LONGEST = 10, 150_000


class Working:
    """A run that works as far as anybody can see: this process is its worker, and tells a step when it is asked to."""

    def __init__(self, workspace: Any, name: str) -> None:
        self.run: Run = create(workspace, parse({"task": "text-classification", "method": "lora", "name": name, "model": {"id": "lumo"}, "data": {"dataset": "sentiment-zh"}}))  # fmt: skip
        self.run.claim(psutil.Process())
        self.writer, self.at = EventWriter(self.run.events_path), 0
        self.writer.write("started", pid=1)
        self.writer.write("phase", phase="train")

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.at += 1
            self.writer.write("step", step=self.at, total=1000, loss=2 / self.at, learning_rate=1e-4, seconds=float(self.at))  # fmt: skip

    def end(self) -> None:
        self.writer.write("finished", seconds=1.0)
        self.writer.close()
        (self.run.folder / "worker.json").unlink()


@pytest.fixture
def working(workbench: Any) -> Iterator[Working]:
    made = Working(workbench.workspace, "working")
    made.steps(20)
    yield made
    made.end()


def shows(page: Any, words: str) -> float:
    """Wait until the Runs page says so; the seconds it took."""
    began = time.monotonic()
    page.locator("#page-runs", has_text=words).wait_for(timeout=LONGEST)
    return time.monotonic() - began


def test_a_view_comes_back_as_it_was(visit: Callable[..., Any], workbench: Any, working: Working) -> None:
    other = Working(workbench.workspace, "newer")
    other.steps(3)
    other.end()
    page = visit("/en/#runs")
    page.locator("#run-list label", has_text="-working-").click()
    shows(page, "20/1000")
    page.reload()
    note("F22", "the same view after a reload", shows(page, "20/1000"), "s", 2)
    assert page.locator("#page-runs h2", has_text=working.run.id).count() == 1
    page.click("#rail [data-go=data]")
    page.locator("#page-data").wait_for(state="visible")
    page.go_back()
    page.locator("#page-runs").wait_for(state="visible")
    working.steps(5)
    shows(page, "25/1000")
    page.context.set_offline(True)
    working.steps(5)
    page.wait_for_timeout(2500)
    page.context.set_offline(False)
    note("F22", "the newest step after the network was away", shows(page, "30/1000"), "s", 5)


@pytest.mark.long
def test_ten_tabs_show_the_same(visit: Callable[..., Any], workbench: Any, working: Working) -> None:
    first = visit("/en/#runs")
    shows(first, "20/1000")
    tabs = [first.context.new_page() for _ in range(TABS - 1)]
    for tab in tabs:
        tab.goto(workbench.url + "/en/#runs")
    for tab in tabs:
        shows(tab, "20/1000")
    working.steps(7)
    took = [shows(tab, "27/1000") for tab in [first, *tabs]]
    note("F22", f"{TABS} tabs show a new step", sum(took), "s", 5)
    seen = {tab.locator("#page-runs h2").first.inner_text() for tab in [first, *tabs]}
    assert len(seen) == 1
