"""The road map in a real browser: every lab opens, asks, answers and shows something; a link brings a lab back; the projects lead on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from workbench.core.files import read_json
from workbench.core.lab import LABS
from workbench.learn import _progress
from workbench.learn._seen import finished

pytestmark = pytest.mark.slow
KINDS = LABS.kinds()
SEEN = "() => document.querySelector('#lab-below table, #lab-below dl, #lab-below pre, #lab-below ul, #lab .js-plotly-plot, #lab-above .strip') !== null"
"""A picture or a table."""
QUICK = """([title, right]) => { const seek = () => {
  const choice = document.querySelector('#lab h2')?.textContent.endsWith(title) && document.querySelectorAll('#lab-guess input')[right];
  if (choice && !choice.closest('label').classList.contains('selected')) { choice.click(); window.pressedAt = performance.now(); } else requestAnimationFrame(seek);
}; seek(); }"""
"""Press the right choice of that lab in the very frame in which it is there."""
PICTURED = {"en": ("self-attention", "supervised"), "zh": ("lora-rank", "supervised")}
REAL = {"annotation": "data", "gradient-descent": "train", "many-processes": "train"}
"""Labs whose way to the real thing is followed, and where it leads."""


def opened(page: Any, kind: str) -> None:
    """Press its button on the road, and answer the guess."""
    page.click(f"#road [data-lab={kind}]")
    lab = LABS.get(kind)
    heading = f"{lab.stop} {lab.label.say('zh' if '/zh/' in page.url else 'en')}"
    page.locator("#lab h2", has_text=heading).wait_for()
    answered(page, next(place for place, each in enumerate(lab.guess.choices) if each.right))
    seen(page, kind)


def seen(page: Any, kind: str) -> None:
    """Wait for a picture or a table; what stands there instead is told."""
    try:
        page.wait_for_function(SEEN)
    except TimeoutError as error:
        raise AssertionError(f"{kind}: {page.locator('#lab').inner_text()[:800]}") from error


def answered(page: Any, right: int) -> None:
    """Choose the right answer."""
    page.locator("#lab-guess label").nth(right).click()
    page.locator("#lab-why .note.good").wait_for()


def test_the_first_click_counts_however_quick(visit: Callable[..., Any]) -> None:
    """Gradio shows a lab an instant before it listens to it: what is pressed in between is pressed again."""
    page = visit("/en/")
    for kind in ("probability", "vectors", "metrics"):
        right = next(place for place, each in enumerate(LABS.get(kind).guess.choices) if each.right)
        page.evaluate(QUICK, [LABS.get(kind).label.en, right])
        page.click(f"#road [data-lab={kind}]")
        page.wait_for_function("window.pressedAt")
        page.locator("#lab-why .note.good").wait_for(timeout=20_000)
        page.evaluate("delete window.pressedAt")


HALVES = {
    lang: [kind for place, kind in enumerate(KINDS) if place % 2 == odd or kind in PICTURED[lang]]
    for odd, lang in enumerate(("en", "zh"))
}
"""Every lab in one of the languages; in both, it takes a minute longer."""


@pytest.mark.parametrize("lang", HALVES)
def test_every_lab_of_the_road_answers(visit: Callable[..., Any], workbench: Any, picture: Any, lang: str) -> None:
    every(HALVES[lang], visit(f"/{lang}/"), workbench, picture, lang)


@pytest.mark.long
@pytest.mark.parametrize("lang", HALVES)
def test_every_lab_answers_in_both_languages(
    visit: Callable[..., Any], workbench: Any, picture: Any, lang: str
) -> None:
    every(KINDS, visit(f"/{lang}/"), workbench, picture, lang)


def every(kinds: Sequence[str], page: Any, workbench: Any, picture: Any, lang: str) -> None:
    for kind in kinds:
        opened(page, kind)
        assert page.locator("#lab .note.bad[role=alert]").count() == 0, kind
        if kind in PICTURED[lang]:
            page.locator("#lab").evaluate("lab => lab.scrollIntoView()")
            picture(page, f"lab-{kind}-{lang}", settle=2500)
    known = _progress.told(workbench.workspace)
    assert all(any(event["what"] == "touch" for event in known[kind]) for kind in kinds)


def test_the_real_thing_is_filled_in(visit: Callable[..., Any], workbench: Any) -> None:
    page = visit("/zh/")
    for kind, tab in REAL.items():
        page.click("#rail [data-go=learn]")
        opened(page, kind)
        page.click("#lab-real")
        page.locator(f"#page-{tab} h1").wait_for(state="visible")
    draft = read_json(workbench.workspace.root / "draft.json")
    assert (draft["compute"]["strategy"], draft["compute"]["processes"]) == ("ddp", 2)


def test_a_link_brings_a_lab_back_as_a_teacher_left_it(visit: Callable[..., Any]) -> None:
    page = visit("/en/?lab=gradient-descent&learning_rate=0.5&hide=momentum#learn")
    page.locator("#lab h2", has_text="Gradient descent").wait_for()
    answered(page, 1)
    seen(page, "gradient-descent")
    assert float(page.locator("#lab-learning_rate input").first.input_value()) == 0.5
    assert not page.locator("#lab-momentum").is_visible()
    assert "it has arrived" in page.locator("#lab-above").inner_text()
    page.click("#lab-break")
    page.locator("#lab-above .note.bad").wait_for()


def test_a_project_leads_to_its_stations_and_its_paper_waits_for_a_run(visit: Callable[..., Any], workbench: Any) -> None:  # fmt: skip
    page = visit("/en/")
    opened(page, "project-voice")
    assert page.locator("#lab-stations .station").count() == 6
    page.click("#station-1")
    page.locator("#page-train h1").wait_for(state="visible")
    page.locator("#page-train dl.facts", has_text="lumo").wait_for()
    draft = read_json(workbench.workspace.root / "draft.json")
    assert (draft["data"]["dataset"], draft["task"]["kind"]) == ("persona", "chat")
    page.click("#rail [data-go=learn]")
    page.locator("#lab-stations .station.done", has_text="Recipe").wait_for()
    page.click("#lab-paper")
    if list(finished(workbench.workspace)):  # of the files before this one
        with page.expect_download() as taken:
            page.locator("#lab-paper-file a").first.click()
        assert "sha256" in Path(taken.value.path()).read_text(encoding="utf-8")
    else:
        page.locator("#lab-paper-said .note.bad").wait_for()
