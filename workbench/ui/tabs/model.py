"""Model: choose a starter, a Hub id or a local folder; see what it is before anything is loaded; fetch it with progress."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.models import catalog
from workbench.ui import consent, parts, shelf
from workbench.ui.notices import esc, facts, fine, heading, hint, problem, progress, tag
from workbench.ui.page import Page


@dataclass
class Fetch:
    """One download in the background; the page only looks at it."""

    model_id: str = ""
    done: int = 0
    total: int = 0
    state: str = "idle"
    error: UserError | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    def start(self, workspace: Workspace, located: Any) -> None:
        """Begin to fetch; a second start while one runs is ignored."""
        if self.state == "running":
            return
        self.model_id, self.done, self.total, self.state, self.error = located.id, 0, 0, "running", None
        self.cancelled.clear()
        threading.Thread(target=self._work, args=(workspace, located), daemon=True).start()

    def _work(self, workspace: Workspace, located: Any) -> None:
        try:
            catalog.fetch(workspace, located, progress=self._progress, cancelled=self.cancelled.is_set)
            self.state = "done"
        except UserError as error:
            self.error, self.state = error, "failed"

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


def build(page: Page) -> None:
    """Choice on the left, what is known of it on the right."""
    words = page.words
    fetch = Fetch()
    gr.HTML(heading(words("model_title"), words("model_text")), padding=False)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=320):
            gr.HTML(f"<h2>{esc(words('starters'))}</h2>", padding=False)
            starters = [
                gr.Button(f"{entry.kind} — {words.say(entry.label)}", elem_id=f"starter-{entry.kind}")
                for entry in catalog.STARTERS
            ]
            name = gr.Textbox(
                label=words("model_id"), info=words("model_id_help"), elem_id="model-id", interactive=True
            )
            use = gr.Button(words("use_model"), variant="primary", elem_id="use-model")
            said = gr.HTML(padding=False)
        with gr.Column(scale=3, min_width=340):
            about = gr.HTML(padding=False)
            bar = gr.HTML(padding=False)
            with gr.Row():
                get = gr.Button(words("download"), visible=False, elem_id="download-model")
                cancel = gr.Button(words("cancel"), variant="stop", visible=False, elem_id="cancel-download")
            consent.build(page, name, bar)
            parts.build(page, name)
    shelf.build(page, name)
    told = gr.State(None)  # the draft's model when the box last followed it: a name being typed is left alone
    page.view(lambda known: _follow(page, known), [told], [name, told])
    shown = [about, get, said]
    for entry, button in zip(catalog.STARTERS, starters, strict=True):
        button.click(partial(str, entry.kind), None, [name], queue=False)
    name.change(lambda value: _look(page, value), [name], shown, show_progress="hidden")
    use.click(lambda value, pulse: _use(page, value, pulse), [name, page.pulse], [said, page.pulse], queue=False).then(
        None, [said, page.pulse], None, js="(said, pulse) => { if (!said) wbTrain(pulse); }"
    )
    timer = gr.Timer(1.0, active=False)
    get.click(lambda value: [_get(page, fetch, value), gr.update(active=True)], [name], [said, timer])
    page.loads.append((lambda: gr.update(active=fetch.state == "running"), [], [timer]))
    cancel.click(fetch.cancelled.set, None, None, queue=False)
    seen = gr.State("")
    timer.tick(
        lambda old: [*_watch(page, fetch, old), gr.update(active=fetch.state == "running")],
        [seen], [bar, cancel, seen, timer], queue=False, show_progress="hidden",
    )  # fmt: skip


def _follow(page: Page, known: str | None) -> list[Any]:
    chosen = page.draft.get("model.id")
    return [gr.skip() if chosen == known else chosen, chosen]


def _look(page: Page, value: str) -> list[Any]:
    """What is known of a model without loading it."""
    words = page.words
    try:
        located = catalog.locate(page.workspace, (value or "").strip())
        if located.path is None:
            return [hint(words("model_remote", name=located.id)), gr.update(visible=True), ""]
        catalog.check_folder(located.path)
        found = catalog.facts(located.path)
    except UserError as error:
        return ["", gr.update(visible=False), problem(error, words.lang)]
    pairs = [
        (words("architecture"), found.architecture),
        (words("parameters"), f"{found.parameters:,}"),
        (words("context"), found.context_length),
        (words("vocabulary"), f"{found.vocabulary:,}" if found.vocabulary else "–"),
        (words("chat_template"), words("yes") if found.has_chat_template else words("no")),
    ]
    starter = next((entry for entry in catalog.STARTERS if entry.kind == located.id), None)
    text = tag("p", esc(words.say(starter.help))) if starter else ""
    return [
        tag("div", f"<h2>{esc(located.id)}</h2>{text}{facts(pairs)}", class_="card"),
        gr.update(visible=False),
        "",
    ]


def _use(page: Page, value: str, pulse: float) -> list[Any]:
    try:
        located = catalog.locate(page.workspace, (value or "").strip())
        if located.path is not None:
            catalog.check(page.workspace, located.path)
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    page.draft.choose_model(located.id)
    return ["", pulse + 1]


def _get(page: Page, fetch: Fetch, value: str) -> str:
    try:
        fetch.start(page.workspace, catalog.locate(page.workspace, (value or "").strip()))
    except UserError as error:
        return problem(error, page.words.lang)
    return ""


def _watch(page: Page, fetch: Fetch, seen: str) -> list[Any]:
    """The bar of a download that runs; nothing is sent when nothing changed."""
    mark = f"{fetch.state} {fetch.done}"
    if mark == seen or (fetch.state == "idle" and not seen):
        return [gr.skip(), gr.skip(), mark]
    words = page.words
    if fetch.state == "running":
        share = fetch.done / fetch.total if fetch.total else 0
        text = f"{fetch.model_id} · {fetch.done / 1e6:.1f} / {fetch.total / 1e6:.1f} MB"
        return [progress(share, text), gr.update(visible=True), mark]
    text = fine(words("downloaded", name=fetch.model_id)) if fetch.state == "done" else ""
    if fetch.error is not None:
        text = problem(fetch.error, words.lang)
    return [text, gr.update(visible=False), mark]
