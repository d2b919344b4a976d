"""Every page in both languages: there, labelled, calm, and reachable without a mouse."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from workbench.ui.page import NAMES
from workbench.ui.words import Words

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_opens_in_its_language(visit: Callable[..., Any], picture: Callable[..., None], lang: Any) -> None:
    page = visit(f"/{lang}/")
    words = Words(lang)
    for name in NAMES:
        page.click(f"#rail [data-go={name}]")
        heading = page.locator(f"#page-{name} h1")
        heading.wait_for(state="visible")
        assert heading.inner_text() == words(f"{name}_title")
        assert page.locator("h1:visible").count() == 1
        text = page.locator(f"#page-{name}").inner_text()
        assert bool(HAN.search(text)) or lang == "en"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{name} is wider than the window"
        )
        if name == "learn":
            picture(page, f"learn-{lang}")


def test_english_pages_carry_no_chinese_but_the_switch_and_samples(visit: Callable[..., Any]) -> None:
    page = visit("/en/")
    for name in ("train", "model", "runs", "evaluate", "chat"):
        page.click(f"#rail [data-go={name}]")
        page.locator(f"#page-{name} h1").wait_for(state="visible")
        assert not HAN.search(page.locator(f"#page-{name}").inner_text()), name


def test_the_language_follows_the_browser_and_the_switch_is_remembered(visit: Callable[..., Any]) -> None:
    page = visit("/", locale="zh-CN")
    assert page.url.endswith("/zh/")
    assert page.evaluate("document.documentElement.lang").startswith("zh")
    page.click("#rail [data-go=train]")
    page.click("#lang a[lang=en]")
    page.wait_for_url("**/en/**")
    page.wait_for_selector("#rail [aria-current=page]")
    assert page.locator("#page-train h1").inner_text() == "Train", "the switch keeps the page one is on"
    page.goto(page.url.split("/en/")[0] + "/")
    assert "/en/" in page.url, "what was chosen wins over what the browser asks for"


def test_the_keyboard_reaches_every_page(visit: Callable[..., Any]) -> None:
    page = visit("/en/")
    page.clock.set_fixed_time(1_700_000_000_000)  # the second key has a second's time, also where the machine is busy
    for name in reversed(NAMES):
        page.keyboard.press("g")
        page.keyboard.press(name[0])
        page.locator(f"#page-{name} h1").wait_for(state="visible")


@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_phones_and_wide_screens_in_both_themes(visit: Callable[..., Any], width: int, scheme: str) -> None:
    page = visit("/en/", width=width, color_scheme=scheme)
    for name in NAMES:
        page.evaluate(f"wbGo('{name}')")
        page.locator(f"#page-{name} h1").wait_for(state="visible")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


def test_every_field_has_a_name_for_screen_readers(visit: Callable[..., Any]) -> None:
    page = visit("/en/#train")
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('#page-train input, #page-train textarea, #page-train button')]
        .filter((e) => e.offsetParent && !e.getAttribute('aria-label') && !(e.labels && e.labels.length) && !e.innerText.trim())
        .map((e) => e.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_before_training_one_sees_the_tokens_and_one_press_mends_the_length(visit: Callable[..., Any]) -> None:
    page = visit("/zh/")
    page.click("#sample-persona")
    page.locator("#page-train dl.facts", has_text="persona").wait_for()
    length = page.locator("#field-task-chat-max_length input").first
    length.fill("16")
    length.blur()
    page.wait_for_timeout(800)
    page.click("#see-tokens")
    page.locator("#ahead .strip .gone").first.wait_for(timeout=90_000)
    page.click("#mend-0")
    page.locator("#ahead .note.good").wait_for()
    page.wait_for_function("+document.querySelector('#field-task-chat-max_length input').value > 16")


FOLDS = {"evaluate": ("compare", "scoring", "arena"), "runs": ("queue", "search", "shootout")}


class Cost:
    """What a page at rest costs: seconds of the browser's main thread, and what it asked of Gradio."""

    def __init__(self, page: Any) -> None:
        self.page, self.asked = page, list[str]()
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})  # beside other work, too
        self.devtools.send("Performance.enable")
        page.on("request", lambda request: self.asked.append(request.url) if "gradio_api" in request.url else None)

    def busy(self) -> float:
        found = self.devtools.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in found if each["name"] == "TaskDuration"))

    def rest(self, seconds: float = 4) -> float:
        """Once nothing was asked for a while: the share of a core."""
        while True:
            self.asked.clear()
            before = self.busy()
            self.page.wait_for_timeout(1000 * seconds)
            if not self.asked:
                return (self.busy() - before) / seconds


@pytest.mark.parametrize("name", FOLDS)
def test_open_folds_cost_nothing_while_nothing_happens(visit: Callable[..., Any], name: str) -> None:
    page = visit(f"/en/#{name}")
    cost = Cost(page)
    shut = cost.rest()
    for fold in FOLDS[name]:
        page.click(f"#{fold} > button")
    assert cost.rest() < 2 * shut + 0.15


def test_the_page_one_is_on_is_in_sight_on_a_phone(visit: Callable[..., Any]) -> None:
    page = visit("/zh/#chat", width=390)
    place = page.locator("#rail [data-go=chat]").bounding_box()
    line = page.locator("#rail nav").bounding_box()
    assert line["x"] <= place["x"] <= line["x"] + line["width"] - place["width"]
