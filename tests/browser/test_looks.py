"""Every page of a workspace that is in use, as it looks: three widths, both themes, both languages. With WORKBENCH_PICTURES each of the
84 views is photographed into build/looks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from lively import filled
from places import ROOT

from workbench.core.workspace import Workspace
from workbench.ui.page import NAMES

pytestmark = pytest.mark.slow
AUDIT = Path(__file__).with_name("looks.js").read_text(encoding="utf-8")
WIDTHS, SCHEMES = (1440, 1024, 390), ("light", "dark")
FLIP = "document.querySelector('[data-theme-flip]').click()"
UNFOLD = (
    """(page) => document.querySelectorAll(`#page-${page} .label-wrap:not(.open)`).forEach((fold) => fold.click())"""
)
RING = """() => { const now = document.activeElement, near = now.closest('label, .wrap, .block') ?? now;
  const ringed = (one) => { const s = getComputedStyle(one); return (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1) || s.boxShadow !== 'none'; };
  return now === document.body || ringed(now) || ringed(near) ? '' : now.outerHTML.slice(0, 160); }"""


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory, workbench_at: Any) -> Iterator[Any]:
    """The page of a workspace in use."""
    made = workbench_at(Workspace(tmp_path_factory.mktemp("looks") / "w"))
    filled(made.workspace)
    made.start()
    yield made
    made.kill()


def photographed(page: Any, name: str) -> None:
    if os.environ.get("WORKBENCH_PICTURES"):
        folder = ROOT / "build" / "looks"
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(folder / f"{name}.png"))
        page.screenshot(path=str(folder / f"{name}-all.png"), full_page=True)


def settled(page: Any) -> None:
    """Nothing on the page moved for a moment."""
    last, until = None, time.monotonic() + 8
    while time.monotonic() < until:
        page.wait_for_timeout(120)
        now = page.evaluate("[document.scrollingElement.scrollHeight, document.body.innerText.length, document.querySelectorAll('.js-plotly-plot .main-svg').length].join()")  # fmt: skip
        if now == last and not page.locator(".generating:visible, .eta-bar:visible").count():
            return
        last = now


def faults(page: Any, name: str) -> list[str]:
    """What the audit finds, and still finds once what was on its way has arrived (a chart takes the new width of a window in steps)."""
    found: list[str] = []
    for _ in range(4):
        found = page.evaluate(f"({AUDIT})('{name}')")
        if not found:
            return []
        page.wait_for_timeout(1500)
    return found


def rings(page: Any, presses: int = 6) -> list[str]:
    """Where the keyboard's place cannot be seen."""
    found = []
    for _ in range(presses):
        page.keyboard.press("Tab")
        found.append(page.evaluate(RING))
        page.keyboard.press("Escape")  # a list that opened is shut again
    page.evaluate("document.activeElement.blur()")
    return [f"no ring: {each}" for each in found if each]


def looked(chromium: Any, url: str, lang: str, sizes: Sequence[tuple[int, str]], folds: str) -> list[str]:
    """What is wrong with the views of every page at these (width, theme)."""
    context = chromium.new_context(
        viewport={"width": sizes[0][0], "height": 900}, locale=lang, color_scheme=sizes[0][1]
    )
    context.set_default_timeout(90_000)
    page = context.new_page()
    page.goto(f"{url}/{lang}/#train")
    page.wait_for_selector("#rail [aria-current=page]")
    page.locator("#page-train dl.facts").first.wait_for(state="visible")
    wrong, theme = [], sizes[0][1]
    for name in NAMES:
        page.evaluate(f"wbGo('{name}')")
        settled(page)
        if folds == "open":
            page.evaluate(UNFOLD, name)
        for width, scheme in sizes:
            if scheme != theme:
                page.evaluate(FLIP)
                theme = scheme
            page.set_viewport_size({"width": width, "height": 844 if width < 500 else 900})
            page.wait_for_timeout(250)  # colours fade
            settled(page)
            view = f"{name}-{lang}-{width}-{scheme}-{folds}"
            wrong += [f"{view}: {each}" for each in [*faults(page, name), *rings(page)]]
            photographed(page, view)
    context.close()
    return wrong


@pytest.mark.long
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("folds", ["shut", "open"])
def test_every_view(chromium: Any, lively: Any, lang: str, folds: str) -> None:
    wrong = looked(chromium, lively.url, lang, [(width, scheme) for scheme in SCHEMES for width in WIDTHS], folds)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(("lang", "width", "scheme", "folds"), [("zh", 390, "dark", "open")])  # fmt: skip
def test_some_views(chromium: Any, lively: Any, lang: str, width: int, scheme: str, folds: str) -> None:
    wrong = looked(chromium, lively.url, lang, [(width, scheme)], folds)
    assert wrong == [], "\n".join(wrong)
