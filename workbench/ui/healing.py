"""The failure doctor on the Runs page: what went wrong, and one button that makes the change and runs again. Where only a person can say
which change is right, they are offered as a choice."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.core.run import Run, find
from workbench.engine import remedy
from workbench.engine.casebook import Finding
from workbench.engine.diagnosis import diagnose
from workbench.ui.notices import esc, hint, problem, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

NOTHING: tuple[dict[str, Any], ...] = ({"value": ""}, {"visible": False}, {"visible": False})


def build(page: Page) -> tuple[Any, Any, Any, Any]:
    """(what is said, the choice, the button, the answer to it)."""
    shown = gr.HTML(padding=False, elem_id="healing")
    choice = gr.Radio([], label=page.words("heal_choice"), visible=False, elem_id="heal-choice", interactive=True)
    again = gr.Button(page.words("heal_again"), visible=False, variant="primary", elem_id="heal-again")
    return shown, choice, again, gr.HTML(padding=False, elem_id="heal-said")


def drawn(page: Page, run_id: str) -> list[Any]:
    """The findings; the choice, and the button, where one of them has a change to make."""
    words = page.words
    try:
        run = find(page.workspace, run_id)
        found = page.feed.view(run).findings(run.status)
    except UserError:
        found = []
    if not found:
        return ["", *(gr.update(**each) for each in NOTHING[1:])]
    first = _mendable(found)
    choices = [(words.say(text), str(at)) for at, (text, _) in enumerate(first.choices)] if first and not first.changes else []  # fmt: skip
    body = "".join(tag("p", esc(words.say(each.text))) + _changes(words, run, each) for each in found)
    tried = remedy.made_before(run, first.changes) if first and first.changes else None
    body += hint(words("heal_tried", run=tried)) if tried else ""
    label = words("heal_instead" if run.status == "running" else "heal_again")
    card = tag("div", tag("h2", esc(words("heal_title"))) + body, class_="card")
    return [card, gr.update(choices=choices, visible=bool(choices)), gr.update(value=label, visible=first is not None and tried is None)]  # fmt: skip


def _mendable(found: list[Finding]) -> Finding | None:
    """The gravest cause that can be mended from here: by a change, else by a choice."""
    return next((each for each in found if each.changes), None) or next((each for each in found if each.choices), None)


def _changes(words: Words, run: Run, found: Finding) -> str:
    """What would be changed, in the words of the form."""
    told = " · ".join(f"{_label(words, run, path)}: {_value(words, value)}" for path, value in found.changes.items())
    return tag("p", tag("b", esc(words("heal_change"))) + esc(told)) if told else ""


def _label(words: Words, run: Run, path: str) -> str:
    part, _, name = path.partition(".")
    pair = knobs(type(getattr(run.recipe, part))).get(name) if name else None
    return words.say(pair[1].label) if pair else path


def _value(words: Words, value: Any) -> str:
    if isinstance(value, bool):
        return words("yes" if value else "no")
    return f"{value:g}" if isinstance(value, float) else str(value)


def again(page: Page, run_id: str | None, choice: str | None, pulse: float) -> list[Any]:
    """Another run with the change, in the place of this one if it still works; (what is said, the run to look at, the next pulse)."""
    try:
        run = find(page.workspace, run_id or "")
        made = remedy.applied(page.workspace, run, _change(_mendable(diagnose(run)), choice))
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip()]
    return [hint(page.words("heal_started", run=made.id)), made.id, pulse + 1]


def _change(found: Finding | None, choice: str | None) -> dict[str, Any]:
    if found is None:
        raise UserError("There is nothing to change any more.", "没有需要修改的设置。", field="run")
    if found.changes:
        return found.changes
    places = {str(at): changes for at, (_, changes) in enumerate(found.choices)}
    if choice not in places:
        raise UserError("Choose one of the ways first.", "请先选择一种做法。", field="choice")
    return places[choice]
