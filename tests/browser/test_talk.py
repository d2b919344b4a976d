"""The playground in a real browser, with a real server: ask, edit, ask again, stop, judge, and train on what was judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from served import made_run

from workbench import ASSETS
from workbench.core.run import Run

pytestmark = pytest.mark.slow
MARKUP = "<img src=x onerror=\"document.title='owned'\"> who are you?"


@pytest.fixture(scope="module")
def run(workbench: Any) -> Run:
    return made_run(workbench.workspace, ASSETS / "models" / "lumo", seed=1)


def opened(page: Any, run: Run) -> None:
    """The board of this run."""
    page.locator("#chat-text textarea").wait_for()
    if run.id not in page.locator("#chat-run input").input_value():
        page.click("#chat-run input")
        page.locator("ul[role=listbox] li", has_text=run.id).first.click()
    page.locator("#chat-tuned .hint").wait_for()


def answered(page: Any, count: int) -> None:
    """So many answers in both panes, and nothing under way."""
    for side in ("base", "tuned"):
        page.wait_for_function(
            f"document.querySelectorAll('#chat-{side} .said.bot:not(.live)').length === {count}", timeout=190_000
        )
    page.locator("#chat-send").wait_for(state="visible")


def knob(page: Any, name: str, value: Any) -> None:
    box = page.locator(f"#chat-{name} input")
    box.fill(str(value))
    box.blur()


def ask(page: Any, text: str) -> None:
    page.fill("#chat-text textarea", text)
    page.click("#chat-send")


def test_ask_edit_again_stop_judge_and_train_on_it(visit: Callable[..., Any], workbench: Any, run: Run) -> None:
    page = visit("/en/#chat")
    opened(page, run)
    page.click(".talk-fold summary")
    knob(page, "max_tokens", 12)
    ask(page, MARKUP)
    answered(page, 1)
    assert page.locator("#chat-base .said.user .words").inner_text() == MARKUP
    assert page.title() != "owned"
    assert page.locator("#chat-base .bot .words").inner_text() != page.locator("#chat-tuned .bot .words").inner_text()
    assert "%" in page.locator("#chat-tuned .bot .words span").first.get_attribute("title")
    assert "of 512 tokens" in page.locator(".talk-meter").inner_text()

    page.click("#chat-base .said.user .edit")
    page.fill("#chat-base .said.user textarea", "Where do you live?")
    page.click("#chat-base .said.user .save")
    for side in ("base", "tuned"):
        page.locator(f"#chat-{side} .said.user .branch", has_text="2/2").wait_for()
    answered(page, 1)

    page.click("#chat-tuned .bot .again")
    page.locator("#chat-tuned .bot .branch", has_text="2/2").wait_for(timeout=160_000)
    assert page.locator("#chat-base .bot .branch").count() == 0
    page.locator("#chat-tuned .bot .tools button").first.click()
    page.locator("#chat-tuned .bot .branch", has_text="1/2").wait_for()

    page.click("#chat-tuned .bot .good")
    page.locator("#chat-tuned .bot .good[aria-pressed=true]").wait_for()
    page.click("#chat-base .bot .bad")
    page.locator(".talk-bar .judged", has_text="1 pairs").wait_for()

    knob(page, "max_tokens", 460)
    knob(page, "temperature", 1.9)
    knob(page, "seed", 5)  # one that goes on for long: without, an answer may be over before it is seen
    ask(page, "Tell me everything.")
    page.wait_for_function(
        "[...document.querySelectorAll('.live .words')].some((words) => words.textContent.length > 3)"
    )
    page.click("#chat-stop")
    answered(page, 2)

    page.click("#harvest button")
    page.locator("#harvest-kind label", has_text="Pairs").click()
    page.click("#harvest-go")
    page.locator("#page-train h1").wait_for(state="visible")
    page.locator("#page-train dl.facts", has_text="from-chat-pairs").wait_for()
    assert (workbench.workspace.datasets / "from-chat-pairs" / "v0001").is_dir()


def test_a_conversation_is_there_again_after_a_reload_and_a_file_is_answered(
    visit: Callable[..., Any], run: Run, tmp_path: Any
) -> None:
    page = visit("/zh/#chat")
    page.locator("#chat-tuned .said").first.wait_for()
    assert page.locator("#chat-list option").count() == 1
    page.click("#chat-new")
    page.locator("#chat-tuned .hint").wait_for()
    assert page.locator("#chat-list option").count() == 2
    (tmp_path / "prompts.txt").write_text("你好\n你是谁？\n", encoding="utf-8")
    page.click("#many button")
    page.set_input_files("#many-file input[type=file]", str(tmp_path / "prompts.txt"))
    page.fill("#many-length input", "5")
    page.locator("#many-file", has_text="prompts").wait_for()
    page.click("#many-go")
    page.locator("#many-said .note.good", has_text="2 / 2").wait_for(timeout=160_000)
    page.locator("#many-files", has_text="jsonl").wait_for()
    assert page.locator("#many-answers tbody tr").count() == 2
    page.locator("#many-stop").wait_for(state="hidden")


def test_what_was_chosen_here_is_chosen_in_the_other_language_until_another_run_is_pointed_at(visit: Callable[..., Any], workbench: Any, run: Run) -> None:  # fmt: skip
    newer = made_run(workbench.workspace, ASSETS / "models" / "lumo", seed=2)
    page = visit("/en/#chat")
    opened(page, newer)
    opened(page, run)
    page.click("#lang a")
    page.wait_for_url("**/zh/**")
    shown = "([id]) => document.querySelector('#chat-run input')?.value.includes(id)"
    page.wait_for_function(shown, arg=[run.id])
    page.click("#rail [data-go=runs]")
    page.locator("#run-list label", has_text=newer.id).click()
    page.wait_for_function(shown, arg=[newer.id])
    page.reload()
    page.wait_for_function(shown, arg=[newer.id])
