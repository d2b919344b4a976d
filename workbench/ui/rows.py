"""The rows of a dataset, however many: pages, a search, a sort, and a small chart over each column that is its filter."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import gradio as gr

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import grid, library
from workbench.data.values import as_text
from workbench.ui.notices import esc, hint
from workbench.ui.page import Page
from workbench.ui.words import Words

WORDS = ("search", "found", "before", "next", "empty", "none")
LONG = 600
"""Characters of a cell that are sent; the rest is cut."""
COLUMNS = 30


def build(page: Page, chosen: Any) -> None:
    """The fold and the grid in it; it asks for what it shows once it is seen and another dataset is chosen."""
    words = page.words
    with gr.Accordion(words("rows_title"), open=False, elem_id="rows"):
        gr.HTML(hint(words("rows_text")), padding=False)
        gr.HTML(
            html_template=surface(words), js_on_load=(ASSETS / "grid.js").read_text(encoding="utf-8"),
            server_functions=[_server(page)], elem_id="grid", padding=False,
        )  # fmt: skip
    tell = "(name) => { window.wbRows = name; window.dispatchEvent(new CustomEvent('wb-rows', {detail: name})); }"
    for event in (chosen.change, page.pulse.change):
        event(None, [chosen], None, js=tell)


def surface(words: Words) -> str:
    """An empty grid with its words; nothing of the data ever stands in a template, because templates are run as code."""
    told = json.dumps({name: words(f"rows_{name}") for name in WORDS}, ensure_ascii=False)
    return f'<div class="grid" data-words="{esc(told)}"></div>'


def _server(page: Page) -> Any:
    def call(asked: Any) -> dict[str, Any]:
        """What the grid asks for. Anybody may post anything here: it is checked like a form."""
        try:
            return answer(page.workspace, asked if isinstance(asked, dict) else {})
        except UserError as error:
            return {"error": error.say(page.words.lang)}

    return call


def answer(workspace: Workspace, asked: dict[str, Any]) -> dict[str, Any]:
    """The charts of a dataset's columns, or a page of its rows. UserError for anything else."""
    dataset = library.find(workspace, as_text(asked.get("dataset")))
    table = dataset.table()
    columns = list(table.column_names)[:COLUMNS]
    if asked.get("op") == "charts":
        return {"columns": columns, "charts": [[asdict(bar) for bar in grid.counts(table, name)] for name in columns]}
    offset = asked.get("offset")
    found = grid.page(table, _query(asked), max(0, offset) if type(offset) is int else 0)
    found["rows"] = [[as_text(row.get(name))[:LONG] for name in columns] for row in found["rows"]]
    return found


def _query(asked: dict[str, Any]) -> grid.Query:
    search, column, sort = (as_text(asked.get(name))[:500] for name in ("search", "column", "sort"))
    low, high = (float(asked[name]) if type(asked.get(name)) in (int, float) else None for name in ("low", "high"))
    value = asked.get("value") if isinstance(asked.get("value"), str) else None
    return grid.Query(search, column, value, low, high, sort, asked.get("down") is True)
