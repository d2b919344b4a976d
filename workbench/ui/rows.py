"""The rows of a dataset, however many: pages, a search, a sort, and a small chart over each column that is its filter."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import gradio as gr

from workbench import ASSETS
from workbench.core.errors import UserError, shorten
from workbench.core.workspace import Workspace
from workbench.data import grid
from workbench.data.history import History
from workbench.data.values import as_text
from workbench.data.working import Working, working
from workbench.ui.notices import esc, hint
from workbench.ui.page import Page
from workbench.ui.words import Words

WORDS = (
    "search",
    "found",
    "before",
    "next",
    "empty",
    "others",
    "none",
    "edit",
    "label",
    "give",
    "sure",
    "labelled",
    "history",
)
LONG = 600
"""Characters of a cell that are sent; the rest is cut."""
COLUMNS = 30
NEEDED = ("text", "prompt", "response")
"""Roles whose cells must hold something, as on import."""


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
    dataset, op = working(workspace, as_text(asked.get("dataset"))), as_text(asked.get("op"))
    if op in CHANGES:
        return CHANGES[op](workspace, dataset, asked)
    table = dataset.table()
    columns = list(table.column_names)[:COLUMNS]
    if op == "charts":
        charts = [[asdict(bar) for bar in grid.counts(table, name)] for name in columns]
        return {"columns": columns, "charts": charts, "labels": dataset.meta.get("task") == "text-classification"}
    offset = asked.get("offset")
    found = grid.page(table, _query(asked), max(0, offset) if type(offset) is int else 0)
    found["rows"] = [[as_text(row.get(name))[:LONG] for name in columns] for row in found["rows"]]
    found["ids"] = [dataset.ids[place] for place in found["places"]]
    return found


def _cell(workspace: Workspace, dataset: Working, asked: dict[str, Any]) -> dict[str, Any]:
    """A cell with all of its text."""
    row = asked.get("row")
    place = dataset.place(row if type(row) is int else -1)
    return {"text": as_text(dataset.rows(place, 1)[0].get(as_text(asked.get("column"))))}


def _edit(workspace: Workspace, dataset: Working, asked: dict[str, Any]) -> dict[str, Any]:
    """Another value for a cell, written into the log."""
    row, column, text = asked.get("row"), as_text(asked.get("column")), as_text(asked.get("text"))
    role = dataset.meta["roles"].get(column)
    if role in NEEDED and not text.strip():
        raise UserError(
            f"“{shorten(column)}” is what a row is learned from ({role}) and cannot be empty; nothing was changed. To drop the row, clean the dataset.",
            f"“{shorten(column)}”列（{role}）是训练所用的内容，不能为空；未作修改。若要去掉此行，请使用清洗。",
            field="value",
        )  # fmt: skip
    made = History(workspace, dataset.name).edit(row if type(row) is int else -1, column, text, as_text(asked.get("who"))[:60])  # fmt: skip
    return {"text": as_text(made)[:LONG]}


def _label(workspace: Workspace, dataset: Working, asked: dict[str, Any]) -> dict[str, Any]:
    """One label for all rows that are found."""
    label = as_text(asked.get("text")).strip()
    if not label or len(label) > 200:
        raise UserError("Say which label (1–200 characters).", "请填写标签（1–200 个字符）。", field="label")
    places = grid.find(dataset.table(), _query(asked))
    ids = [dataset.ids[int(place)] for place in places]
    History(workspace, dataset.name).label(ids, label, as_text(asked.get("who"))[:60] or "table")
    return {"done": len(ids)}


CHANGES = {"cell": _cell, "edit": _edit, "label": _label}


def _query(asked: dict[str, Any]) -> grid.Query:
    search, column, sort = (as_text(asked.get(name))[:500] for name in ("search", "column", "sort"))
    low, high = (float(asked[name]) if type(asked.get(name)) in (int, float) else None for name in ("low", "high"))
    value = asked.get("value") if isinstance(asked.get("value"), str) else None
    return grid.Query(search, column, value, low, high, sort, asked.get("down") is True)
