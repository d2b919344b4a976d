"""Train: task, method and hyper-parameters on the left; what will happen, and the start button, on the right."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.preset import all_presets
from workbench.core.sections import ComputeSection, EvaluationSection
from workbench.core.task import TASKS
from workbench.core.training import TrainingSection
from workbench.engine import supervisor
from workbench.ui import ahead, preview
from workbench.ui.form import Form
from workbench.ui.notices import esc, heading, problem
from workbench.ui.page import Page

SKIP = ("kind", "id", "dataset", "version")


def build(page: Page) -> None:
    """Form and preview, then the wiring."""
    words = page.words
    gr.HTML(heading(words("train_title"), words("train_text")), padding=False)
    form = Form(words, page.draft)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=320):
            turn = gr.State(0)  # counts the choices that change the whole form, before the page hears of them
            _recipes(page, turn)
            task, method = _kinds(page)
            fold = _fields(page, form)
        with gr.Column(scale=3, min_width=340, elem_classes="sticky"):
            told = gr.HTML(padding=False)
            name = gr.Textbox(page.draft.get("name") or "", label=words("run_name"), info=words("run_name_help"), max_length=60, elem_id="run-name", interactive=True)  # fmt: skip
            notice = gr.HTML(padding=False)
            start = gr.Button(words("start"), variant="primary", elem_id="start")
            ahead.build(page)
    _wire(page, form, (task, method, turn), (told, notice, start, fold))
    page.view(lambda: page.draft.get("name") or "", [], [name])
    gr.on([name.blur, name.submit], lambda text: page.draft.put({"name": (text or "").strip()}), [name], None, queue=False, show_progress="hidden")  # fmt: skip


def _recipes(page: Page, turn: Any) -> None:
    """Every preset by the memory it needs; choosing one fills the form."""
    words, sizes = page.words, {"cpu": "CPU"}
    presets = {preset.kind: preset for preset in all_presets()}
    names = [
        (f"{sizes.get(size := str(preset.about.get('size', 'cpu')), size.upper().replace('GB', ' GB'))} · {words.say(preset.label)}", kind)
        for kind, preset in presets.items()
    ]  # fmt: skip
    chosen = gr.Dropdown(names, value=None, label=words("start_from"), info=words("start_from_help"), elem_id="start-from", interactive=True)  # fmt: skip

    def fill(kind: str | None, pulse: float, turn: int) -> tuple[float, int]:
        if kind in presets:
            page.draft.fill(presets[kind].recipe.dump())
        return pulse + 1, turn + 1

    chosen.input(fill, [chosen, page.pulse, turn], [page.pulse, turn], queue=False)


def _kinds(page: Page) -> tuple[Any, Any]:
    words = page.words
    task = gr.Radio(
        [(words.say(entry.label), entry.kind) for entry in TASKS.all()],
        value=page.draft.get("task.kind"), label=words("task"), elem_id="task-kind", interactive=True,
    )  # fmt: skip
    method = gr.Dropdown(
        _methods(page), value=page.draft.get("method.kind"), label=words("method"), info=_help(page), filterable=False,
        elem_id="method-kind", interactive=True,
    )  # fmt: skip
    return task, method


def _methods(page: Page) -> list[tuple[str, str]]:
    """Every method; those that do not go with the chosen task and model come last, crossed out."""
    task = TASKS.get(page.draft.get("task.kind"))
    config = preview.config_of(page, str(page.draft.get("model.id") or ""))
    able = {entry.kind: entry.fits(task, config) is None for entry in METHODS.all()}
    ordered = sorted(METHODS.all(), key=lambda entry: not able[entry.kind])
    return [(f"{'' if able[entry.kind] else '✕ '}{page.words.say(entry.label)}", entry.kind) for entry in ordered]


def _help(page: Page) -> str:
    """What the chosen method does."""
    return page.words.say(METHODS.get(page.draft.get("method.kind")).help)


def _fields(page: Page, form: Form) -> Any:
    """Every field, the advanced ones in a fold (returned), and a box above them that finds one by words."""
    from workbench.core.recipe import DataSection

    words = page.words
    gr.HTML(
        f'<label class="find"><span>{esc(words("find_setting"))}</span><input id="find-setting" type="search" '
        f'placeholder="{esc(words("find_placeholder"))}" autocomplete="off"><small hidden>{esc(words("find_nothing"))}</small></label>',
        padding=False,
    )
    form.kind_sections("method", METHODS.all(), False, SKIP)
    form.section("training", TrainingSection, False)
    form.kind_sections("task", TASKS.all(), False, SKIP)
    form.section("data", DataSection, False, SKIP)
    with gr.Accordion(_advanced(page, form), open=False, elem_id="advanced") as fold:
        form.kind_sections("method", METHODS.all(), True, SKIP)
        form.section("training", TrainingSection, True)
        form.section("compute", ComputeSection, True)
        form.section("evaluation", EvaluationSection, True)
    return fold


def _advanced(page: Page, form: Form) -> str:
    """The name of the fold, with the number of settings in it that were changed."""
    count = len(form.changed())
    return page.words("advanced") + (f" · {page.words('changed', n=count)}" if count else "")


def _wire(page: Page, form: Form, kinds: tuple[Any, Any, Any], right: tuple[Any, Any, Any, Any]) -> None:
    task, method, turn = kinds
    notice, start = right[1:3]

    def drawn_right() -> list[Any]:
        return [preview.drawn(page, form), "", _label(page), gr.update(label=_advanced(page, form))]

    groups = [group for part in ("task", "method") for _, group in form.groups.get(part, [])]
    page.view(lambda: [page.draft.get("task.kind"), gr.update(choices=_methods(page), value=page.draft.get("method.kind"), info=_help(page))], [], [task, method])  # fmt: skip
    drawn = gr.Textbox("", visible=False)  # the pulse and the turn whose settings the form shows
    page.view(
        lambda pulse, turn, *shown: [_mark(pulse, turn), *form.refresh(shown), *_groups(form)],
        [page.pulse, turn, *form.components],
        [drawn, *form.components, *groups],
    )
    drawn.change(None, [drawn], None, js="wbDrawn")
    page.view(drawn_right, [], list(right))
    raised = [page.pulse, turn]
    task.input(lambda kind, *now: _choose(page.draft.choose_task, kind, *now), [task, *raised], raised, queue=False)
    method.input(lambda kind, *now: _choose_other(page, kind, *now), [method, *raised], raised, queue=False)
    form.wire(drawn_right, list(right))
    start.click(
        lambda pulse, turn, seen, *shown: _start(page, form, pulse, shown if seen == _mark(pulse, turn) else None),
        [page.pulse, turn, drawn, *form.components],
        [notice, page.run, page.pulse],
    ).then(None, [page.run, notice], None, js="(run, notice) => { if (!notice) wbGo('runs'); }")


def _groups(form: Form) -> list[Any]:
    return [*form.group_updates("task"), *form.group_updates("method")]


def _mark(pulse: float, turn: int) -> str:
    return f"{pulse:g} {turn}"


def _choose(choose: Any, kind: str, pulse: float, turn: int) -> tuple[float, int]:
    choose(kind)
    return pulse + 1, turn + 1


def _choose_other(page: Page, kind: str, pulse: float, turn: int) -> tuple[float, int]:
    """A method that is chosen already keeps the settings it has: a dropdown speaks up when it is merely left."""
    if kind == page.draft.get("method.kind"):
        return pulse, turn
    return _choose(page.draft.choose_method, kind, pulse, turn)


def _label(page: Page) -> Any:
    """The start button says what is missing."""
    key = "start"
    if not page.draft.get("data.dataset"):
        key = "start_needs_data"
    elif not page.draft.get("model.id"):
        key = "start_needs_model"
    return gr.update(value=page.words(key))


def _start(page: Page, form: Form, pulse: float, values: tuple[Any, ...] | None) -> Any:
    """Check everything, then hand the recipe to the supervisor; the run's folder exists when this returns.

    `values` is None while the form still shows the settings of before: what was chosen since counts, not what is seen.
    """
    try:
        if values is not None:
            form.take(values)
        run = supervisor.start(page.workspace, page.draft.recipe(), once=True)
    except UserError as error:
        return problem(error, page.words.lang), gr.skip(), gr.skip()
    return "", run.id, pulse + 1
