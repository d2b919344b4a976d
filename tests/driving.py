"""What several browser tests do on the Data page."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def put_in(page: Any, path: Path, name: str) -> None:
    """Upload a file and give it a name; it is not saved yet."""
    page.set_input_files("#upload input[type=file]", str(path))
    named(page, name)


def named(page: Any, name: str) -> None:
    """Give what was read a name."""
    page.locator("#save-dataset").wait_for(state="visible")
    page.fill("#dataset-name textarea, #dataset-name input", name)


def bring(page: Any, path: Path, name: str, said: str = "") -> None:
    """Upload a file and save it as a dataset; the note that tells of it says so."""
    put_in(page, path, name)
    page.click("#save-dataset")
    page.locator("#page-data .note", has_text=said or name).first.wait_for()


def choose_step(page: Any, label: str) -> None:
    """Open cleaning and choose a step."""
    page.click("#cleaning > button")
    page.click("#clean-kind input")
    page.locator("ul[role=listbox] li", has_text=label).click()
