"""The Model page's list: the curated catalogue, what lies on this machine, a search on the Hub; a press on a row takes it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.family import KINDS
from workbench.data.values import as_count
from workbench.models import shelf, source
from workbench.ui.notices import fine, hint, problem
from workbench.ui.page import Page

SIZES = (0, 150, 700, 2000, 9000)
SOURCES = ("catalogue", "here", "hub")


def build(page: Page, name: Any) -> None:
    """Filters, the table, and what is wrong; a chosen row goes into `name`."""
    words = page.words
    with gr.Accordion(words("shelf"), open=True, elem_id="shelf"):
        gr.HTML(hint(words("shelf_text")), padding=False)
        with gr.Row(elem_classes="pair"):
            listed = gr.Radio([(words(f"shelf_{key}"), key) for key in SOURCES], value="catalogue", label=words("shelf_source"), elem_id="shelf-source", interactive=True)  # fmt: skip
            hub = gr.Dropdown([(words.say(text), address) for address, text in source.CHOICES], value=source.HUGGING_FACE, allow_custom_value=True, label=words("shelf_from"), info=words("shelf_from_help"), elem_id="shelf-hub", interactive=True)  # fmt: skip
        with gr.Row(elem_classes="pair"):
            kind = gr.Dropdown([(words("shelf_any"), ""), *((words.say(text), key) for key, text in KINDS.items())], value="", label=words("shelf_kind"), elem_id="shelf-kind", interactive=True)  # fmt: skip
            language = gr.Dropdown([(words("shelf_any"), ""), ("English", "en"), ("中文", "zh")], value="", label=words("shelf_language"), elem_id="shelf-language", interactive=True)  # fmt: skip
        with gr.Row(elem_classes="pair"):
            size = gr.Dropdown([(words("shelf_any") if not most else f"≤ {most:,} M", most) for most in SIZES], value=0, label=words("shelf_size"), elem_id="shelf-size", interactive=True)  # fmt: skip
            text = gr.Textbox(label=words("shelf_search"), placeholder=words("shelf_placeholder"), elem_id="shelf-search", interactive=True)  # fmt: skip
        said = gr.HTML(padding=False)
        table = gr.Dataframe(
            value=_rows(page, shelf.catalogue()), headers=_headers(page), datatype="str", interactive=False, wrap=True,
            max_height=420, elem_id="shelf-table", show_label=False, column_widths=["26%", "9%", "15%", "13%", "9%", "28%"],
        )  # fmt: skip
    inputs = [listed, kind, language, size, text]
    for field in (listed, kind, language, size):
        field.input(lambda *given: _list(page, *given), inputs, [table, said], show_progress="hidden")
    text.submit(lambda *given: _list(page, "hub" if given[4] else given[0], *given[1:]), inputs, [table, said])
    hub.input(lambda address: _ask_there(page, address), [hub], [said], queue=False)
    page.view(_asked, [], [hub])
    table.select(_pick, None, [name], queue=False)


def _asked() -> Any:
    """Where models come from now, however that was said."""
    try:
        return source.current()
    except UserError:
        return gr.skip()


def _ask_there(page: Page, address: str) -> str:
    try:
        source.choose(page.workspace, address)
    except UserError as error:
        return problem(error, page.words.lang)
    return fine(page.words("shelf_from_chosen", address=source.current()))


def _headers(page: Page) -> list[str]:
    return [page.words(key) for key in ("model", "parameters", "shelf_needs", "licence", "context", "shelf_note")]


def _rows(page: Page, entries: list[shelf.Entry]) -> list[list[str]]:
    """A line per model; those whose licence must be accepted first say so."""
    return [
        [
            entry.id, f"{entry.millions:,} M" if entry.millions else "–", entry.needs() or "–",
            " · ".join(filter(None, (entry.licence, page.words("shelf_gated") if entry.gated else ""))) or "–", f"{entry.context:,}" if entry.context else "–",
            page.words.say(entry.note),
        ]
        for entry in entries
    ]  # fmt: skip


def _list(page: Page, source: str, kind: str, language: str, size: int, text: str) -> list[Any]:
    """The rows of a source after the filters, or what is wrong."""
    words = page.words
    try:
        size = as_count(size)
        if source == "hub":
            if not (text or "").strip():
                return [[], hint(words("shelf_placeholder"))]
            found = shelf.search(text.strip(), kind)
        else:
            found = shelf.catalogue() if source == "catalogue" else shelf.inventory(page.workspace)
    except UserError as error:
        return [[], problem(error, words.lang)]
    rows = _rows(page, shelf.filtered(found, kind, language, size))
    return [rows, "" if rows else hint(words("shelf_nothing"))]


def _pick(event: gr.SelectData) -> str:
    """The model of the row that was pressed."""
    return str(event.row_value[0])
