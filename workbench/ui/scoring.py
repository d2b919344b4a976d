"""Any run or model on any dataset: several at once, one after the other, each in a process of its own."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.metric import METRICS
from workbench.core.run import all_runs
from workbench.data import library
from workbench.engine import evaluations
from workbench.ui.aside import LISTED
from workbench.ui.measures import shown, span
from workbench.ui.notices import fine, hint, problem, table
from workbench.ui.page import Page
from workbench.ui.words import Words

ROWS = 500


def build(page: Page) -> None:
    """The fold, and its wiring."""
    words, quiet = page.words, {"show_progress": "hidden", "queue": False}
    with gr.Accordion(words("scoring_title"), open=False, elem_id="scoring") as fold:
        gr.HTML(hint(words("scoring_text")), padding=False)
        with gr.Row(elem_classes="two"):
            targets = gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True, label=words("scoring_targets"), elem_id="scoring-targets", scale=3)  # fmt: skip
            data = gr.Dropdown([], label=words("dataset"), elem_id="scoring-data", interactive=True, scale=2)
            rows = gr.Number(ROWS, label=words("scoring_rows"), precision=0, minimum=0, elem_id="scoring-count", scale=1)  # fmt: skip
        start = gr.Button(words("scoring_start"), variant="primary", elem_id="scoring-start")
        said = gr.HTML(padding=False, elem_id="scoring-said")
        listed = gr.HTML(padding=False, elem_id="scoring-list")
    mark = gr.State("")
    for event in (fold.expand, page.pulse.change, page.mark.change):
        event(lambda: _offered(page), [], [targets, data], **quiet)
    page.loads.append((lambda: _offered(page), [], [targets, data]))
    for event in (fold.expand, page.aside.change):
        event(lambda old: _listed(page, old), [mark], [listed, mark], **quiet)
    start.click(lambda *given: _start(page, *given), [targets, data, rows], [said], **quiet)


def _offered(page: Page) -> list[Any]:
    """Runs that have learned something, and datasets; what is chosen stays."""
    runs = [run.id for run in all_runs(page.workspace) if run.tuned.exists()]
    names = [each.name for each in [*library.all_datasets(page.workspace), *library.samples()]]
    return [gr.update(choices=runs), gr.update(choices=list(dict.fromkeys(names)))]


def _start(page: Page, targets: list[str] | None, data: str | None, rows: float | None) -> str:
    try:
        made = evaluations.submit(page.workspace, targets or [], data or "", int(rows or 0))
    except UserError as error:
        return problem(error, page.words.lang)
    return fine(page.words("scoring_started", n=len(made)))


def _listed(page: Page, old: str) -> list[Any]:
    """The list, where something changed."""
    known = evaluations.all_evaluations(page.workspace)[:LISTED]
    told = [each.told() for each in known]
    mark = f"{[(each['evaluation'], each['status']) for each in told]}"
    if mark == old:
        return [gr.skip(), gr.skip()]
    head = [page.words(f"scoring_{name}") for name in ("what", "on", "status", "score", "interval", "count")]
    return [table(head, [_line(page.words, each) for each in told]) if told else "", mark]


def _line(words: Words, told: dict[str, Any]) -> list[Any]:
    main = str(told.get("main_metric") or "")
    score = told.get("metrics", {}).get(main)
    status = words(f"status_{told['status']}") + (f": {words.pick(told['error'])}" if told.get("error") else "")
    figure = f"{words.say(METRICS.get(main).label)} {shown(main, score)}" if score is not None else ""
    reach = span(main, (told.get("intervals") or {}).get(main)) if score is not None else ""
    count = f"{told['rows']:,}" if score is not None else ""
    if told.get("left_out"):
        count = words("scoring_left_out", rows=count, n=f"{told['left_out']:,}")
    return [told["target"], f"{told['data']} v{told['version']}", status, figure, reach, count]
