"""Cleaning, below the picture of a dataset: try a step, keep it, undo it, save a version, go back to one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.data import clean, library
from workbench.data.history import History
from workbench.data.step import CLEANING, COUNTS
from workbench.data.timeline import moments
from workbench.data.values import as_count
from workbench.engine.ask import Asked
from workbench.engine.cleanse import apart, cleanse
from workbench.models.catalog import STARTERS
from workbench.models.shelf import inventory
from workbench.ui.form import Form
from workbench.ui.history import left, told
from workbench.ui.notices import esc, fine, hint, problem, progress, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

POLL = 0.4
"""Seconds between two looks at how far a step is."""


class StepForm(Form):
    """The knobs of every step, filled from their defaults; nothing is saved until a version is. `named`: fields that name a model."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.words, page.draft)
        self.workspace = page.workspace
        self.named: list[Any] = []

    def value(self, path: str, field: Any) -> Any:
        """The default."""
        return field.default

    def component(self, path: str, field: Any, made: Any) -> Any:
        """As everywhere; the knob's name stands beside its label only where it says something else."""
        if made.names == "model":
            shown = gr.Dropdown(
                self.models(), value="", label=self.words.say(made.label), info=self.words.say(made.help),
                allow_custom_value=True, interactive=True, elem_id="field-" + path.replace(".", "-").replace(":", "-"),
            )  # fmt: skip
            self.named.append(shown)
            return shown
        shown, label = super().component(path, field, made), self.words.say(made.label)
        shown.label = label if label.casefold() == path.rsplit(".", 1)[-1] else shown.label
        return shown

    def models(self) -> list[tuple[str, str]]:
        """The model of the next run (an empty name), then all that are on this machine."""
        here = [*(starter.kind for starter in STARTERS), *(entry.id for entry in inventory(self.workspace))]
        next_one = str(self.draft.get("model.id") or "")
        return [(self.words("clean_model_next", name=next_one or "–"), ""), *((name, name) for name in here)]

    def step(self, kind: str, values: tuple[Any, ...]) -> dict[str, Any]:
        """The chosen step with its values as they stand."""
        mine = {
            path.rsplit(".", 1)[-1]: value
            for path, value in zip(self.fields, values, strict=True)
            if path.startswith(f"clean:{kind}.")
        }
        known = {name: made for name, (_, made) in knobs(CLEANING.get(kind).section).items()}
        given = {name: value for name, value in mine.items() if value is not None}
        chosen = {
            name: self.draft.get("model.id") or "" for name in given if known[name].names == "model" and not given[name]
        }
        return {"kind": kind, **given, **chosen}


def build(page: Page, chosen: Any, picture: tuple[Any, list[Any]]) -> None:
    """The fold with everything in it, then the wiring. `chosen` is the choice of dataset above, `picture` how it is drawn
    (a function of its name, and the components)."""
    words, form = page.words, StepForm(page)
    with gr.Accordion(words("clean_title"), open=False, elem_id="cleaning"):
        gr.HTML(hint(words("clean_text")), padding=False)
        with gr.Row(elem_classes="two"):
            with gr.Column(scale=2, min_width=320):
                kind, groups = _choice(words, form)
                with gr.Row():
                    look = gr.Button(words("clean_try"), elem_id="clean-try")
                    keep = gr.Button(words("clean_keep"), elem_id="clean-keep")
                stop = gr.Button(words("cancel"), variant="stop", visible=False, elem_id="clean-stop")
                kept = gr.HTML(padding=False, elem_id="clean-steps")
                with gr.Row():
                    undo = gr.Button(words("clean_undo"), elem_id="clean-undo")
                    save = gr.Button(words("clean_save"), variant="primary", elem_id="clean-save")
                version = gr.Dropdown(
                    [], label=words("clean_version"), elem_id="clean-version", interactive=True, visible=False
                )
                back = gr.Button(words("clean_back"), elem_id="clean-back", visible=False)
            with gr.Column(scale=3, min_width=340):
                said = gr.HTML(padding=False, elem_id="clean-said")
    parts = {"kind": kind, "look": look, "keep": keep, "stop": stop, "kept": kept, "undo": undo, "save": save, "version": version, "back": back, "said": said}  # fmt: skip
    kind.input(lambda now: [gr.update(visible=name == now) for name, _ in groups], [kind], [group for _, group in groups], queue=False)  # fmt: skip
    _wire(page, form, chosen, picture, parts)


def _wire(page: Page, form: StepForm, chosen: Any, picture: tuple[Any, list[Any]], parts: dict[str, Any]) -> None:
    quiet = {"queue": False, "show_progress": "hidden"}
    said, kept, version, back = (parts[name] for name in ("said", "kept", "version", "back"))
    asked: dict[str, Asked] = {}

    def call_off(session: gr.Request) -> None:
        if found := asked.get(str(session.session_hash)):
            found.cancel()

    def acting(keep: bool) -> Any:
        def act(session: gr.Request, name: str, kind: str, pulse: float, *values: Any) -> Iterator[list[Any]]:
            asked[str(session.session_hash)] = mine = Asked()
            yield from _done(page, name, form.step(kind, values), (keep, mine), pulse)

        return act

    given, told_in = [chosen, parts["kind"], page.pulse, *form.components], [said, parts["stop"], page.pulse]
    parts["look"].click(acting(False), given, told_in, show_progress="hidden")
    parts["keep"].click(acting(True), given, told_in, show_progress="hidden").then(
        picture[0], [chosen], picture[1], **quiet
    )
    parts["stop"].click(call_off, None, None, queue=False)
    parts["undo"].click(partial(_undone, page), [chosen, page.pulse], [said, page.pulse], queue=False).then(
        picture[0], [chosen], picture[1], **quiet
    )
    parts["save"].click(partial(_save, page), [chosen, page.pulse], [said, page.pulse])
    gone = back.click(partial(_back, page), [chosen, version, page.pulse], [said, page.pulse])
    gone.then(picture[0], [chosen], picture[1], **quiet)
    stands = [version, back, kept]
    page.pulse.change(lambda name: _state(page, name), [chosen], stands, **quiet)
    page.view(lambda: {each: gr.update(choices=form.models()) for each in form.named}, [], form.named)
    chosen.change(lambda name, text: [*_state(page, name), left(name, text)], [chosen, said], [*stands, said], **quiet)


def _choice(words: Words, form: StepForm) -> tuple[Any, list[tuple[str, Any]]]:
    """The step, and its knobs, one group visible at a time."""
    entries = CLEANING.all()
    kind = gr.Dropdown(
        [(words.say(entry.label), entry.kind) for entry in entries], value=entries[0].kind, label=words("clean_step"),
        filterable=False, elem_id="clean-kind", interactive=True,
    )  # fmt: skip
    groups = []
    for entry in entries:
        with gr.Column(visible=entry is entries[0], elem_classes="plain") as group:
            gr.HTML(hint(words.say(entry.help)), padding=False)
            for name, (field, made) in sorted(knobs(entry.section).items(), key=lambda item: item[1][1].advanced):
                path = f"clean:{entry.kind}.{name}"
                form.fields[path] = form.component(path, field, made)
        groups.append((entry.kind, group))
    return kind, groups


def _done(page: Page, name: str, step: dict[str, Any], how: tuple[bool, Asked], pulse: float) -> Iterator[list[Any]]:
    """What a step would do now; kept, it is in the log before it is told. A large dataset's step can be called off."""
    words, hidden, (keep, asked) = page.words, gr.update(visible=False), how
    try:
        rows = apart(page.workspace, name or "")
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(cleanse, page.workspace, name or "", step, keep, asked)
            while rows and not _ended(work):
                yield [_far(words, rows, asked), gr.update(visible=True), gr.skip()]
            effect = work.result()
    except UserError as error:
        yield [problem(error, words.lang), hidden, gr.skip()]
        return
    yield [_shown(words, effect), hidden, pulse + 1 if keep else gr.skip()]


def _ended(work: Future[Any]) -> bool:
    wait([work], timeout=POLL)
    return work.done()


def _far(words: Words, rows: int, asked: Asked) -> str:
    """How many rows a step has looked at."""
    told = asked.told or {"done": 0, "round": 1}
    line = words("clean_far", done=f"{told['done']:,}", rows=f"{rows:,}", round=told["round"])
    return hint(words("clean_working", rows=f"{rows:,}")) + progress(told["done"] / rows, line)


def _undone(page: Page, name: str, pulse: float) -> list[Any]:
    try:
        History(page.workspace, name or "").undo()
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return ["", pulse + 1]


def _save(page: Page, name: str, pulse: float) -> list[Any]:
    """A new version, chosen for the next run at once."""
    try:
        history = History(page.workspace, name or "")
        if not history.unsaved:
            raise UserError("Keep at least one step first.", "请先保留至少一个步骤。")
        made = history.publish("clean")
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return page.chosen(made, "clean_saved", pulse)


def _back(page: Page, name: str, number: int | None, pulse: float) -> list[Any]:
    try:
        made = clean.go_back(page.workspace, name or "", as_count(number))
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return page.chosen(made, "clean_saved", pulse)


def _state(page: Page, name: str | None) -> list[Any]:
    """Every version but the newest, and what the working copy has been through."""
    try:
        history = History(page.workspace, name or "")
    except UserError:
        return [gr.skip()] * 3
    found = library.versions(page.workspace, history.newest.name)[:-1]
    choices = [(f"v{item.version} · {item.meta['rows']:,}", item.version) for item in reversed(found)]
    return [
        gr.update(choices=choices, value=choices[0][1] if choices else None, visible=bool(choices)),
        gr.update(visible=bool(choices)),
        _listed(page.words, history),
    ]


def _listed(words: Words, history: History) -> str:
    """What stands, in sentences."""
    mine = [moment for moment in moments(history) if moment.where == "line" and moment.seq]
    lines = [tag("li", esc(told(words, moment))) for moment in mine]
    body = tag("ol", "".join(lines)) if lines else tag("p", esc(words("clean_none")))
    note = tag("p", esc(words("history_unsaved"))) if history.unsaved else ""
    return tag("div", tag("h2", esc(words("clean_steps"))) + body + note, class_="card")


def _counts(words: Words, counts: dict[str, Any]) -> str:
    return words("clean_counts", **{name: f"{counts[name]:,}" for name in COUNTS})


def _shown(words: Words, effect: dict[str, Any]) -> str:
    """Counts, and rows before and after."""
    if not effect["changed"] + effect["dropped"] + effect["added"]:
        return hint(words("clean_nothing"))
    examples = effect["examples"]
    changed = [[each["row"] + 1, each["before"], each["after"]] for each in examples if each["reason"] is None]
    dropped = [[each["row"] + 1, each["before"], words.pick(each["reason"])] for each in examples if each["reason"] is not None]  # fmt: skip
    head = [words("row"), words("clean_before")]
    parts = [fine(_counts(words, effect))]
    if changed:
        parts.append(table([*head, words("clean_after")], changed))
    if dropped:
        parts.append(table([*head, words("clean_reason")], dropped))
    return "".join(parts)
