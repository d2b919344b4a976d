"""Chat: the playground for runs that talk, a box to try for the others, many prompts at once, and what was judged as training data.

The model lives in a process of its own; this page is a client of its OpenAI-compatible API.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.core.run import Run, all_runs, find
from workbench.core.task import TASKS
from workbench.serve import client, harvest
from workbench.ui import asking, figures, sharing, talk
from workbench.ui.notices import empty, esc, heading, hint, problem, tag
from workbench.ui.page import Page

TELL = "(run) => { window.wbTalk = run || ''; window.dispatchEvent(new CustomEvent('wb-talk', {detail: run || ''})); }"
COLOURS = 8


def build(page: Page) -> None:
    """Which run; the conversation, or the box to try; below it what else can be done."""
    words = page.words
    gr.HTML(heading(words("chat_title"), words("chat_text")), padding=False)
    run = gr.Dropdown([], label=words("run"), elem_id="chat-run", interactive=True)
    said = gr.HTML(padding=False)
    with gr.Column(visible=False, elem_classes="plain") as board:
        gr.HTML(
            html_template=talk.surface(words), js_on_load=(ASSETS / "talk.js").read_text(encoding="utf-8"),
            server_functions=[talk.server(page.workspace, words.lang)], elem_id="talk", padding=False,
        )  # fmt: skip
        train = _train(page)
    probe = _probe(page)
    with gr.Column(visible=False, elem_classes="plain") as many:
        asking.build(page, run)
    sharing.build(page, run)
    page.run_list(run, lambda: [item.id for item in all_runs(page.workspace) if item.tuned.exists()], "chat")
    shown = [said, board, probe["panel"], many, probe["text"], probe["pair"], probe["bars"], probe["said"]]
    run.change(lambda value: _modes(page, value), [run], shown, queue=False)
    run.change(None, [run], None, js=TELL)
    probe["go"].click(
        lambda value, *texts: _tried(page, value, *texts),
        [run, probe["text"], probe["pair"]],
        [probe["bars"], probe["said"], said],
    )
    _wire_train(page, run, train)


def _train(page: Page) -> dict[str, Any]:
    """What was judged becomes a dataset, and the Train page opens with it."""
    words = page.words
    with gr.Accordion(words("harvest_title"), open=False, elem_id="harvest"):
        gr.HTML(hint(words("harvest_text")), padding=False)
        kind = gr.Radio(
            [(words("harvest_examples"), harvest.EXAMPLES), (words("harvest_pairs"), harvest.PAIRS)],
            value=harvest.EXAMPLES, label=words("harvest_kind"), elem_id="harvest-kind", interactive=True,
        )  # fmt: skip
        go = gr.Button(words("harvest_go"), variant="primary", elem_id="harvest-go")
        said = gr.HTML(padding=False, elem_id="harvest-said")
    return {"kind": kind, "go": go, "said": said}


def _wire_train(page: Page, run: Any, train: dict[str, Any]) -> None:
    made = train["go"].click(
        lambda *given: _harvested(page, *given),
        [run, train["kind"], page.pulse],
        [train["said"], page.pulse],
        queue=False,
    )
    made.success(
        None, [train["said"], page.pulse], None, js="(said, pulse) => { if (said.includes('good')) wbTrain(pulse); }"
    )


def _harvested(page: Page, run_id: str | None, kind: str, pulse: float) -> list[Any]:
    """The dataset's new version, and a draft that trains the same base on it."""
    try:
        run = find(page.workspace, run_id or "")
        made = harvest.dataset(page.workspace, run.id, kind)
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    page.draft.fill(run.recipe.dump())
    page.draft.put({"data.roles": {}, "data.max_rows": 0})
    if kind != run.recipe.task.kind:
        page.draft.choose_task(kind)
        if kind == harvest.PAIRS:  # preferences want a tenth of the rate that teaches answers
            page.draft.put({"training.learning_rate": run.recipe.training.learning_rate / 10})
    return page.chosen(made, "harvest_saved", pulse)


def _probe(page: Page) -> dict[str, Any]:
    words = page.words
    with gr.Column(visible=False, elem_classes="plain") as panel:
        text = gr.Textbox(
            label=words("text"), lines=3, elem_id="try-text", interactive=True, placeholder=words("try_placeholder")
        )
        pair = gr.Textbox(label=words("second_text"), lines=3, elem_id="try-pair", interactive=True, visible=False)
        go = gr.Button(words("try_go"), variant="primary", elem_id="try-go")
        bars = gr.Plot(visible=False, show_label=False, elem_id="try-bars")
        said = gr.HTML(padding=False, elem_id="try-said")
    return {"panel": panel, "text": text, "pair": pair, "go": go, "bars": bars, "said": said}


def _modes(page: Page, run_id: str | None) -> list[Any]:
    """Show the conversation or the box, by what the run's task can do."""
    run = _run(page, run_id)
    if run is None:
        blank = empty(page.words("chat_empty"), page.words("bar_go_train"), "train")
        return [blank, *[gr.update(visible=False)] * 3, gr.skip(), gr.skip(), gr.update(visible=False), ""]
    task, talks = TASKS.get(run.recipe.task.kind), bool(talk.mode_of(run))
    roles = {role.name: page.words.say(role.label) for role in task.roles}
    boxes = [gr.update(visible=len(task.asks) > place, label=roles.get(name, ""), value="")
             for place, name in enumerate((*task.asks, "", "")[:2])]  # fmt: skip
    shown = [gr.update(visible=talks), gr.update(visible=not talks), gr.update(visible=True)]
    return ["", *shown, *boxes, gr.update(visible=False), ""]


def _run(page: Page, run_id: str | None) -> Run | None:
    try:
        run = find(page.workspace, run_id or "")
    except UserError:
        return None
    return run if run.unreadable is None else None


def _tried(page: Page, run_id: str, text: str, pair: str) -> list[Any]:
    """The base model's and the tuned model's answers to what was typed: bars of probabilities, or side by side with marks."""
    words = page.words
    if not (text or "").strip():
        return [gr.skip(), gr.skip(), hint(words("try_placeholder"))]
    try:
        run = find(page.workspace, run_id or "")
        endpoint = client.ensure(page.workspace, run)
        fields = dict(zip(TASKS.get(run.recipe.task.kind).asks, (text, pair or ""), strict=False))
        base, tuned = (client.attempt(endpoint, name, fields) for name in ("base", run.id))
    except UserError as error:
        return [gr.update(visible=False), "", problem(error, words.lang)]
    if "shares" not in tuned:
        return [gr.update(visible=False), _sides(page, base, tuned), ""]
    rows = [(words("base"), base["shares"], figures.GREY), (words("tuned"), tuned["shares"], figures.PINE)]
    said = hint(words("classified", label=tuned["text"]))
    return [gr.update(value=figures.probabilities(rows), visible=True), "", said]


def _sides(page: Page, base: dict[str, Any], tuned: dict[str, Any]) -> str:
    """Both answers as cards; everything in them is text."""
    sides = ""
    for side, name, shown in (("base", "before", base), ("tuned", "after", tuned)):
        sides += tag("div", f"<small>{esc(page.words(side))}</small>{painted(shown)}", class_=f"side {name}")
    return tag("div", tag("div", tag("div", sides, class_="sides"), class_="card"), class_="pairs")


def painted(shown: dict[str, Any]) -> str:
    """An answer as HTML: marks in the text, words for gaps with bars, or just its words."""
    if shown.get("pieces"):
        kinds = sorted({kind for _, kind in shown["pieces"] if kind.strip()})
        marks = "".join(_piece(text, kind, kinds) for text, kind in shown["pieces"])
        return tag("div", marks, class_="marks") + tag("small", esc(shown["text"]))
    if shown.get("gaps"):
        return "".join(tag("div", "".join(_guess(*guess) for guess in gap), class_="gap") for gap in shown["gaps"])
    return esc(shown["text"])


def _piece(text: str, kind: str, kinds: list[str]) -> str:
    if not kind:
        return esc(text)
    named = tag("b", esc(kind)) if kind.strip() else ""
    colour = kinds.index(kind) % COLOURS if kind in kinds else 0
    return tag("mark", esc(text) + named, class_=f"k{colour}")


def _guess(word: str, share: float) -> str:
    bar = f'<i style="width:{100 * share:.0f}%"></i>'
    return tag("div", f"<span>{esc(word)}</span>{tag('div', bar, class_='bar')}<b>{share:.0%}</b>", class_="guess")
