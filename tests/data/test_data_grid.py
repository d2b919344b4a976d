"""Looking at rows: filters, searches and sorts answer what plain Python would, on every kind of column."""

from __future__ import annotations

import gc
import random
import weakref
from typing import Any

import pyarrow as pa
import pytest

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import grid, library, store
from workbench.data.table import Table
from workbench.ui import rows as ui

DICE = random.Random(4)
ROWS: list[dict[str, Any]] = [
    {"n": n if n % 17 else None, "label": None if n % 29 == 0 else f"l{n % 3}", "text": f"Row {n} – 第{n}行 {'Äpfel' if n % 5 else ''}", "turns": [{"role": "user", "content": str(n)}] * (n % 4), "score": n / 7}
    for n in DICE.sample(range(3000), 3000)
]  # fmt: skip
TABLE = store.table(list(ROWS[0]), ROWS)


def places(query: grid.Query) -> list[int]:
    return [int(place) for place in grid.find(TABLE, query)]


def test_pages_cover_every_row_once() -> None:
    got = [row for offset in range(0, 3000, 50) for row in grid.page(TABLE, grid.Query(), offset)["rows"]]
    assert got == ROWS
    assert grid.page(TABLE, grid.Query(), 2990)["total"] == 3000
    assert grid.page(TABLE, grid.Query(), 9999)["rows"] == []


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (grid.Query(column="label", value="l1"), lambda row: row["label"] == "l1"),
        (grid.Query(column="label", value=""), lambda row: not row["label"]),
        (grid.Query(column="n", low=10, high=20), lambda row: row["n"] is not None and 10 <= row["n"] < 20),
        (grid.Query(column="text", low=0, high=15), lambda row: len(row["text"]) < 15),
        (grid.Query(column="turns", low=2, high=3), lambda row: len(row["turns"]) == 2),
        (grid.Query(search="äPFEL"), lambda row: "Äpfel" in row["text"]),
        (grid.Query(search="第7行"), lambda row: "第7行" in row["text"]),
        (grid.Query(search="(a|b"), lambda row: False),
        (
            grid.Query(search="äpfel", column="label", value="l2"),
            lambda row: row["label"] == "l2" and "Äpfel" in row["text"],
        ),
    ],
)
def test_filters(query: grid.Query, fits: Any) -> None:
    assert places(query) == [place for place, row in enumerate(ROWS) if fits(row)]


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize("column", ["n", "text", "score"])
def test_sorts_within_a_filter(column: str, down: bool) -> None:
    got = [ROWS[place][column] for place in places(grid.Query(column="label", value="l1", sort=column, down=down))]
    known = [value for value in got if value is not None]
    assert known == sorted(known, reverse=down)
    assert len(got) == sum(row["label"] == "l1" for row in ROWS)


@pytest.mark.parametrize("column", list(ROWS[0]))
def test_every_bar_is_a_filter_with_as_many_rows(column: str) -> None:
    bars = grid.counts(TABLE, column)
    assert len(bars) > 1
    for bar in bars:
        if bar.value is not None or bar.low is not None:
            assert len(places(grid.Query(column=column, value=bar.value, low=bar.low, high=bar.high))) == bar.rows, bar


def test_nothing_and_an_empty_text_are_one_bar() -> None:
    table = store.table(["label"], [{"label": value} for value in ["good", "", None, "good", ""]])
    bars = grid.counts(table, "label")
    assert [(bar.value, bar.rows) for bar in bars] == [("", 3), ("good", 2)]
    assert len(grid.find(table, grid.Query(column="label", value=""))) == 3


def test_only_a_few_tables_are_kept_alive() -> None:
    seen = []
    for number in range(grid.TABLES + 4):
        table = pa.table({"label": [f"l{number}", "other"]})
        grid.counts(table, "label")
        for place in range(grid.ANSWERS + 4):
            assert len(grid.find(table, grid.Query(search=f"l{number}", low=place))) == 1
        seen.append(weakref.ref(table))
        del table
    gc.collect()
    assert sum(ref() is not None for ref in seen) <= grid.TABLES


def test_a_text_is_not_emptied_but_a_label_is(workspace: Workspace) -> None:
    rows = [{"text": f"row {n}", "label": "a"} for n in range(6)]
    roles = {"text": "text", "label": "label"}
    library.save(workspace, "mine", Table(["text", "label"], rows, [], "jsonl", "utf-8"), roles)
    asked = {"op": "edit", "dataset": "mine", "row": 2, "text": " \n"}
    with pytest.raises(UserError, match="cannot be empty"):
        ui.answer(workspace, {**asked, "column": "text"})
    assert ui.answer(workspace, {**asked, "column": "label", "text": ""}) == {"text": ""}


def test_an_unknown_column_is_said() -> None:
    with pytest.raises(UserError, match="no column"):
        grid.find(TABLE, grid.Query(sort="nothing"))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"dataset": "../x"},
        {"dataset": 7},
        {"dataset": "mine", "offset": "x", "low": "a"},
        {"dataset": "mine", "offset": -5, "sort": ["n"]},
    ],
)
def test_whatever_is_posted_is_answered_or_refused(workspace: Workspace, asked: dict[str, Any]) -> None:
    library.save(workspace, "mine", Table(list(ROWS[0]), ROWS[:60], [], "jsonl", "utf-8"), {})
    if asked in ({}, {"dataset": "../x"}, {"dataset": 7}) or "sort" in asked:
        with pytest.raises(UserError):
            ui.answer(workspace, asked)
    else:
        assert len(ui.answer(workspace, asked)["rows"]) == grid.PAGE
