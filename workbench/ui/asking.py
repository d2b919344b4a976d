"""Many prompts at once, below the conversation: a file in, progress, answers out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.run import find
from workbench.serve import prompts
from workbench.ui.notices import LEAF, fine, hint, leafed, problem, progress
from workbench.ui.page import Page
from workbench.ui.uploads import to_take
from workbench.ui.words import Words


def build(page: Page, run: Any) -> None:
    """The fold, and its wiring; its clock runs only while there is something to tell."""
    words = page.words
    with gr.Accordion(words("many_title"), open=False, elem_id="many"):
        gr.HTML(hint(words("many_text")), padding=False)
        file = gr.File(label=words("many_file"), type="filepath", height=110, elem_id="many-file")
        with gr.Row():
            length = gr.Number(128, label=words("max_new_tokens"), minimum=1, precision=0, elem_id="many-length")
            who = gr.Radio(
                [(words("tuned"), "tuned"), (words("base"), "base")],
                value="tuned",
                label=words("who"),
                elem_id="many-who",
                interactive=True,
            )
        with gr.Row():
            go = gr.Button(words("many_go"), variant="primary", elem_id="many-go")
            stop = gr.Button(words("stop_answer"), variant="stop", visible=False, elem_id="many-stop")
        said = gr.HTML(padding=False, elem_id="many-said")
        answers = gr.HTML(padding=False, elem_id="many-answers")
        files = gr.File(
            visible=False, interactive=False, label=words("many_files"), file_count="multiple", elem_id="many-files"
        )
        clock = gr.Timer(1.5, active=False)
    told = [said, answers, stop, files, clock]
    go.click(lambda *given: _begun(page, *given), [run, file, who, length], told, queue=False)
    stop.click(lambda: _stopped(page), None, None, queue=False)
    clock.tick(lambda: _told(page), None, told, queue=False, show_progress="hidden")


def _begun(page: Page, run_id: str | None, path: str | None, who: str, length: float | None) -> list[Any]:
    try:
        if not path:
            raise UserError("Choose a file first.", "请先选择文件。", field="file")
        run = find(page.workspace, run_id or "")
        how = {"temperature": 0.0, "max_tokens": max(1, int(length or 128))}
        prompts.start(page.workspace, run, "base" if who == "base" else run.id, Path(path), how)
    except UserError as error:
        return [problem(error, page.words.lang), *[gr.skip()] * 4]
    return _told(page)


def _stopped(page: Page) -> None:
    job = prompts.job(page.workspace)
    if job is not None:
        job.stop.set()


def _told(page: Page) -> list[Any]:
    """How far it is; at the end the files."""
    words, job, off = page.words, prompts.job(page.workspace), gr.update(visible=False)
    if job is None:
        return ["", "", off, off, gr.Timer(active=False)]
    count = words("many_done", done=f"{job.done:,}", all=f"{len(job.rows):,}")
    if not job.ended:
        return [
            progress(job.done / len(job.rows), count),
            _answers(words, job),
            gr.update(visible=True),
            off,
            gr.Timer(active=True),
        ]
    wrong = problem(UserError(*job.error), words.lang) if job.error else ""
    files = gr.update(value=to_take(job.files), visible=True) if job.files else gr.update(visible=False)
    return [wrong or fine(count), _answers(words, job), off, files, gr.Timer(active=False)]


def _answers(words: Words, job: prompts.Job) -> str:
    """The first questions that have an answer, and what it is."""
    lines = [[next(iter(row.values())), answer] for row, answer in zip(job.rows, job.answers, strict=True) if answer is not None]  # fmt: skip
    said = words("rows_shown", shown="{shown}", n=f"{len(lines):,}")
    lines = lines if job.ended else lines[:LEAF]
    return leafed([words("many_asked"), words("many_answer")], lines, said, words("rows_more")) if lines else ""
