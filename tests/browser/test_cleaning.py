"""Cleaning in a real browser: a step is tried, kept, undone, saved as a version; an earlier version comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving import bring, choose_step

from workbench.data import library

pytestmark = pytest.mark.slow


def test_a_file_is_cleaned_saved_and_taken_back(
    visit: Callable[..., Any], workbench: Any, tmp_path: Path, picture: Any
) -> None:
    path = tmp_path / "days.csv"
    lines = [
        f"row {number} is  {'good' if number % 2 else 'bad'},{'yes' if number % 2 else 'no'}" for number in range(20)
    ]
    path.write_text("text,label\n" + "\n".join([*lines, lines[0], lines[1]]) + "\n", encoding="utf-8")
    page = visit("/en/#data")
    bring(page, path, "days")
    choose_step(page, "exact duplicates")
    page.click("#clean-try")
    page.locator("#clean-said", has_text="22 → 20 rows").wait_for()
    assert "the same as row 1" in page.locator("#clean-said").inner_text()
    page.click("#clean-kind input")
    page.locator("ul[role=listbox] li", has_text="Token limits").click()
    page.fill("#field-clean-token_bounds-longest input", "4")
    page.click("#clean-try")
    page.locator("#clean-said", has_text="22 → 0 rows").wait_for()
    assert "tokens" in page.locator("#clean-said").inner_text()
    page.click("#clean-kind input")
    page.locator("ul[role=listbox] li", has_text="exact duplicates").click()
    page.click("#clean-keep")
    page.locator("#clean-steps li").wait_for()
    picture(page, "clean-en")
    page.click("#clean-undo")
    page.locator("#clean-steps li").wait_for(state="detached")
    page.click("#clean-keep")
    page.locator("#clean-steps li").wait_for()
    page.click("#clean-save")
    page.locator("#clean-said", has_text="version 2").wait_for()
    assert library.find(workbench.workspace, "days").meta["rows"] == 20
    page.locator("#clean-back").wait_for(state="visible")
    page.click("#clean-back")
    page.locator("#clean-said", has_text="version 3").wait_for()
    assert library.find(workbench.workspace, "days").meta["rows"] == 22
