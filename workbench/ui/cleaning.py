"""Cleaning, below the picture of a dataset: try a step, keep it, undo it, save a version, go back to one."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.knob import knobs
from workbench.data import clean, library
from workbench.data.step import CLEANING, COUNTS, Effect
from workbench.ui.form import Form
from workbench.ui.notices import esc, fine, hint, problem, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

Steps = list[dict[str, Any]]


class StepForm(Form):
    """The knobs of every step, filled from their defaults; nothing is saved until a version is."""

    def value(self, path: str, field: Any) -> Any:
        """The default."""
        return field.default

    def step(self, kind: str, values: tuple[Any, ...]) -> dict[str, Any]:
        """The chosen step with its values as they stand."""
        mine = {
            path.rsplit(".", 1)[-1]: value
            for path, value in zip(self.fields, values, strict=True)
            if path.startswith(f"clean:{kind}.")
        }
        return {"kind": kind, **{name: value for name, value in mine.items() if value is not None}}


def build(page: Page, chosen: Any, picture: tuple[Any, list[Any]]) -> None:
    """The fold with everything in it, then the wiring. `chosen` is the choice of dataset above, `picture` how it is drawn
    (a function of its name, and the components)."""
    words, form = page.words, StepForm(page.words, page.draft)
    with gr.Accordion(words("clean_title"), open=False, elem_id="cleaning"):
        gr.HTML(hint(words("clean_text")), padding=False)
        with gr.Row(elem_classes="two"):
            with gr.Column(scale=2, min_width=320):
                kind, groups = _choice(words, form)
                with gr.Row():
                    look = gr.Button(words("clean_try"), elem_id="clean-try")
                    keep = gr.Button(words("clean_keep"), elem_id="clean-keep")
                kept = gr.HTML(_listed(words, []), padding=False, elem_id="clean-steps")
                with gr.Row():
                    undo = gr.Button(words("clean_undo"), elem_id="clean-undo")
                    save = gr.Button(words("clean_save"), variant="primary", elem_id="clean-save")
                version = gr.Dropdown(
                    [], label=words("clean_version"), elem_id="clean-version", interactive=True, visible=False
                )
                back = gr.Button(words("clean_back"), elem_id="clean-back", visible=False)
            with gr.Column(scale=3, min_width=340):
                said = gr.HTML(padding=False, elem_id="clean-said")
    parts = {"kind": kind, "look": look, "keep": keep, "kept": kept, "undo": undo, "save": save, "version": version, "back": back, "said": said}  # fmt: skip
    kind.input(lambda now: [gr.update(visible=name == now) for name, _ in groups], [kind], [group for _, group in groups], queue=False)  # fmt: skip
    _wire(page, form, chosen, picture, parts)


def _wire(page: Page, form: StepForm, chosen: Any, picture: tuple[Any, list[Any]], parts: dict[str, Any]) -> None:
    words, steps, quiet = page.words, gr.State([]), {"queue": False, "show_progress": "hidden"}
    said, kept, version, back = (parts[name] for name in ("said", "kept", "version", "back"))
    tried = [chosen, steps, parts["kind"], *form.components]
    parts["look"].click(
        lambda name, before, now, *values: _look(page, name, before, form.step(now, values)), tried, [said]
    )
    parts["keep"].click(lambda name, before, now, *values: _keep(page, name, before, form.step(now, values)), tried, [said, steps, kept])  # fmt: skip
    parts["undo"].click(lambda before: _undone(page, before), [steps], [said, steps, kept], queue=False)
    for button, made, given in ((parts["save"], _save, steps), (back, _back, version)):
        saved = button.click(partial(made, page), [chosen, given, page.pulse], [said, steps, kept, page.pulse])
        saved.then(picture[0], [chosen], picture[1], **quiet)
    for event in (chosen.change, page.pulse.change):
        event(lambda name: _versions(page, name), [chosen], [version, back], **quiet)
    chosen.change(lambda before: _emptied(words, before), [steps], [said, steps, kept], **quiet)


def _emptied(words: Words, before: Steps) -> list[Any]:
    """Another dataset begins without steps; what was said of a version just saved stays."""
    return ["" if before else gr.skip(), [], _listed(words, [])]


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


def _look(page: Page, name: str, before: Steps, step: dict[str, Any]) -> str:
    """What a step would do after those that are kept."""
    try:
        dataset = library.find(page.workspace, name or "")
        return _shown(page.words, clean.try_out(dataset, [*before, step]).effects[-1])
    except UserError as error:
        return problem(error, page.words.lang)


def _keep(page: Page, name: str, before: Steps, step: dict[str, Any]) -> list[Any]:
    try:
        effect = clean.try_out(library.find(page.workspace, name or ""), [*before, step]).effects[-1]
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip()]
    now = [*before, effect.facts()]
    return [_shown(page.words, effect), now, _listed(page.words, now)]


def _undone(page: Page, before: Steps) -> list[Any]:
    return ["", before[:-1], _listed(page.words, before[:-1])]


def _save(page: Page, name: str, before: Steps, pulse: float) -> list[Any]:
    """A new version, chosen for the next run at once."""
    try:
        if not before:
            raise UserError("Keep at least one step first.", "请先保留至少一个步骤。")
        made = clean.keep(page.workspace, clean.try_out(library.find(page.workspace, name or ""), before))
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip(), gr.skip()]
    return _chosen(page, made, pulse)


def _back(page: Page, name: str, number: int | None, pulse: float) -> list[Any]:
    try:
        made = clean.go_back(page.workspace, name or "", int(number or 0))
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip(), gr.skip()]
    return _chosen(page, made, pulse)


def _chosen(page: Page, made: Any, pulse: float) -> list[Any]:
    words = page.words
    page.draft.put({"data.dataset": made.name, "data.version": made.version, "name": ""})
    said = fine(words("clean_saved", name=made.name, version=made.version, rows=f"{made.meta['rows']:,}"))
    return [said, [], _listed(words, []), pulse + 1]


def _versions(page: Page, name: str | None) -> list[Any]:
    """Every version but the newest, with the step that made it."""
    found = library.versions(page.workspace, name)[:-1] if name else []
    choices = [(f"v{item.version} · {item.meta['rows']:,}", item.version) for item in reversed(found)]
    return [
        gr.update(choices=choices, value=choices[0][1] if choices else None, visible=bool(choices)),
        gr.update(visible=bool(choices)),
    ]


def _listed(words: Words, steps: Steps) -> str:
    """The kept steps as sentences with their counts."""
    lines = [
        tag("li", f"{esc(words.say(CLEANING.get(step['kind']).label))}<br><small>{esc(_counts(words, step))}</small>")
        for step in steps
    ]
    body = tag("ol", "".join(lines)) if lines else tag("p", esc(words("clean_none")))
    return tag("div", tag("h2", esc(words("clean_steps"))) + body, class_="card")


def _counts(words: Words, counts: dict[str, Any]) -> str:
    return words("clean_counts", **{name: f"{counts[name]:,}" for name in COUNTS})


def _shown(words: Words, effect: Effect) -> str:
    """Counts, and rows before and after."""
    if not effect.changed + effect.dropped + effect.added:
        return hint(words("clean_nothing"))
    changed = [[each["row"] + 1, each["before"], each["after"]] for each in effect.examples if each["reason"] is None]
    dropped = [
        [each["row"] + 1, each["before"], words.say(each["reason"])]
        for each in effect.examples
        if each["reason"] is not None
    ]
    head = [words("line"), words("clean_before")]
    parts = [fine(_counts(words, effect.facts()))]
    if changed:
        parts.append(table([*head, words("clean_after")], changed))
    if dropped:
        parts.append(table([*head, words("clean_reason")], dropped))
    return "".join(parts)
