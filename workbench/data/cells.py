"""A cell of a table that a spreadsheet will open: text that it would run as a formula is marked as text. JSONL and Parquet keep every
character as it is; CSV and Excel files are for people's eyes.

Spreadsheets look past blanks, marks nobody sees and full-width forms, and where they expect “;” between cells, past that, too (OWASP, CSV
injection). Text that is a plain number stays one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from typing import IO, Any

from workbench.data.values import as_text

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
UNSEEN = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
FORMULA = re.compile(rf"[\s\x00-\x1f'\"`;,|{UNSEEN}]*[=+\-@＝＋－＠﹢﹣﹦﹫−]|[\t\r\n]")


def plain(text: str) -> str:
    """The text as it may stand in a cell."""
    marked = FORMULA.match(text) and not text.startswith("'") and not NUMBER.fullmatch(text)
    return f"'{text}" if marked else text


def cell(value: Any) -> Any:
    """A value as it may stand in a cell; numbers stay numbers."""
    return value if value is None or isinstance(value, (bool, int, float)) else plain(as_text(value))


def write_csv(stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A head and rows of any values; the one place that writes CSV."""
    writer = csv.writer(stream)
    writer.writerow([plain(name) for name in columns])
    writer.writerows([as_text(cell(value)) for value in row] for row in rows)
