"""The card of a model that brings code: its files and their digest, what was noticed, the code as text, and the owner's consent."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.door.roles import Role
from workbench.models import catalog, consent
from workbench.ui.access import only_here, roles_of
from workbench.ui.notices import esc, facts, fine, problem, tag
from workbench.ui.page import Page


def build(page: Page, name: Any, bar: Any) -> None:
    """Hidden for a model without code. Drawn anew when the model changes, and when a download (`bar`) has ended."""
    with gr.Column(visible=False, elem_id="consent") as card:
        shown = gr.HTML(padding=False)
        with gr.Row():
            agree = gr.Button(page.words("consent_agree"), visible=False, elem_id="consent-agree")
            withdraw = gr.Button(page.words("consent_withdraw"), visible=False, elem_id="consent-withdraw")
    said = gr.HTML(padding=False)
    digest = gr.State("")
    drawn: list[Any] = [card, shown, agree, withdraw, digest]

    @only_here
    def agreed(value: str, known: str, request: gr.Request) -> list[Any]:
        return _give(page, value, known, Role.LOCAL in roles_of(request))

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    name.change(lambda value: [*_card(page, value), ""], [name], [*drawn, said], **quiet)
    bar.change(lambda value: _card(page, value), [name], drawn, **quiet)
    agree.click(agreed, [name, digest], [*drawn, said], queue=False)
    withdraw.click(lambda value: _withdraw(page, value), [name], [*drawn, said], queue=False)


def _card(page: Page, value: str | None) -> list[Any]:
    """Card, its text, both buttons, and the digest of what is shown."""
    hidden = [gr.update(visible=False), "", gr.update(visible=False), gr.update(visible=False), ""]
    try:
        folder = catalog.present(page.workspace, (value or "").strip())
    except UserError:
        return hidden
    code = consent.code_of(folder)
    if code is None:
        return hidden
    given = consent.given(page.workspace, code) and not code.elsewhere
    offered = bool(code.files) and not given and not code.elsewhere
    return [gr.update(visible=True), _text(page, folder, code, given), gr.update(visible=offered), gr.update(visible=given), code.digest]  # fmt: skip


def _text(page: Page, folder: Any, code: consent.Code, given: bool) -> str:
    words = page.words
    noticed = consent.findings(folder, code)
    pairs = [
        (words("consent_files"), ", ".join(code.files) or "–"),
        (words("consent_digest"), code.digest),
        (words("consent_noticed"), " · ".join(noticed) or words("consent_nothing")),
    ]
    sources = "".join(
        tag("details", tag("summary", esc(name)) + tag("pre", esc(text), class_="said"))
        for name, text in consent.texts(folder, code).items()
    )
    head = tag("h2", esc(words("consent_title"))) + tag("p", esc(words("consent_text")))
    state = fine(words("consent_given")) if given else ""
    if code.elsewhere:
        state = problem(words("consent_elsewhere", name=code.elsewhere[0]), words.lang)
    return tag("div", head + facts(pairs) + sources + state, class_="card")


def _give(page: Page, value: str, digest: str, local: bool) -> list[Any]:
    said = ""
    try:
        consent.give(page.workspace, catalog.present(page.workspace, (value or "").strip()), digest, local)
    except UserError as error:
        said = problem(error, page.words.lang)
    return [*_card(page, value), said]


def _withdraw(page: Page, value: str) -> list[Any]:
    try:
        consent.withdraw(page.workspace, catalog.present(page.workspace, (value or "").strip()))
    except UserError as error:
        return [*_card(page, value), problem(error, page.words.lang)]
    return [*_card(page, value), fine(page.words("consent_gone"))]
