"""What a word means when one rests on it, and the tour of the first visit, by mouse and by keyboard, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from workbench.core.text import LANGS
from workbench.ui import hints
from workbench.ui.words import Words

pytestmark = pytest.mark.slow
WHERE = """() => {
  const label = document.querySelector("#field-training-learning_rate span"), range = document.createRange();
  label.scrollIntoView({ block: "center" });
  range.selectNodeContents(document.createTreeWalker(label, 4).nextNode());
  const square = range.getBoundingClientRect();
  return [square.left + 12, square.top + 8];
}"""


@pytest.mark.parametrize("lang", LANGS)
def test_the_tour_points_at_real_things_and_ends_where_it_began(
    visit: Callable[..., Any], lang: str, picture: Any
) -> None:
    page, words = visit(f"/{lang}/#learn"), Words(lang)  # type: ignore[arg-type]
    page.click("[data-tour]")
    for _, name, key in hints.TOUR:
        card = page.locator(".tour", has_text=words(key))
        card.wait_for()
        assert page.locator(".toured").count() == 1
        assert page.evaluate("location.hash") == f"#{name}"
        page.keyboard.press("ArrowRight")
    page.locator(".tour").wait_for(state="detached")
    page.locator("#page-learn h1").wait_for()
    page.click("[data-tour]")
    page.keyboard.press("Escape")
    page.locator(".tour").wait_for(state="detached")


@pytest.mark.parametrize("lang", LANGS)
def test_a_word_is_explained_where_it_stands(visit: Callable[..., Any], lang: str, picture: Any) -> None:
    page = visit(f"/{lang}/#train")
    page.locator("#field-training-learning_rate span").first.wait_for()
    page.mouse.move(*page.evaluate(WHERE))
    what = hints.glossary()["learning rate"]["what"][lang]
    page.locator(".meaning", has_text=what).wait_for()
    picture(page, f"meaning-{lang}")
    page.mouse.move(5, 5)
    page.locator(".meaning").wait_for(state="detached")
    page.click("#rail [data-go=learn]")
    page.click("#glossary > button")
    page.locator("#glossary dd", has_text=what).wait_for()
