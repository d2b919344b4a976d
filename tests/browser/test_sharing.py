"""The owner shares a run by clicking; a guest in a browser of their own talks to it and looks at runs; it is taken back."""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest
from fabricated import left
from served import made_run
from tinymodels import tiny_llama

from workbench.core import clock
from workbench.core.files import write_json
from workbench.core.run import Run
from workbench.door import link as links
from workbench.door.link import Link
from workbench.ui.guest import process


@pytest.fixture
def run(workbench: Any, tmp_path: Any) -> Iterator[Run]:
    left(workbench.workspace, "looked-at", [2.0, 1.0, 0.5, 0.4], ("finished", {"seconds": 4}))
    yield made_run(workbench.workspace, tiny_llama(tmp_path / "llama", initializer_range=0.3))
    for each in links.all_open(workbench.workspace):
        process.stop(workbench.workspace, each.id)


def shared(page: Any, run: Run, workspace_links: Path) -> str:
    page.locator("#chat-run input").fill(run.id)
    page.locator("ul[role=listbox] li", has_text=run.id).click()
    page.click("#share > button")
    page.locator("#share-what label", has_text="Chat, and look at runs").click()
    page.locator("#share-about", has_text="Plain http is not encrypted").wait_for()
    page.locator("#share-place label", has_text="This machine").click()
    refused(page, "/a b", "9000", "A path for a proxy looks like")
    refused(page, "/try", "80", "from 1024 to 65535")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refused(page, "/try", port, f"Port {port} on 127.0.0.1 cannot be used")
    assert list(workspace_links.iterdir()) == [], "what was refused leaves nothing"
    page.click("#share-go")
    address = page.locator("#share-said .address code")
    address.first.wait_for()
    mine, theirs = address.all_inner_texts()
    assert mine.startswith(f"http://127.0.0.1:{port}/try/in/")
    assert theirs == "https://YOUR-NAME/try/in/" + mine.rpartition("/")[2]
    assert f"proxy_pass http://127.0.0.1:{port}/;" in str(page.locator("#share-said pre").text_content())
    assert page.locator("#share-wrong").inner_text() == ""
    return str(mine)


def refused(page: Any, path: str, port: str, said: str) -> None:
    page.fill("#share-path textarea, #share-path input", path)
    page.fill("#share-port input", port)
    page.click("#share-go")
    page.locator("#share-wrong .note.bad", has_text=said).wait_for()


def test_a_run_is_shared_talked_to_and_taken_back(visit: Callable[..., Any], workbench: Any, run: Run, chromium: Any, picture: Any) -> None:  # fmt: skip
    page = visit("/en/#chat")
    url = shared(page, run, workbench.workspace.root / "door" / "links")
    page.locator("#shared", has_text=run.id).wait_for()
    picture(page, "share-en")
    guest = chromium.new_context(locale="zh-CN", viewport={"width": 900, "height": 720}).new_page()
    guest.set_default_timeout(90_000)
    problems: list[str] = []
    guest.on("pageerror", lambda error: problems.append(str(error)))
    guest.on("request", lambda asked: problems.append(asked.url) if not asked.url.startswith(url.partition("/in/")[0]) else None)  # fmt: skip
    guest.goto(url)
    assert "/in/" not in guest.url, "the token does not stay in the address"
    guest.fill("textarea", "你好 <img src=x onerror=alert(1)>")
    guest.keyboard.press("Enter")
    guest.locator("form button.go:visible").wait_for()
    guest.locator(".line.assistant .said").wait_for()
    assert guest.locator("img").count() == 0
    picture(guest, "guest-zh")
    nothing(guest)
    long_talk(guest)
    guest.click("#to-runs")
    guest.locator(".run", has_text="looked-at").click()
    guest.locator(".curve .js-plotly-plot, .curve.js-plotly-plot").wait_for()
    picture(guest, "guest-runs-zh")
    page.locator("#shared", has_text="here now: 1").wait_for()
    waiting = silent(guest)
    page.locator("#share-open label", has_text=run.id).click()
    page.click("#share-stop")
    page.locator("#share-taken .note.good", has_text="is taken back").wait_for()
    page.locator("#shared").wait_for(state="detached")
    page.locator("#share-said .address").wait_for(state="detached")
    guest.click("#to-chat")
    guest.fill("textarea", "still there?")
    guest.keyboard.press("Enter")
    guest.locator(".state.bad").wait_for()
    waiting.clock.run_for(31_000)
    waiting.locator(".state.bad", has_text="链接可能已失效").wait_for()  # nobody answers there any more
    assert problems == []
    guest.context.close()


def silent(guest: Any) -> Any:
    """A second page of the same guest, who writes more than fits and then asks nothing; its clock is ours."""
    page = guest.context.new_page()
    page.clock.install()
    page.goto(guest.url)
    page.fill("textarea", "x" * 100_000)
    page.locator(".state", has_text="这里最多能放").wait_for()
    return page


def long_talk(guest: Any) -> None:
    """More than the window holds: the newest answer, and what is said of it, are seen above the box."""
    piece = json.dumps({"text": "line\n" * 12}) + "\n\ndata: " + json.dumps({"end": "length"})
    guest.route("**/chat", lambda route: route.fulfill(content_type="text/event-stream", body=f"data: {piece}\n\n"))
    for _ in range(3):
        guest.fill("textarea", "again")
        guest.keyboard.press("Enter")
        guest.locator(".state", has_text="截断").wait_for()
        below = "document.querySelector('form').getBoundingClientRect().top - document.querySelector('.lines').getBoundingClientRect().bottom"
        assert guest.evaluate(below) >= -1
    guest.unroute("**/chat")
    guest.reload()
    guest.locator(".line").first.wait_for()
    assert guest.evaluate(below) >= -1, "after a reload, too"


def nothing(guest: Any) -> None:
    """A model that answers late, and then with nothing: that is said, and what was written is not lost."""
    held: list[Any] = []
    guest.route("**/chat", lambda route: held.append(route))
    guest.fill("textarea", "anything?")
    guest.keyboard.press("Enter")
    guest.locator(".foot button:visible", has_text="停止").wait_for()
    assert not guest.locator(".foot .quiet").is_visible(), "no new conversation in the middle of an answer"
    held[0].fulfill(content_type="text/event-stream", body='data: {"end": "stop"}\n\n')
    guest.locator(".state", has_text="没有给出任何回答").wait_for()
    assert guest.locator(".foot .quiet").is_visible()
    assert guest.input_value("textarea") == "anything?"
    halt = guest.locator(".foot button:visible", has_text="停止")
    guest.evaluate("['.go', 'button:not([hidden])'].forEach((each) => document.querySelector('.foot ' + each).click())")
    halt.wait_for()  # the second click of two is none
    guest.wait_for_timeout(800)
    halt.click()
    guest.locator(".state", has_text="已停止").wait_for()
    assert guest.input_value("textarea") == "anything?"
    guest.unroute("**/chat")


IN_SIGHT = """() => {
  const [open, stop, line] = ['share-open', 'share-stop', 'shared'].map((id) => document.getElementById(id)?.getBoundingClientRect());
  return Boolean(open?.height && stop?.height) && open.top >= 0 && stop.bottom <= line.top;
}"""
"""The open links and the button that takes one back, above the red line."""


@pytest.fixture
def two(workbench: Any) -> Iterator[list[str]]:
    """Two open links whose guests this test counts."""
    now, made = time.time(), ["2026-11-26-0001-aaaaaaaa", "2026-11-26-0002-bbbbbbbb"]
    for each in made:
        write_json(links.folder(workbench.workspace, each) / "link.json", asdict(Link(each, f"run-{each[-1]}", True, False, "0" * 64, now, now + 3600, "here")))  # fmt: skip
    yield made
    for each in made:
        shutil.rmtree(links.folder(workbench.workspace, each))


def test_a_guest_who_comes_does_not_take_the_choice_of_a_link_away(visit: Callable[..., Any], workbench: Any, two: list[str]) -> None:  # fmt: skip
    page = visit("/en/")
    page.set_viewport_size({"width": 1280, "height": 640})
    page.click("#shared button")
    page.wait_for_function(IN_SIGHT)
    page.click("#share-stop")
    page.locator("#share-taken", has_text="Choose a link first").wait_for()
    page.locator("#share-open label", has_text="run-a").click()
    come = {**clock.identity(psutil.Process()), "guests": 3}
    write_json(links.folder(workbench.workspace, two[1]) / "state.json", come)
    page.locator("#share-open label", has_text="guests here now: 3").wait_for()
    page.wait_for_timeout(500)
    assert page.locator("#share-open label", has_text="run-a").locator("input").is_checked()
    links.close(workbench.workspace, two[0])
    page.locator("#share-open label", has_text="run-a").wait_for(state="detached")
    page.locator("#share-open label", has_text="run-b").locator("input:checked").wait_for()
