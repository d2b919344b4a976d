"""The failure doctor on the Runs page: what went wrong, and one button that makes the change and runs again."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.run import find
from workbench.engine import supervisor
from workbench.engine.diagnosis import Finding, diagnose
from workbench.ui.notices import esc, hint, problem, tag
from workbench.ui.page import Page


def build(page: Page) -> tuple[Any, Any, Any]:
    """(what is said, the button, the answer to it)."""
    shown = gr.HTML(padding=False, elem_id="healing")
    again = gr.Button(page.words("heal_again"), visible=False, variant="primary", elem_id="heal-again")
    return shown, again, gr.HTML(padding=False, elem_id="heal-said")


def drawn(page: Page, run_id: str) -> list[Any]:
    """The findings, and the button where one of them has a change to make."""
    words = page.words
    try:
        found = diagnose(find(page.workspace, run_id))
    except UserError:
        found = []
    if not found:
        return ["", gr.update(visible=False)]
    first = next((each for each in found if each.changes), None)
    body = "".join(tag("p", esc(words.say(each.text))) + _changes(each) for each in found)
    return [tag("div", tag("h2", esc(words("heal_title"))) + body, class_="card"), gr.update(visible=first is not None)]


def _changes(found: Finding) -> str:
    told = " · ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}" for name, value in found.changes.items())  # fmt: skip
    return tag("p", tag("code", esc(told))) if told else ""


def again(page: Page, run_id: str | None, pulse: float) -> list[Any]:
    """Another run with the change; (what is said, the run to look at, the next pulse)."""
    try:
        run = find(page.workspace, run_id or "")
        change = next((each.changes for each in diagnose(run) if each.changes), None)
        if change is None:
            raise UserError("There is nothing to change any more.", "没有需要修改的设置。", field="run")
        made = supervisor.start(page.workspace, run.recipe.replace(change), once=True)
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip()]
    return [hint(page.words("heal_started", run=made.id)), made.id, pulse + 1]
