"""Runs: every run of the workspace, and the chosen one live: phases, progress, curves; stop, pause, cancel, go on; queue and storage."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.run import ENDED, Run, all_runs, find
from workbench.engine import supervisor
from workbench.ui import figures, healing, searching, shootouts, storage, waiting
from workbench.ui.feed import RunView
from workbench.ui.notices import empty, esc, facts, heading, hint, problem, progress, strip, tag
from workbench.ui.page import PICKED, Page, clock

PHASES = ("download", "load", "prepare", "train", "evaluate", "save")
EVERY = 3
"""Seconds between two drawings of the curves of a run that works."""
LATE = "(run, mark) => mark && mark.split(' ')[0] !== run ? String(Date.now()) : undefined"
"""A picture that was asked for before another run was chosen may come after that run's own: then it is drawn again."""
STEERING = ("stop", "pause", "goon", "cancel", "resume")
PARTS = len(STEERING) + 7
"""What is drawn of a run: state, tokens, details, findings, their choice and button, the buttons that steer, the way to the report."""


def build(page: Page) -> None:
    """The list on the left, the picture on the right."""
    words = page.words
    gr.HTML(heading(words("runs_title"), words("runs_text")), padding=False)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=320):
            chosen = gr.Radio([], label=words("runs_list"), elem_id="run-list", interactive=True)
            with gr.Row():
                buttons = {name: gr.Button(words(f"run_{name}"), visible=False, elem_id=f"{name}-run", min_width=110, size="md") for name in STEERING}  # fmt: skip
            report = gr.Button(words("see_report"), variant="primary", visible=False, elem_id="see-report")
            ill = healing.build(page)
            details = gr.HTML(padding=False)
            waiting.build(page)
            storage.build(page, chosen)
        with gr.Column(scale=3, min_width=340, elem_classes="sticky"):
            state = gr.HTML(padding=False)
            with gr.Row():
                what = gr.Dropdown([(words(f"curve_{name}"), name) for name in figures.CURVES], value="loss", label=words("curve"), filterable=False, elem_id="curve-what")  # fmt: skip
                others = gr.Dropdown(
                    [], value=[], multiselect=True, label=words("curve_others"), elem_id="curve-others"
                )
            curve = gr.Plot(visible=False, show_label=False, elem_id="loss-curve")
            tokens = gr.HTML(padding=False)
    searching.build(page)
    shootouts.build(page)
    page.run_list(chosen, lambda: [(_title(page, run), run.id) for run in all_runs(page.workspace)], "runs")
    parts = [state, tokens, details, *ill[:3], *buttons.values(), report]
    drawn = _wire(page, (chosen, what, others, curve), parts)
    for name, button in buttons.items():
        button.click(partial(_steer, page, STEER[name]), [chosen, page.pulse], [*parts, drawn, page.pulse], queue=False, show_progress="hidden")  # fmt: skip
    ill[2].click(
        partial(healing.again, page), [chosen, ill[1], page.pulse], [ill[3], page.run, page.pulse], queue=False
    )
    report.click(None, None, None, js="() => wbGo('evaluate')")


def _wire(page: Page, picked: tuple[Any, Any, Any, Any], parts: list[Any]) -> Any:
    """What is drawn is drawn again when the choice changes or the run says something, and then only what changed."""
    quiet = {"show_progress": "hidden", "queue": False}
    chosen, what, others, curve = picked
    offered = gr.State([])
    drawn, charted, late = gr.State([]), gr.Textbox("", visible=False), gr.Textbox("", visible=False)
    chosen.change(
        None, [chosen], [page.run], js=PICKED
    )  # at once: an answer of the server's could come after the next click
    chosen.change(
        lambda run, *given: [*_others(page, run, *given), *_fresh(page, run, [])], [chosen, others, offered], [others, offered, *parts, drawn], **quiet
    )  # fmt: skip
    for event in (page.mark.change, page.beat.change, page.pulse.change):
        event(
            lambda run, old, *given: [*_fresh(page, run, old), *_curve(page, run, *given)],
            [chosen, drawn, what, others, charted], [*parts, drawn, curve, charted], **quiet,
        )  # fmt: skip
    for event in (chosen.change, what.change, others.change):
        event(
            lambda run, kind, more: _curve(page, run, kind, more, ""), [chosen, what, others], [curve, charted], **quiet
        )
    page.mark.change(lambda *given: _others(page, *given), [chosen, others, offered], [others, offered], **quiet)
    charted.change(None, [chosen, charted], [late], js=LATE)
    late.change(
        lambda run, kind, more: _curve(page, run, kind, more, ""), [chosen, what, others], [curve, charted], **quiet
    )
    return drawn


def _others(page: Page, run_id: str | None, chosen: list[str] | None, known: list[str]) -> list[Any]:
    """Runs that can be compared with: the others of the same task; sent only where they changed, for an open list closes then. What is
    chosen and fits stays."""
    runs = {run.id: run.summary()["task"] for run in all_runs(page.workspace)}
    able = [each for each, task in runs.items() if each != run_id and task == runs.get(run_id or "")]
    if able == known:
        return [gr.skip(), gr.skip()]
    kept = [each for each in chosen or [] if each in able]
    return [gr.update(choices=able) if kept == (chosen or []) else gr.update(choices=able, value=kept), able]


def _title(page: Page, run: Run) -> str:
    status = run.status
    word = page.feed.view(run).shown(status) if status == "running" else status
    return f"{run.id}  ·  {page.words(f'status_{word}')}"


STEER: dict[str, Callable[[Run], Any]] = {
    "stop": supervisor.stop, "pause": Run.ask_to_pause, "goon": lambda run: run.ask_to_pause(False),
    "cancel": supervisor.cancel, "resume": supervisor.resume,
}  # fmt: skip


def _steer(page: Page, act: Callable[[Run], Any], run_id: str | None, pulse: float) -> list[Any]:
    """Do it, and show at once what it did to the run."""
    try:
        act(find(page.workspace, run_id or ""))
    except UserError as error:
        return [problem(error, page.words.lang), *[gr.skip()] * (PARTS - 1), [], pulse + 1]
    return [*_fresh(page, run_id, []), pulse + 1]


def _fresh(page: Page, run_id: str | None, old: list[Any]) -> list[Any]:
    """All parts but the curves; those that are as they were are not sent again."""
    new = _draw(page, run_id)
    marks = [str(each) for each in new]
    same = old if len(old) == len(new) else [None] * len(new)
    return [*(gr.skip() if mark == was else each for each, mark, was in zip(new, marks, same, strict=True)), marks]


def _draw(page: Page, run_id: str | None) -> list[Any]:
    words, hidden = page.words, gr.update(visible=False)
    none = [hidden] * (len(STEERING) + 2)
    if not run_id:
        return [empty(words("runs_empty"), words("bar_go_train"), "train"), "", "", "", hidden, *none]
    try:
        run = find(page.workspace, run_id)
    except UserError:
        return [empty(words("runs_gone")), "", "", "", hidden, *none]
    view, status = page.feed.view(run), run.status
    live, paused = status == "running", run.pause_asked
    shown = {
        "stop": live or status == "queued", "pause": live and not paused, "goon": live and paused, "cancel": live,
        "resume": run.resumable,
    }  # fmt: skip
    return [
        _state(page, run, view, status), _tokens(page, view), _details(page, run, view), *healing.drawn(page, run.id),
        gr.update(visible=shown["stop"], interactive=not run.stop_asked, value=words("run_off" if status == "queued" else "run_stop")),
        *(gr.update(visible=shown[name]) for name in STEERING[1:]),
        gr.update(visible=(run.result / "report.json").exists()),
    ]  # fmt: skip


def _curve(page: Page, run_id: str | None, what: str, others: list[str] | None, charted: str) -> list[Any]:
    """The curves, not oftener than every few seconds while a run works: to draw them costs the browser more than the rest."""
    views = []
    for each in dict.fromkeys([run_id, *(others or [])]):
        try:
            run = find(page.workspace, each or "")
        except UserError:
            continue
        views.append((page.feed.view(run), run.status))
    if not views or not views[0][0].steps:
        return [gr.update(visible=False), ""]
    ended = all(status in ENDED for _, status in views)
    evals = [len(view.evals) for view, _ in views]
    what = what if what in figures.CURVES else figures.CURVES[0]
    mark = f"{' '.join(view.run.id for view, _ in views)} {what} {evals} {[view.offset if ended else 0 for view, _ in views]} "
    mark += str(0 if ended else int(time.time() / EVERY))
    if mark == charted:
        return [gr.skip(), gr.skip()]
    return [gr.update(value=figures.curves([view for view, _ in views], what, page.words), visible=True), mark]


def _state(page: Page, run: Run, view: RunView, status: str) -> str:
    words = page.words
    word = view.shown(status)
    pill = tag("span", esc(words(f"status_{word}")), class_=f"pill {word}")
    parts = [f"<h2>{esc(run.id)} {pill}</h2>", _phases(page, view, status)]
    if status == "running":
        parts.append(_progress(page, view))
        if run.stop_asked:
            parts.append(hint(words("stopping")))
        if view.paused is not None:
            parts.append(hint(words.pick(view.paused)))
    if status == "failed" and view.end is not None:
        parts.append(problem(words.pick(view.end.facts), words.lang))
    if status == "lost":
        parts.append(problem(words("run_lost"), words.lang))
    if status == "queued":
        parts.append(hint(words("run_queued")))
    if (reason := run.unreadable) is not None:
        parts.append(problem(reason, words.lang))
    parts += [hint(words.pick(note)) for note in view.notes[-4:]]
    return tag("div", "".join(parts), class_="card")


def _phases(page: Page, view: RunView, status: str) -> str:
    order = [phase for phase in PHASES if phase != "download" or "download" in view.last or view.phase == "download"]
    at = order.index(view.phase) if view.phase in order else -1
    pieces = []
    for index, phase in enumerate(order):
        over = index < at or status == "finished"
        kind = "done" if over else "now" if index == at and status == "running" else ""
        pieces.append(tag("span", esc(page.words(f"phase_{phase}")), class_=kind))
    return tag("div", "".join(pieces), class_="phases")


def _progress(page: Page, view: RunView) -> str:
    words, step = page.words, view.step
    download = view.last.get("download", {})
    if view.phase == "download" and download.get("total"):
        done, total = int(download.get("done") or 0), int(download["total"])
        return progress(done / total, f"{done / 1e6:.1f} / {total / 1e6:.1f} MB")
    if view.scored:
        return progress(view.scored[0] / view.scored[1], f"{words('phase_evaluate')} · {view.scored[0]:,} / {view.scored[1]:,}")  # fmt: skip
    if not step:
        return progress(0, words("phase_start"))
    text = words("step_of", step=step.get("step"), total=step.get("total"))
    return progress(view.share, text if view.paused else f"{text} · {clock(view.remaining, words)}")


def _tokens(page: Page, view: RunView) -> str:
    tokens = view.last.get("sample", {}).get("tokens") or []
    if not tokens:
        return ""
    legend = "strip_legend" if any(trained for _, trained in tokens) else "strip_plain"
    return tag(
        "div",
        f"<h2>{esc(page.words('what_it_sees'))}</h2>" + strip(tokens, page.words(legend)),
        class_="card",
    )


def _details(page: Page, run: Run, view: RunView) -> str:
    words, step, model, data = page.words, view.step, view.last.get("model", {}), view.last.get("data", {})
    told = run.summary()
    pairs: list[tuple[str, object]] = [(words(name), told[name]) for name in ("model", "dataset")]
    pairs.append(
        (
            words("method"),
            words.say(METHODS.get(run.recipe.method.kind).label) if run.unreadable is None else told["method"],
        )
    )
    if model:
        share = 100 * model.get("trainable", 0) / max(1, model.get("total", 1))
        pairs.append((words("trainable"), f"{model.get('trainable', 0):,} / {model.get('total', 0):,} ({share:.2f}%)"))
    if data:
        pairs.append((words("rows"), words("rows_split", train=data.get("train"), heldout=data.get("heldout"))))
        if data.get("cut"):
            pairs.append((words("cut_rows"), data["cut"]))
    for key, name, form in (
        ("loss", "loss", "{:.4f}"),
        ("learning_rate", "rate", "{:.3g}"),
        ("tokens_per_second", "speed", "{:,.0f}"),
        ("memory_mb", "memory", "{:,.0f} MB"),
    ):
        value = figures.number(step.get(key))
        if value is not None:
            pairs.append((words(name), form.format(value)))
    return tag("div", facts(pairs), class_="card")
