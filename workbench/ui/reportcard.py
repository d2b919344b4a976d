"""The report card of a run: the verdict first, then figures, answers before and after, and folds: metrics, rows, labels, calibration, to take along."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.metric import METRICS
from workbench.core.run import Run, find
from workbench.engine import cardpage, evidence
from workbench.ui import evalfigures, figures, measures, rowtable
from workbench.ui.notices import empty, esc, fine, hint, problem, table, tag
from workbench.ui.page import Page

PARTS = 18
"""What is drawn anew when another run is chosen."""


def build(page: Page, chosen: Any, talk: Any) -> None:
    """Everything under the choice of a run."""
    words = page.words
    card = gr.HTML(padding=False, elem_id="report-card")
    with gr.Row(elem_classes="two"):
        plots = [gr.Plot(visible=False, show_label=False) for _ in range(3)]
    with gr.Accordion(words("samples"), open=True, visible=False, elem_id="card-samples") as answers:
        samples = gr.HTML(padding=False)
    with gr.Accordion(words("card_measured"), open=False, visible=False, elem_id="card-metrics") as metrics:
        measured = gr.HTML(padding=False)
    with gr.Accordion(words("card_rows", n=""), open=False, visible=False, elem_id="card-rows") as fold:
        which, word, rows = rowtable.build(page, "card")
    with gr.Accordion(words("per_class"), open=False, visible=False, elem_id="card-labels") as labels:
        classes = gr.HTML(padding=False)
    with gr.Accordion(words("card_calibration"), open=False, visible=False, elem_id="card-calibration") as calibration:
        curve = gr.Plot(show_label=False)
        gr.HTML(hint(words("card_calibration_text")), padding=False)
    with gr.Accordion(words("card_take"), open=False, visible=False, elem_id="card-take") as take:
        gr.HTML(hint(words("card_take_text")), padding=False)
        with gr.Row():
            buttons = {form: gr.Button(words(f"card_{form}"), elem_id=f"card-{form}") for form in ("html", "json")}
            printed = gr.Button(words("card_pdf"), elem_id="card-pdf")
        said = gr.HTML(padding=False)
        file = gr.File(visible=False, interactive=False, label=words("card_file"), elem_id="card-file")
    outputs = [card, talk, *plots, metrics, measured, fold, which, rows, labels, classes, calibration, curve, answers, samples, take, file]  # fmt: skip
    _wire(page, chosen, outputs, (which, word, rows))
    sheet = gr.Textbox(visible=False)
    printed.click(partial(_sheet, page), [chosen], [said, sheet]).then(None, [sheet], None, js="wbPrint")
    for form, button in buttons.items():
        button.click(partial(_taken, page, form), [chosen], [said, file])


def _wire(page: Page, chosen: Any, outputs: list[Any], filters: tuple[Any, Any, Any]) -> None:
    shown, quiet = gr.State(""), {"queue": False, "show_progress": "hidden"}
    which, word, rows = filters
    chosen.change(lambda run: [*_draw(page, run), _mark(page, run)], [chosen], [*outputs, shown], **quiet)
    page.mark.change(lambda run, old: _again(page, run, old), [chosen, shown], [*outputs, shown], **quiet)
    for event in (which.input, word.change):
        event(lambda run, state, text: _filtered(page, run, state, text), [chosen, which, word], [rows], **quiet)


def _filtered(page: Page, run_id: str | None, state: str | None, word: str | None) -> str:
    try:
        rows = evidence.rows_of(find(page.workspace, run_id or "").result)
    except UserError:
        return ""
    return rowtable.drawn(page.words, rows, state, word)


def _mark(page: Page, run_id: str | None) -> str:
    """Changes exactly when the chosen run's report appears."""
    try:
        run = find(page.workspace, run_id or "")
    except UserError:
        return "none"
    return f"{run.id} {(run.result / 'report.json').exists()}"


def _again(page: Page, run_id: str | None, shown: str) -> list[Any]:
    mark = _mark(page, run_id)
    return [gr.skip()] * (PARTS + 1) if mark == shown else [*_draw(page, run_id), mark]


def _draw(page: Page, run_id: str | None) -> list[Any]:
    words, hidden = page.words, gr.update(visible=False)
    nothing = [hidden] * 6 + ["", hidden, gr.update(choices=[]), "", hidden, "", hidden, None, hidden, "", hidden, hidden]  # fmt: skip
    try:
        run = find(page.workspace, run_id or "")
    except UserError:
        return [empty(words("evaluate_empty"), words("bar_go_train"), "train"), *nothing[1:]]
    report = run.report
    if report is None:
        return [empty(words("report_waiting"), words("bar_go_runs"), "runs"), *nothing[1:]]
    rows, seen = evidence.rows_of(run.result) or _examples(report), gr.update(visible=True)
    told = rowtable.choices(words, rows)
    bins, samples, classes = report.get("reliability"), report.get("samples"), report.get("per_class")
    return [
        _card(page, run, report), seen, *_plots(page, report), seen, measures.told(words, report),
        gr.update(visible=bool(rows), label=words("card_rows", n=len(rows))), told, rowtable.drawn(words, rows, told["value"], ""),
        gr.update(visible=bool(classes)), _classes(page, classes or []),
        gr.update(visible=bool(bins)), evalfigures.reliability(bins, words) if bins else None,
        gr.update(visible=bool(samples)), _samples(page, samples or []), seen, hidden,
    ]  # fmt: skip


def _examples(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an older card, which were kept in the report only."""
    rows = report.get("examples") or []
    return [{"gain": 0.0, "answer": row.get("after", ""), **row} for row in rows]


def _card(page: Page, run: Run, report: dict[str, Any]) -> str:
    words, main = page.words, str(report.get("main_metric", ""))
    numbers = [
        (words("before"), report.get("before", {}).get(main), ""),
        (words("after"), report.get("after", {}).get(main), "after"),
    ]
    numbers += [
        (words(f"baseline_{name}"), scores.get(main), "") for name, scores in report.get("baseline", {}).items()
    ]
    big = "".join(
        tag(
            "div",
            f'<div class="v">{esc(measures.shown(main, value))}</div><div class="k">{esc(name)}</div>',
            class_=kind,
        )
        for name, value, kind in numbers
        if value is not None
    )
    title = f"{words.say(METRICS.get(main).label)} · {main}" if main in METRICS.kinds() else main
    verdict = tag("p", esc(words.pick(report.get("verdict"))), class_="verdict")
    small = words(
        "report_small",
        rows=report.get("rows"),
        seconds=round(report.get("seconds") or 0),
        memory=round(report.get("peak_memory_mb") or 0),
    )
    body = f"{verdict}<h2>{esc(title)}</h2><div class='big'>{big}</div><small>{esc(small)} · {esc(run.id)}</small>"
    return tag("div", body, class_="card") + _banners(page, report)


def _banners(page: Page, report: dict[str, Any]) -> str:
    """What should be known before the figures are believed."""
    words, overlap, rows = page.words, report.get("overlap") or {}, report.get("rows")
    beside, probe, notes = report.get("beside") or {}, report.get("probe"), []
    samples = report.get("samples") or []
    if silent := sum(not str(sample.get("after") or "").strip() for sample in samples):
        notes.append(problem(words("card_silent", n=silent, of=len(samples)), words.lang))
    if overlap.get("trained"):
        notes.append(problem(words("card_leak", trained=overlap["trained"], rows=rows), words.lang))
    if overlap.get("repeated"):
        notes.append(hint(words("card_repeated", repeated=overlap["repeated"], rows=rows)))
    alone = report.get("alone") or {}
    if alone.get("flipped", 0) > 1:
        notes.append(problem(words("card_alone", n=alone["flipped"], rows=alone["rows"]), words.lang))
    if beside and beside.get("outcome") != "better":
        notes.append(problem(words("card_not_better", name=words(f"baseline_{beside['name']}")), words.lang))
    if probe:
        say = {"kept": fine, "lost": lambda text: problem(text, words.lang), "unclear": hint}[probe["outcome"]]
        notes.append(say(words.pick(probe["verdict"])))
    return "".join(notes)


def _plots(page: Page, report: dict[str, Any]) -> list[Any]:
    words, hidden = page.words, gr.update(visible=False)
    names = measures.shares(report.get("after", {}))
    sides = [("before", figures.GREY), ("after", figures.PINE)]
    rows = [(words(side), [figures.number(report.get(side, {}).get(name)) for name in names], colour) for side, colour in sides]  # fmt: skip
    labels = [words.say(METRICS.get(name).label) for name in names]
    bars = gr.update(value=figures.before_after(labels, rows), visible=True) if len(names) > 1 else hidden
    grid = report.get("confusion")
    if not grid:
        return [bars, hidden, hidden]
    plots = [
        figures.confusion(grid["labels"], grid[side], words(f"confusion_{side}"), words) for side in ("before", "after")
    ]
    return [bars, *[gr.update(value=plot, visible=True) for plot in plots]]


def _classes(page: Page, rows: list[dict[str, Any]]) -> str:
    words = page.words
    head = [words("label"), words("precision"), words("recall"), "F1", words("support")]
    return table(head, [[row["label"], *[f"{row[key]:.3f}" for key in ("precision", "recall", "f1")], row["support"]] for row in rows])  # fmt: skip


def _samples(page: Page, samples: list[dict[str, Any]]) -> str:
    words = page.words
    blocks = []
    for sample in samples:
        ask = "\n".join(str(message.get("content", "")) for message in sample.get("messages", []))
        sides = "".join(
            tag(
                "div",
                f"<small>{esc(words(side))}</small>{esc(sample.get(side) or words('arena_silent'))}",
                class_=f"side {side}",
            )
            for side in ("before", "after")
        )
        wanted = f"<small>{esc(words('reference'))}: {esc(sample.get('reference', ''))}</small>"
        blocks.append(tag("div", f'<div class="ask">{esc(ask)}</div>{wanted}<div class="sides">{sides}</div>', class_="card"))  # fmt: skip
    return tag("div", "".join(blocks), class_="pairs")


def _sheet(page: Page, run_id: str | None) -> list[str]:
    """The card as a page of its own, for the browser's print dialog, which saves a PDF with whatever fonts the reader has."""
    try:
        return ["", cardpage.written(find(page.workspace, run_id or ""), "html", page.words.lang)]
    except UserError as error:
        return [problem(error, page.words.lang), ""]


def _taken(page: Page, form: str, run_id: str | None) -> list[Any]:
    try:
        run = find(page.workspace, run_id or "")
        text = cardpage.written(run, form, page.words.lang)
    except UserError as error:
        return [problem(error, page.words.lang), gr.update(visible=False)]
    path = Path(tempfile.mkdtemp(prefix="card-")) / f"{run.id}.{form}"
    path.write_text(text, encoding="utf-8")
    return ["", gr.update(value=str(path), visible=True)]
