"""What takes room, on the Runs page: sizes on screen, and buttons that make room."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.engine import janitor
from workbench.ui.notices import fine, hint, problem, table
from workbench.ui.page import Page

SHOWN = 30


def build(page: Page, chosen: Any) -> None:
    """The fold; `chosen` is the run that is looked at."""
    words = page.words
    with gr.Accordion(words("storage_title"), open=False, elem_id="storage") as fold:
        shown = gr.HTML(padding=False, elem_id="storage-shown")
        with gr.Row():
            tidy = gr.Button(words("storage_tidy"), elem_id="storage-tidy")
            points = gr.Button(words("storage_points"), elem_id="storage-points")
        sure = gr.Checkbox(False, label=words("storage_sure"), elem_id="storage-sure")
        drop = gr.Button(words("storage_drop"), variant="stop", elem_id="storage-drop")
        said = gr.HTML(padding=False, elem_id="storage-said")
    fold.expand(lambda: _shown(page), None, [shown], queue=False)
    tidy.click(
        lambda pulse: _done(page, lambda: janitor.tidy(page.workspace), pulse), [page.pulse], [said, shown, page.pulse]
    )
    points.click(partial(_dropped, page, janitor.drop_checkpoints), [chosen, page.pulse], [said, shown, page.pulse])
    drop.click(
        lambda run, given, pulse: _removed(page, run, given, pulse), [chosen, sure, page.pulse],
        [said, shown, page.pulse, sure],
    )  # fmt: skip


def _mb(count: int) -> str:
    if count < 1e5:
        return f"{count / 1e3:,.0f} kB"
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:,.2f} GB"


def _shown(page: Page) -> str:
    words, found = page.words, janitor.rooms(page.workspace)
    rows = [[words(f"storage_{room.kind}"), room.name if room.kind in ("run", "rest") else "", _mb(room.size), _mb(room.spare) if room.spare else ""] for room in found[:SHOWN]]  # fmt: skip
    head = [words("storage_what"), words("run"), words("storage_size"), words("storage_spare")]
    total = words("storage_total", used=_mb(sum(room.size for room in found)), free=_mb(janitor.free(page.workspace)))
    return hint(total) + table(head, rows)


def _done(page: Page, act: Callable[[], int], pulse: float) -> list[Any]:
    try:
        freed = act()
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip()]
    return [fine(page.words("storage_freed", size=_mb(freed))), _shown(page), pulse + 1]


def _dropped(page: Page, act: Callable[[Any, str], int], run: str | None, pulse: float) -> list[Any]:
    return _done(page, lambda: act(page.workspace, run or ""), pulse)


def _removed(page: Page, run: str | None, sure: bool, pulse: float) -> list[Any]:
    if not sure:
        what = UserError(
            "Tick the box first: a removed run cannot be brought back.", "请先勾选：删除的任务无法恢复。", field="sure"
        )
        return [problem(what, page.words.lang), gr.skip(), gr.skip(), gr.skip()]
    return [*_dropped(page, janitor.drop_run, run, pulse), False]
