"""Evaluate: the report card of a run: before → after on the same held-out rows, a cheap baseline beside it, and the rows."""

from __future__ import annotations

import time

import gradio as gr

from workbench.core.run import all_runs
from workbench.ui import arena, comparing, reportcard, scoring, taking
from workbench.ui.notices import esc, heading
from workbench.ui.page import Page


def build(page: Page) -> None:
    """Run choice on top, the card below."""
    words = page.words
    gr.HTML(heading(words("evaluate_title"), words("evaluate_text")), padding=False)
    with gr.Row(elem_classes="two"):
        chosen = gr.Dropdown([], label=words("run"), elem_id="report-run", interactive=True, scale=3)
        talk = gr.Button(words("talk_to_it"), variant="primary", visible=False, elem_id="talk", scale=1)
    reportcard.build(page, chosen, talk)
    taking.build(page, chosen)
    gr.HTML(f"<h2>{esc(words('evaluate_more'))}</h2>", padding=False)
    comparing.build(page)
    scoring.build(page)
    arena.build(page)
    page.run_list(chosen, lambda: _offered(page), "evaluate")
    talk.click(lambda run: f"{run} {time.time()}", [chosen], [page.asked], queue=False).then(
        None, None, None, js="() => wbGo('chat')"
    )


def _offered(page: Page) -> list[str]:
    """Runs with a report first: that is what one comes for. The newest of each stand first."""
    return [
        run.id for run in sorted(all_runs(page.workspace), key=lambda run: not (run.result / "report.json").exists())
    ]
