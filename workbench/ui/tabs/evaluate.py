"""Evaluate: the report card of a run: before → after on the same held-out rows, a cheap baseline beside it, and the rows."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.metric import METRICS
from workbench.core.run import Run, all_runs, find
from workbench.ui import figures
from workbench.ui.notices import empty, esc, heading, table, tag
from workbench.ui.page import Page


def build(page: Page) -> None:
    """Run choice on top, the card below."""
    words = page.words
    gr.HTML(heading(words("evaluate_title"), words("evaluate_text")), padding=False)
    with gr.Row(elem_classes="two"):
        chosen = gr.Dropdown([], label=words("run"), elem_id="report-run", interactive=True, scale=3)
        talk = gr.Button(words("talk_to_it"), variant="primary", visible=False, elem_id="talk", scale=1)
    card = gr.HTML(padding=False, elem_id="report-card")
    with gr.Row(elem_classes="two"):
        bars = gr.Plot(visible=False, show_label=False)
        before = gr.Plot(visible=False, show_label=False)
        after = gr.Plot(visible=False, show_label=False)
    rows = gr.HTML(padding=False)
    outputs = [card, talk, bars, before, after, rows]
    shown = gr.State("")
    page.run_list(chosen, lambda: [run.id for run in all_runs(page.workspace)])
    chosen.change(
        lambda run: [*_draw(page, run), _mark(page, run)],
        [chosen],
        [*outputs, shown],
        queue=False,
        show_progress="hidden",
    )
    page.mark.change(
        lambda run, old: _again(page, run, old),
        [chosen, shown],
        [*outputs, shown],
        queue=False,
        show_progress="hidden",
    )
    talk.click(lambda run: f"{run} {time.time()}", [chosen], [page.asked], queue=False).then(
        None, None, None, js="() => wbGo('chat')"
    )


def _mark(page: Page, run_id: str | None) -> str:
    """Changes exactly when the chosen run's report appears."""
    try:
        run = find(page.workspace, run_id or "")
    except UserError:
        return "none"
    return f"{run.id} {(run.result / 'report.json').exists()}"


def _again(page: Page, run_id: str | None, shown: str) -> list[Any]:
    mark = _mark(page, run_id)
    return [gr.skip()] * 7 if mark == shown else [*_draw(page, run_id), mark]


def _draw(page: Page, run_id: str | None) -> list[Any]:
    words = page.words
    hidden = gr.update(visible=False)
    try:
        run = find(page.workspace, run_id or "")
    except UserError:
        return [empty(words("evaluate_empty"), words("bar_go_train"), "train"), *[hidden] * 4, ""]
    report = run.report
    if report is None:
        return [empty(words("report_waiting"), words("bar_go_runs"), "runs"), *[hidden] * 4, ""]
    return [_card(page, run, report), gr.update(visible=True), *_plots(page, report), _rows(page, report)]


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
            f'<div class="v">{esc(shown(main, value))}</div><div class="k">{esc(name)}</div>',
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
    return tag(
        "div",
        f"<h2>{esc(title)}</h2><div class='big'>{big}</div>{verdict}<small>{esc(small)} · {esc(run.id)}</small>",
        class_="card",
    )


def shown(metric: str, value: Any) -> str:
    """A metric's value as people write it."""
    if not isinstance(value, (int, float)):
        return "–"
    percent = metric in METRICS.kinds() and METRICS.get(metric).percent
    return f"{100 * value:.1f} %" if percent else f"{value:.2f}"


def _plots(page: Page, report: dict[str, Any]) -> list[Any]:
    words = page.words
    names = _shares(report.get("after", {}))
    sides = [
        ("before", report.get("before", {}), figures.GREY),
        ("after", report.get("after", {}), figures.PINE),
    ]
    rows = [
        (words(side), [figures.number(scores.get(name)) for name in names], colour) for side, scores, colour in sides
    ]
    labels = [words.say(METRICS.get(name).label) for name in names]
    bars = (
        gr.update(value=figures.before_after(labels, rows), visible=True)
        if len(names) > 1
        else gr.update(visible=False)
    )
    grid = report.get("confusion")
    if not grid:
        return [bars, gr.update(visible=False), gr.update(visible=False)]
    plots = [
        figures.confusion(grid["labels"], grid[side], words(f"confusion_{side}"), words) for side in ("before", "after")
    ]
    return [bars, *[gr.update(value=plot, visible=True) for plot in plots]]


def _shares(scores: dict[str, Any]) -> list[str]:
    """The metrics that are shares, at most five: the plain ones, not their weighted kin."""
    known = [name for name in scores if name in METRICS.kinds() and METRICS.get(name).percent]
    return [name for name in known if not name.endswith("_weighted")][:5]


def _wanted(report: dict[str, Any]) -> str:
    """Classifiers have a right label, other tasks a reference."""
    return "true_label" if report.get("task") == "text-classification" else "reference"


def _rows(page: Page, report: dict[str, Any]) -> str:
    words = page.words
    parts = []
    if report.get("per_class"):
        head = [words("label"), words("precision"), words("recall"), "F1", words("support")]
        rows = [
            [row["label"], *[f"{row[key]:.3f}" for key in ("precision", "recall", "f1")], row["support"]]
            for row in report["per_class"]
        ]
        parts.append(f"<h2>{esc(words('per_class'))}</h2>" + table(head, rows))
    if report.get("examples"):
        head = [words("text"), words(_wanted(report)), words("before"), words("after")]
        rows = [[_text(row), row["reference"], row["before"], row["after"]] for row in report["examples"][:50]]
        parts.append(f"<h2>{esc(words('examples'))}</h2>" + table(head, rows))
    if report.get("samples"):
        parts.append(f"<h2>{esc(words('samples'))}</h2>" + _samples(page, report["samples"]))
    return "".join(parts)


def _text(row: dict[str, Any]) -> str:
    pair = row.get("text_pair")
    return f"{row['text']}\n— {pair}" if pair else str(row["text"])


def _samples(page: Page, samples: list[dict[str, Any]]) -> str:
    words = page.words
    blocks = []
    for sample in samples:
        ask = "\n".join(str(message.get("content", "")) for message in sample.get("messages", []))
        sides = "".join(
            tag(
                "div",
                f"<small>{esc(words(side))}</small>{esc(sample.get(side) or '…')}",
                class_=f"side {side}",
            )
            for side in ("before", "after")
        )
        wanted = f"<small>{esc(words('reference'))}: {esc(sample.get('reference', ''))}</small>"
        blocks.append(
            tag(
                "div",
                f'<div class="ask">{esc(ask)}</div>{wanted}<div class="sides">{sides}</div>',
                class_="card",
            )
        )
    return tag("div", "".join(blocks), class_="pairs")
