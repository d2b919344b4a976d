"""Runs: every run of the workspace, and the chosen one live: phases, progress, loss curve, stop."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.run import Run, all_runs, find
from workbench.engine import supervisor
from workbench.ui import figures
from workbench.ui.feed import RunView
from workbench.ui.notices import empty, esc, facts, heading, hint, problem, progress, strip, tag
from workbench.ui.page import Page, clock

PHASES = ("download", "load", "prepare", "train", "evaluate", "save")


def build(page: Page) -> None:
    """The list on the left, the picture on the right."""
    words = page.words
    gr.HTML(heading(words("runs_title"), words("runs_text")), padding=False)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=320):
            chosen = gr.Radio([], label=words("runs_list"), elem_id="run-list", interactive=True)
            stop = gr.Button(words("stop"), variant="stop", visible=False, elem_id="stop-run")
            report = gr.Button(words("see_report"), variant="primary", visible=False, elem_id="see-report")
            details = gr.HTML(padding=False)
        with gr.Column(scale=3, min_width=340, elem_classes="sticky"):
            state = gr.HTML(padding=False)
            curve = gr.Plot(visible=False, show_label=False, elem_id="loss-curve")
            tokens = gr.HTML(padding=False)
    drawn = gr.State("")
    outputs = [state, curve, tokens, details, stop, report, drawn]
    page.run_list(chosen, lambda: [(_title(page, run), run.id) for run in all_runs(page.workspace)])
    chosen.change(
        lambda run: [run or "", *_draw(page, run, "")],
        [chosen],
        [page.run, *outputs],
        show_progress="hidden",
        queue=False,
    )
    page.tick.tick(
        lambda run, old: _draw(page, run, old), [chosen, drawn], outputs, show_progress="hidden", queue=False
    )
    stop.click(lambda run: _stop(page, run), [chosen], [state], queue=False)
    report.click(None, None, None, js="() => wbGo('evaluate')")


def _title(page: Page, run: Run) -> str:
    return f"{run.id}  ·  {page.words(f'status_{run.status}')}"


def _stop(page: Page, run_id: str) -> str:
    try:
        supervisor.stop(find(page.workspace, run_id))
    except UserError as error:
        return problem(error, page.words.lang)
    return hint(page.words("stopping"))


def _draw(page: Page, run_id: str | None, drawn: str) -> list[Any]:
    """Everything on the right; skipped when nothing changed since `drawn`."""
    words = page.words
    if not run_id:
        blank = empty(words("runs_empty"), words("bar_go_train"), "train")
        return [
            blank if drawn != "none" else gr.skip(),
            gr.skip(),
            gr.skip(),
            gr.skip(),
            gr.skip(),
            gr.skip(),
            "none",
        ]
    try:
        run = find(page.workspace, run_id)
    except UserError:
        return [empty(words("runs_gone")), *[gr.skip()] * 5, "gone"]
    view = page.feed.view(run)
    status = run.status
    mark = f"{run.id} {view.offset} {status} {run.stop_asked}"
    if mark == drawn:
        return [gr.skip()] * 7
    return [
        _state(page, run, view, status),
        gr.update(value=figures.loss_curve(view, words), visible=True) if view.steps else gr.update(visible=False),
        _tokens(page, view),
        _details(page, run, view),
        gr.update(visible=status in ("running", "queued"), interactive=not run.stop_asked),
        gr.update(visible=run.report is not None),
        mark,
    ]


def _state(page: Page, run: Run, view: RunView, status: str) -> str:
    words = page.words
    pill = tag("span", esc(words(f"status_{status}")), class_=f"pill {status}")
    parts = [f"<h2>{esc(run.id)} {pill}</h2>", _phases(page, view, status)]
    if status == "running":
        parts.append(_progress(page, view))
        if run.stop_asked:
            parts.append(hint(words("stopping")))
    if status == "failed" and view.end is not None:
        parts.append(problem(words.pick(view.end.facts), words.lang))
    if status == "lost":
        parts.append(problem(words("run_lost"), words.lang))
    if status == "queued":
        parts.append(hint(words("run_queued")))
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
    if not step:
        return progress(0, words("phase_start"))
    text = f"{words('step')} {step.get('step')}/{step.get('total')} · {clock(view.remaining, words)}"
    return progress(view.share, text)


def _tokens(page: Page, view: RunView) -> str:
    tokens = view.last.get("sample", {}).get("tokens") or []
    if not tokens:
        return ""
    return tag(
        "div",
        f"<h2>{esc(page.words('what_it_sees'))}</h2>" + strip(tokens, page.words("strip_legend")),
        class_="card",
    )


def _details(page: Page, run: Run, view: RunView) -> str:
    words, step, model, data = page.words, view.step, view.last.get("model", {}), view.last.get("data", {})
    pairs: list[tuple[str, object]] = [
        (words("model"), run.recipe.model.id),
        (words("dataset"), run.recipe.data.dataset),
        (words("method"), run.recipe.method.kind),
    ]
    if model:
        share = 100 * model.get("trainable", 0) / max(1, model.get("total", 1))
        pairs.append((words("trainable"), f"{model.get('trainable', 0):,} / {model.get('total', 0):,} ({share:.2f} %)"))
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
