"""What was done to a dataset, in a real browser: a cell edited, a filter labelled, travelled, put in another order, taken away as code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving import choose_step, named

from workbench.data import library
from workbench.data.history import History

pytestmark = pytest.mark.slow
LINES = [f"row {n} is  {'good' if n % 2 else 'bad'},{'yes' if n % 2 else 'no'}" for n in range(20)]


def shown(page: Any, text: str) -> None:
    """A moment of the history that says so."""
    page.locator("#history-line label", has_text=text).first.wait_for()


def test_a_pasted_table_is_worked_on_and_nothing_is_lost(
    visit: Callable[..., Any], workbench: Any, picture: Any, tmp_path: Path
) -> None:
    page = visit("/en/#data")
    page.click("#pasting > button")
    page.fill("#paste-text textarea", "text,label\n" + "\n".join([*LINES, LINES[0], "one, too, many"]))
    page.click("#paste-go")
    named(page, "pasted")
    page.click("#save-dataset")
    page.locator("#page-data .note.good", has_text="21 rows").wait_for()
    page.locator("#import-said .note", has_text="Rows refused, not saved: 1").wait_for()
    with page.expect_download() as download:
        page.locator("#refused-file a").first.click()
    (refused,) = (json.loads(line) for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines())
    assert (refused["line"], "3 values" in refused["reason"]) == (23, True)
    page.click("#rows > button")
    page.locator("#grid td", has_text="row 3 is").dblclick()
    page.fill("#grid td textarea", "row 3 was ${edited} <b>")
    page.keyboard.press("Enter")
    page.locator("#grid td.edited", has_text="row 3 was ${edited} <b>").wait_for()
    page.locator("#grid tr:first-child td:nth-child(2)").dblclick()
    page.fill("#grid td textarea", " ")
    page.keyboard.press("Enter")
    page.locator("#grid .top", has_text="cannot be empty").wait_for()
    page.fill("#grid .give input", "poor")
    page.click("#grid .give button")
    page.locator("#grid .give button.sure", has_text="all 21 rows").wait_for()
    page.fill("#grid input[type=search]", "bad")
    page.locator("#grid .top", has_text="/ 11 rows").wait_for()
    page.fill("#grid .give input", "poor")
    page.click("#grid .give button")
    page.locator("#grid .top", has_text="11 rows labelled").wait_for()
    page.click("#history > button")
    shown(page, "Labels by hand: 11")
    picture(page, "history-en")
    work = History(workbench.workspace, "pasted")
    assert [row["label"] for row in work.state().rows].count("poor") == 11
    choose_step(page, "exact duplicates")
    page.click("#clean-keep")
    page.locator("#clean-said", has_text="21 → 20 rows").wait_for()
    shown(page, "Drop exact duplicates")
    page.click("#history-undo")
    shown(page, "↷ Drop exact duplicates")
    page.reload()
    page.click("#history > button")
    shown(page, "↷ Drop exact duplicates")
    page.click("#history-redo")
    page.locator("#history-line label", has_text="↷").wait_for(state="detached")
    page.click("#history-up")
    page.locator("#history-line label", has_text="another line").wait_for()
    page.locator("#history-line label", has_text="As imported").click()
    page.locator("#page-data .card", has_text="21").first.wait_for()
    assert History(workbench.workspace, "pasted").log.head() == 0
    page.locator("#history-line label", has_text="Labels by hand: 11").last.click()
    page.wait_for_timeout(500)
    page.click("#history-files > button")
    page.click("#history-pandas")
    page.locator("#history-code", has_text="df = read('pasted', version=1)").wait_for()
    page.click("#history-save")
    page.locator("#history-said .note.good", has_text="version 2").wait_for()
    made = library.find(workbench.workspace, "pasted")
    assert (made.meta["rows"], made.rows(3, 1)[0]["text"]) == (20, "row 3 was ${edited} <b>")
