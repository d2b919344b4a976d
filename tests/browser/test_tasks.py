"""Recipes, methods and models chosen in a real browser, and what one meets on changing one's mind quickly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from workbench.core.method import METHODS

pytestmark = pytest.mark.slow


def choose(page: Any, element: str, text: str) -> None:
    """Choose an entry of a dropdown by its text."""
    page.click(f"#{element} input")
    page.locator("ul[role=listbox] li", has_text=text).first.click()


def field(page: Any, path: str, value: Any) -> None:
    box = page.locator(f"#field-{path} input").first
    box.fill(str(value))
    box.blur()


def test_a_recipe_by_name_trains_and_answers(visit: Callable[..., Any], workbench: Any) -> None:
    page = visit("/en/#train")
    choose(page, "start-from", "Find names and places")
    page.locator("#page-train dl.facts", has_text="people-and-places").wait_for()
    field(page, "training-num_train_epochs", 0.3)
    field(page, "data-max_rows", 200)
    page.click("#start")
    page.locator("#page-runs h1").wait_for(state="visible")
    run = workbench.newest()
    assert (run.recipe.task.kind, run.recipe.data.max_rows) == ("token-classification", 200)
    assert workbench.wait_end().status == "finished", (run.folder / "worker.log").read_text()[-2000:]
    page.click("#see-report")
    page.locator("#page-evaluate .verdict").wait_for()
    page.click("#talk")
    page.fill("#try-text textarea", "Anna met Peter in Berlin.")
    page.click("#try-go")
    page.locator("#try-said").wait_for(state="visible")


def test_methods_that_do_not_fit_come_last(visit: Callable[..., Any]) -> None:
    page = visit("/en/#train")
    page.click("#method-kind input")
    names = page.locator("ul[role=listbox] li").all_inner_texts()
    crossed = ["✕" in name for name in names]
    assert len(names) == len(METHODS.all())
    assert crossed == sorted(crossed)


def test_start_pressed_before_the_form_has_followed_takes_what_was_chosen(
    visit: Callable[..., Any], workbench: Any
) -> None:
    page = visit("/en/#train")
    choose(page, "start-from", "Find names and places")
    page.locator("#page-train dl.facts", has_text="people-and-places").wait_for()
    field(page, "training-num_train_epochs", 0.3)
    page.locator("#page-train dl.facts", has_text="0.3").wait_for()
    choose(page, "start-from", "Sentiment, English")
    page.click("#start")
    page.locator("#page-runs h1").wait_for(state="visible")
    run = workbench.newest()
    run.ask_to_stop()
    assert run.recipe.task.kind == "text-classification"
    assert run.recipe.training.num_train_epochs > 1
    workbench.wait_end()


def test_a_number_typed_as_soon_as_the_form_shows_is_kept(visit: Callable[..., Any], workbench: Any) -> None:
    page = visit("/en/#learn")
    page.click("#sample-persona")
    page.locator("#page-train h1").wait_for(state="visible")
    rate = page.locator("#field-training-learning_rate input").first
    rate.fill("0.0123")
    page.wait_for_timeout(3000)
    assert rate.input_value() == "0.0123"
    rate.blur()
    page.locator("#page-train dl.facts", has_text="0.0123").wait_for()
    draft = json.loads((workbench.workspace.root / "draft.json").read_text())
    assert (draft["data"]["dataset"], draft["training"]["learning_rate"]) == ("persona", 0.0123)


def test_a_row_of_the_list_is_taken_as_the_model(visit: Callable[..., Any]) -> None:
    page = visit("/zh/#model")
    choose(page, "shelf-size", "≤ 150 M")
    page.locator("#shelf-table [role=grid][aria-rowcount='12']").wait_for()
    page.locator("#shelf-table [role=gridcell]", has_text="lumo").click()
    page.locator("#page-model .card", has_text="lumo").wait_for()
    assert page.locator("#model-id textarea, #model-id input").input_value() == "lumo"


def test_a_setting_is_found_by_words_and_what_was_changed_is_named(visit: Callable[..., Any], workbench: Any) -> None:
    page = visit("/en/#learn")
    page.click("#sample-sentiment-en")
    page.locator("#page-train h1").wait_for(state="visible")
    page.keyboard.press("/")
    page.keyboard.type("clipping")
    page.locator("#field-training-max_grad_norm").wait_for(state="visible")
    assert not page.locator("#field-training-learning_rate").is_visible()
    assert not page.locator("#field-training-weight_decay").is_visible()
    field(page, "training-max_grad_norm", 0.5)
    page.locator("#page-train dl.facts", has_text="max_grad_norm 0.5").wait_for()
    page.fill("#find-setting", "")
    page.locator("#field-training-learning_rate").wait_for(state="visible")
    page.locator("#field-training-weight_decay").wait_for(state="hidden")
    page.fill("#find-setting", "no such words")
    page.locator(".find small").wait_for(state="visible")
    page.locator("#advanced", has_text="2 changed").wait_for()  # the sample names its target modules
