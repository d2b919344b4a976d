"""The shoot-out on the Runs page: several methods on the draft's data and budget, one table, one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.engine import shootout
from workbench.ui import figures
from workbench.ui.notices import fine, hint, problem, table
from workbench.ui.page import Page
from workbench.ui.words import Words

COLUMNS = ("method", "share", "memory", "seconds", "score", "before", "status")


def build(page: Page) -> None:
    """The fold, and its wiring."""
    words, quiet = page.words, {"show_progress": "hidden", "queue": False}
    methods = [(words.say(each.label), each.kind) for each in METHODS.all()]
    with gr.Accordion(words("shootout_title"), open=False, elem_id="shootout"):
        gr.HTML(hint(words("shootout_text")), padding=False)
        wanted = gr.CheckboxGroup(methods, value=list(shootout.USUAL), label=words("shootout_methods"), elem_id="shootout-methods")  # fmt: skip
        with gr.Row():
            start = gr.Button(words("shootout_start"), variant="primary", elem_id="shootout-start")
            end = gr.Button(words("shootout_stop"), elem_id="shootout-stop", visible=False)
        said = gr.HTML(padding=False, elem_id="shootout-said")
        chosen = gr.Dropdown([], label=words("shootout_list"), elem_id="shootout-list", filterable=False, interactive=True)  # fmt: skip
        shown = gr.HTML(padding=False, elem_id="shootout-shown")
        plot = gr.Plot(visible=False, show_label=False, elem_id="shootout-plot")
    mark = gr.State("")
    parts = [shown, plot, end, mark]
    page.view(lambda now: _listed(page, now), [chosen], [chosen])
    page.mark.change(lambda now: _listed(page, now), [chosen], [chosen], **quiet)
    for event in (chosen.change, page.mark.change, page.pulse.change):
        event(lambda which, old: _drawn(page, which, old), [chosen, mark], parts, **quiet)
    start.click(lambda kinds, pulse: _start(page, kinds, pulse), [wanted, page.pulse], [said, chosen, page.pulse], **quiet)  # fmt: skip
    end.click(lambda which, pulse: _stop(page, which, pulse), [chosen, page.pulse], [said, page.pulse], **quiet)


def _listed(page: Page, now: str | None) -> Any:
    """Every shoot-out; the chosen one stays."""
    ids = [each.id for each in shootout.all_shootouts(page.workspace)]
    return gr.update(choices=ids) if now in ids else gr.update(choices=ids, value=ids[0] if ids else None)


def _start(page: Page, kinds: Sequence[str], pulse: float) -> list[Any]:
    try:
        made = shootout.start(page.workspace, page.draft.recipe(), kinds)
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip()]
    return [fine(page.words("shootout_started", n=len(made.entries()))), gr.update(choices=[made.id], value=made.id), pulse + 1]  # fmt: skip


def _stop(page: Page, which: str | None, pulse: float) -> list[Any]:
    try:
        shootout.stop(shootout.find(page.workspace, which or ""))
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return ["", pulse + 1]


def _drawn(page: Page, which: str | None, old: str) -> list[Any]:
    """Table and picture, where something changed."""
    try:
        made = shootout.find(page.workspace, which or "")
    except UserError:
        return ["", gr.update(visible=False), gr.update(visible=False), ""]
    rows = shootout.table(made)
    mark = f"{page.words.lang}{made.id}{rows}"
    if mark == old:
        return [gr.skip()] * 4
    scored = [row for row in rows if row.get("score") is not None and row.get("trainable")]
    plot = gr.update(value=figures.contest(scored, page.words), visible=True) if scored else gr.update(visible=False)
    live = any(row["status"] in ("running", "queued") for row in rows)
    return [_table(page.words, rows), plot, gr.update(visible=live), mark]


def _table(words: Words, rows: list[dict[str, Any]]) -> str:
    """The methods that take part, then those that cannot and why."""
    head = [words(f"shootout_{name}") for name in COLUMNS]
    metric = next((row["metric"] for row in rows if row.get("metric")), "")
    head[COLUMNS.index("score")] += f" · {metric}" if metric else ""
    return table(head, [_cells(words, row) for row in rows])


def _cells(words: Words, row: dict[str, Any]) -> list[str]:
    share, memory, seconds, before = (row.get(name) for name in ("trainable", "peak_memory_mb", "seconds", "before"))
    status = words("shootout_left_out") if row["status"] == "left out" else words(f"status_{row['status']}")
    reason = f": {words.pick(row['reason'])}" if row.get("reason") else ""
    return [
        words.say(METHODS.get(row["method"]).label),
        f"{share:.3%}" if share else "–", f"{memory:,.0f} MB" if memory else "–",
        f"{seconds:,.0f} s" if seconds else "–", figures.with_interval(row) if row.get("score") is not None else "–",
        f"{before:.4g}" if before is not None else "–", status + reason,
    ]  # fmt: skip
