"""A dataset from the Hub, on the Data page: name, configuration, how many rows; fetched with progress, and stopped when asked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.data import hubset
from workbench.ui.bring import left_out
from workbench.ui.notices import fine, hint, problem, progress
from workbench.ui.page import Page


def build(page: Page) -> None:
    """The fold under the upload."""
    words = page.words
    with gr.Accordion(words("hub_title"), open=False, elem_id="hub-data"):
        gr.HTML(hint(words("hub_text")), padding=False)
        name = gr.Dropdown(
            list(hubset.NAMED), value=None, allow_custom_value=True, label=words("hub_name"), elem_id="hub-name"
        )
        with gr.Row():
            config = gr.Textbox("", label=words("hub_config"), elem_id="hub-config")
            rows = gr.Number(0, label=words("hub_rows"), precision=0, minimum=0, elem_id="hub-rows")
        go = gr.Button(words("hub_go"), elem_id="hub-go")
        stop = gr.Button(words("import_stop"), elem_id="hub-stop", visible=False)
        said = gr.HTML(padding=False, elem_id="hub-said")
    event = go.click(
        partial(_fetch, page), [name, config, rows, page.pulse], [said, stop, page.pulse], show_progress="hidden"
    )
    stop.click(
        lambda: [hint(words("import_stopped")), gr.update(visible=False)],
        None,
        [said, stop],
        cancels=[event],
        queue=False,
    )


def _fetch(page: Page, name: str | None, config: str, rows: float | None, pulse: float) -> Iterator[list[Any]]:
    words, hidden = page.words, gr.update(visible=False)
    try:
        wish = hubset.Wish((name or "").strip(), config.strip(), rows=int(rows or 0))
        own = "-".join(wish.name.split("/")[-2:] if wish.name in hubset.NAMED else wish.name.split("/")[-1:])
        steps, made = hubset.fetching(page.workspace, wish, own or "data"), None
        yield [progress(0, words("hub_asking")), gr.update(visible=True), gr.skip()]
        while made is None:
            try:
                share = next(steps)
                yield [progress(share, f"{words('hub_fetching')} {share:.0%}"), gr.skip(), gr.skip()]
            except StopIteration as end:
                made = end.value
    except UserError as error:
        yield [problem(error, words.lang), hidden, gr.skip()]
        return
    page.draft.choose_dataset(made.dataset.name, made.dataset.version)
    if made.guess.task and made.guess.task != page.draft.get("task.kind"):
        page.draft.choose_task(made.guess.task)
    rows_ = f"{made.dataset.meta['rows']:,}"
    told = fine(words("saved", name=made.dataset.name, version=made.dataset.version, rows=rows_)) + left_out(
        words, made
    )
    yield [told, hidden, pulse + 1]
