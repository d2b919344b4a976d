"""The queue on the Runs page: what waits and why, in which order, held or by the hour."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.run import find
from workbench.engine import queue, supervisor
from workbench.ui.notices import esc, fine, hint, problem, tag
from workbench.ui.page import Page

NIGHT = ("22:00", "07:00")


def build(page: Page) -> None:
    """The fold, and its wiring."""
    words = page.words
    with gr.Accordion(words("queue_title"), open=False, elem_id="queue"):
        gr.HTML(hint(words("queue_text")), padding=False)
        waiting = gr.Radio([], label=words("queue_list"), elem_id="queue-list", interactive=True)
        with gr.Row():
            buttons = {name: gr.Button(words(f"queue_{name}"), elem_id=f"queue-{name}") for name in ("now", "up", "down", "off")}  # fmt: skip
        when = gr.Radio(
            [(words(f"queue_when_{name}"), name) for name in ("open", "hours", "held")], value="open",
            label=words("queue_when"), elem_id="queue-when", interactive=True,
        )  # fmt: skip
        with gr.Row():
            hours = [gr.Textbox(NIGHT[place], label=words(f"queue_{name}"), max_length=5, elem_id=f"queue-{name}", interactive=True) for place, name in enumerate(("from", "to"))]  # fmt: skip
        keep = gr.Button(words("queue_keep"), elem_id="queue-keep")
        said = gr.HTML(padding=False, elem_id="queue-said")
    page.view(lambda: _listed(page), [], [waiting])
    page.loads.append(
        (lambda: _arranged(page), [], [when, *hours])
    )  # once only: what is typed there is not overwritten
    page.mark.change(lambda: _listed(page), [], [waiting], queue=False, show_progress="hidden")
    for name, button in buttons.items():
        button.click(
            partial(_act, page, ACTS[name]),
            [waiting, page.pulse],
            [said, waiting, page.pulse],
            queue=False,
            show_progress="hidden",
        )
    keep.click(lambda *given: _arrange(page, *given), [when, *hours, page.pulse], [said, page.pulse], queue=False)


def _listed(page: Page) -> Any:
    words, runs = page.words, queue.queued(page.workspace)
    choices = [
        (f"{number}. {run.id} · {words('queue_why_' + queue.reason(page.workspace, run))}", run.id)
        for number, run in enumerate(runs, 1)
    ]
    return gr.update(choices=choices, label=words("queue_list" if runs else "queue_empty"))


def _arranged(page: Page) -> list[Any]:
    known = queue.read(page.workspace)
    return ["held" if known.held else "hours" if known.hours else "open", *(known.hours or NIGHT)]


ACTS: dict[str, Callable[[Any, str], Any]] = {
    "now": lambda workspace, run: queue.want_now(workspace, run),
    "up": lambda workspace, run: queue.move(workspace, run, -1),
    "down": lambda workspace, run: queue.move(workspace, run, 1),
    "off": lambda workspace, run: supervisor.stop(find(workspace, run)),
}


def _act(page: Page, act: Callable[[Any, str], Any], run: str | None, pulse: float) -> list[Any]:
    try:
        if not run:
            raise UserError("Choose a waiting run first.", "请先选择一个排队中的任务。", field="queue")
        act(page.workspace, run)
        supervisor.launch_next(page.workspace)
    except UserError as error:
        return [problem(error, page.words.lang), _listed(page), pulse + 1]
    return ["", _listed(page), pulse + 1]


def _arrange(page: Page, when: str, begin: str, end: str, pulse: float) -> list[Any]:
    try:
        queue.arrange(page.workspace, when == "held", (begin or "", end or "") if when == "hours" else None)
        supervisor.launch_next(page.workspace)
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    devices = tag("small", esc(page.words("queue_devices", names=", ".join(queue.devices()))))
    return [fine(page.words("queue_kept")) + devices, pulse + 1]
