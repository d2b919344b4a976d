"""Chat: talk with the tuned model, the base model, or both side by side; classifiers get a box to try texts in.

The model lives in a process of its own; this page is a client of its OpenAI-compatible API.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.run import Run, all_runs, find
from workbench.core.task import TASKS
from workbench.serve import client
from workbench.ui import figures
from workbench.ui.notices import empty, esc, heading, hint, problem, tag
from workbench.ui.page import Page

Messages = list[dict[str, Any]]


def build(page: Page) -> None:
    """Run and settings on the left; the conversation, or the box to try, on the right."""
    words = page.words
    gr.HTML(heading(words("chat_title"), words("chat_text")), padding=False)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=300):
            run = gr.Dropdown([], label=words("run"), elem_id="chat-run", interactive=True)
            settings = _settings(page)
        with gr.Column(scale=5, min_width=360):
            said = gr.HTML(padding=False)
            talk = _talk(page)
            probe = _probe(page)
    page.run_list(run, lambda: [item.id for item in all_runs(page.workspace) if item.tuned.exists()])
    run.change(
        lambda value: _modes(page, value),
        [run],
        [
            said,
            *(part["panel"] for part in (talk, probe, settings)),
            *(probe[n] for n in ("text", "pair", "bars", "said")),
        ],
        queue=False,
    )
    _wire_talk(page, run, settings, talk, said)
    probe["go"].click(
        lambda value, *texts: _classify(page, value, *texts),
        [run, probe["text"], probe["pair"]],
        [probe["bars"], probe["said"], said],
    )


def _settings(page: Page) -> dict[str, Any]:
    words = page.words
    with gr.Column(visible=False, elem_classes="plain") as panel:
        who = gr.Radio(
            [(words("both"), "both"), (words("tuned"), "tuned"), (words("base"), "base")],
            value="both",
            label=words("who"),
            elem_id="chat-who",
            interactive=True,
        )
        system = gr.Textbox(label=words("system_prompt"), lines=2, elem_id="chat-system", interactive=True)
        with gr.Row(elem_classes="pair"):
            temperature = gr.Slider(
                0,
                2,
                value=0.0,
                step=0.05,
                label=words("temperature"),
                interactive=True,
                elem_id="chat-temperature",
            )
            top_p = gr.Slider(0.05, 1, value=1.0, step=0.05, label=words("top_p"), interactive=True)
        length = gr.Slider(8, 512, value=64, step=8, label=words("max_new_tokens"), interactive=True)
    return {
        "panel": panel,
        "who": who,
        "system": system,
        "temperature": temperature,
        "top_p": top_p,
        "length": length,
    }


def _talk(page: Page) -> dict[str, Any]:
    words = page.words
    with gr.Column(visible=False, elem_classes="plain") as panel:
        with gr.Row(elem_classes="pair"):
            base = gr.Chatbot(
                [],
                label=words("base"),
                height=380,
                render_markdown=False,
                elem_id="chat-base",
                buttons=["copy"],
            )
            tuned = gr.Chatbot(
                [],
                label=words("tuned"),
                height=380,
                render_markdown=False,
                elem_id="chat-tuned",
                buttons=["copy"],
            )
        text = gr.Textbox(
            placeholder=words("say_something"),
            show_label=False,
            lines=1,
            elem_id="chat-text",
            interactive=True,
        )
        with gr.Row(elem_classes="pair"):
            send = gr.Button(words("send"), variant="primary", elem_id="chat-send", min_width=90)
            stop = gr.Button(words("stop_answer"), variant="stop", elem_id="chat-stop", min_width=90)
            again = gr.Button(words("regenerate"), elem_id="chat-again", min_width=90)
            clear = gr.Button(words("new_chat"), elem_id="chat-clear", min_width=90)
    return {
        "panel": panel,
        "base": base,
        "tuned": tuned,
        "text": text,
        "send": send,
        "stop": stop,
        "again": again,
        "clear": clear,
    }


def _probe(page: Page) -> dict[str, Any]:
    words = page.words
    with gr.Column(visible=False, elem_classes="plain") as panel:
        text = gr.Textbox(
            label=words("text"),
            lines=3,
            elem_id="try-text",
            interactive=True,
            placeholder=words("try_placeholder"),
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
    task = TASKS.get(run.recipe.task.kind)
    roles = {role.name: page.words.say(role.label) for role in task.roles}
    boxes = [gr.update(visible=len(task.asks) > place, label=roles.get(name, ""), value="")
             for place, name in enumerate((*task.asks, "", "")[:2])]  # fmt: skip
    shown = [gr.update(visible=task.talks), gr.update(visible=not task.talks), gr.update(visible=task.talks)]
    return ["", *shown, *boxes, gr.update(visible=False), ""]


def _run(page: Page, run_id: str | None) -> Run | None:
    try:
        run = find(page.workspace, run_id or "")
    except UserError:
        return None
    return run if run.unreadable is None else None


def _wire_talk(page: Page, run: Any, settings: dict[str, Any], talk: dict[str, Any], said: Any) -> None:
    panes = [talk["base"], talk["tuned"]]
    sampling = [settings[name] for name in ("who", "system", "temperature", "top_p", "length")]

    def answer(run_id: str, base: Messages, tuned: Messages, *how: Any) -> Iterator[list[Any]]:
        yield from _answer(page, run_id, (base, tuned), how)

    asked = gr.on(
        [talk["send"].click, talk["text"].submit],
        _ask, [talk["text"], settings["who"], *panes], [talk["text"], *panes], queue=False, show_progress="hidden",
    )  # fmt: skip
    said_to = [run, *panes, *sampling]
    first = asked.then(answer, said_to, [*panes, said], show_progress="hidden")
    undone = talk["again"].click(_undo, panes, panes, queue=False, show_progress="hidden")
    second = undone.then(answer, said_to, [*panes, said], show_progress="hidden")
    talk["stop"].click(None, None, None, cancels=[first, second], queue=False)
    talk["clear"].click(lambda: [[], [], ""], None, [*panes, said], cancels=[first, second], queue=False)
    settings["who"].change(
        lambda who: [gr.update(visible=who in ("both", "base")), gr.update(visible=who in ("both", "tuned"))],
        [settings["who"]], panes, queue=False, show_progress="hidden",
    )  # fmt: skip


def _ask(text: str, who: str, base: Messages, tuned: Messages) -> list[Any]:
    """The question appears at once in every pane that will answer."""
    if not (text or "").strip():
        return ["", base, tuned]
    turn = {"role": "user", "content": text}
    return [
        "",
        [*base, turn] if who in ("both", "base") else base,
        [*tuned, turn] if who in ("both", "tuned") else tuned,
    ]


def _undo(base: Messages, tuned: Messages) -> list[Messages]:
    """Drop the last answers, so that they are given again."""
    return [pane[:-1] if pane and pane[-1]["role"] == "assistant" else pane for pane in (base, tuned)]


def plain(messages: Messages) -> list[dict[str, str]]:
    """Role and text only; Gradio's chatbot adds metadata and may wrap the text in parts."""
    made = []
    for message in messages:
        content = message["content"]
        if isinstance(content, list):
            content = "".join(part.get("text", "") if isinstance(part, dict) else str(part) for part in content)
        made.append({"role": str(message["role"]), "content": str(content)})
    return made


def _answer(page: Page, run_id: str, panes: tuple[Messages, Messages], how: tuple[Any, ...]) -> Iterator[list[Any]]:
    """Stream the base model's answer, then the tuned one's, each into its own pane."""
    who, system, temperature, top_p, length = how
    shown = [plain(pane) for pane in panes]
    waiting = [
        side
        for side, pane in zip(("base", "tuned"), shown, strict=True)
        if pane and pane[-1]["role"] == "user" and who in ("both", side)
    ]
    if not waiting:
        return
    try:
        yield [*shown, hint(page.words("waking"))]
        run = find(page.workspace, run_id or "")
        endpoint = client.ensure(page.workspace, run)
        for side in waiting:
            pane = shown[0 if side == "base" else 1]
            messages = [{"role": "system", "content": system}, *pane] if (system or "").strip() else list(pane)
            pane.append({"role": "assistant", "content": ""})
            for piece in client.chat(
                endpoint,
                "base" if side == "base" else run.id,
                messages,
                temperature=temperature,
                top_p=top_p,
                max_tokens=int(length),
            ):
                pane[-1]["content"] += piece
                yield [*shown, ""]
        yield [*shown, ""]
    except UserError as error:
        yield [*shown, problem(error, page.words.lang)]


def _classify(page: Page, run_id: str, text: str, pair: str) -> list[Any]:
    """Probabilities of the base (untrained head) and the tuned model for one text."""
    words = page.words
    if not (text or "").strip():
        return [gr.skip(), gr.skip(), hint(words("try_placeholder"))]
    try:
        run = find(page.workspace, run_id or "")
        endpoint = client.ensure(page.workspace, run)
        if not _has_labels(run):
            return [gr.update(visible=False), _attempts(page, run, endpoint, text, pair), ""]
        item = {"text": text, **({"text_pair": pair} if (pair or "").strip() else {})}
        answers = {side: client.classify(endpoint, name, [item])[0] for side, name in _sides(run).items()}
    except UserError as error:
        return [gr.update(visible=False), "", problem(error, words.lang)]
    rows = [(words("base"), answers["base"], figures.GREY), (words("tuned"), answers["tuned"], figures.PINE)]
    best = max(answers["tuned"], key=lambda label: answers["tuned"][label])
    return [
        gr.update(value=figures.probabilities(rows), visible=True),
        "",
        hint(words("classified", label=esc(best))),
    ]


def _sides(run: Run) -> dict[str, str]:
    return {"base": "base", "tuned": run.id}


def _has_labels(run: Run) -> bool:
    """One label per text: probabilities are shown as bars."""
    options = read_json(run.tuned / "options.json") or {}
    return (
        run.recipe.task.kind == "text-classification" and options.get("problem_type") == "single_label_classification"
    )


def _attempts(page: Page, run: Run, endpoint: client.Endpoint, text: str, pair: str) -> str:
    """The base model's and the tuned model's answers, side by side."""
    words = page.words
    fields = dict(zip(TASKS.get(run.recipe.task.kind).asks, (text, pair or ""), strict=False))
    sides = ""
    for side, name, model in (("base", "before", "base"), ("tuned", "after", run.id)):
        answer = client.attempt(endpoint, model, fields)
        sides += tag("div", f"<small>{esc(words(side))}</small>{esc(answer)}", class_=f"side {name}")
    return tag("div", tag("div", tag("div", sides, class_="sides"), class_="card"), class_="pairs")
