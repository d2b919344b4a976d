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

pytestmark = pytest.mark.slow
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
    page.locator("#run-list label", has_text=working.run.id).click()
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


LISTS = """() => {
  const list = gradio_config.components.find((each) => each.props.elem_id === 'run-list').id;
  const filling = gradio_config.dependencies.filter((each) => each.outputs.includes(list));
  const first = filling.filter((each) => each.targets.some(([, name]) => name === 'load'));
  return [first, filling.filter((each) => !first.includes(each))].map((some) => some.map((each) => each.id));
}"""


def test_a_choice_holds_against_answers_that_were_on_their_way(visit: Callable[..., Any], workbench: Any, working: Working) -> None:  # fmt: skip
    """The list's first answer is slow, and the next questions for it are asked before it comes; their answers come after the choice."""
    other = Working(workbench.workspace, "newer")
    other.end()
    page = visit("/en/#runs")
    page.locator("#run-list label", has_text=other.run.id).locator("input:checked").wait_for()
    asked = [(numbers, list[Any]()) for numbers in page.evaluate(LISTS)]

    def hold(route: Any) -> None:
        number = route.request.post_data_json["fn_index"]
        held = [routes for numbers, routes in asked if number in numbers]
        if held:
            held[0].append(route)
        else:
            route.continue_()

    page.route("**/gradio_api/run/**", hold)
    page.reload()
    (_, first), (_, later) = asked
    while not (first and later):
        page.wait_for_timeout(50)
    first.pop().continue_()
    page.locator("#run-list label", has_text=working.run.id).click()
    shows(page, "20/1000")
    while later:
        later.pop(0).continue_()
        page.wait_for_timeout(500)
    assert page.locator("#run-list label", has_text=working.run.id).locator("input").is_checked()


def test_a_page_that_was_hidden_while_the_workbench_started_anew_is_loaded_again(visit: Callable[..., Any], workbench: Any, working: Working) -> None:  # fmt: skip
    page = visit("/en/#runs")
    page.locator("#run-list label", has_text=working.run.id).click()
    shows(page, "20/1000")
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => true, configurable: true }); window.old = true"
    )
    page.wait_for_timeout(1500)  # what was asked for is answered
    workbench.restart()
    page.evaluate("delete document.hidden")
    page.wait_for_function("window.old === undefined")
    shows(page, "20/1000")
    working.steps(5)
    shows(page, "25/1000")


def test_a_page_says_in_its_language_that_the_workbench_is_gone_and_goes_on(visit: Callable[..., Any], workbench: Any, working: Working) -> None:  # fmt: skip
    page = visit("/zh/#runs", locale="zh-CN")
    shows(page, "20/1000")
    workbench.kill()
    page.locator(".toast-message-text", has_text="工作台没有响应").wait_for()
    assert page.locator(".toast-title").inner_text().strip() == "出错了"
    workbench.start()
    page.locator(".toast-body").wait_for(state="detached")
    shows(page, "20/1000")


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
