"""Is the first row of a table a header? Judged by known column names, then by how it differs from what stands below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.data.names import ROLE_OF, normal

_NUMBER = re.compile(r"[-+]?[\d.,]+%?$")
_NAME = re.compile(r"[^\W\d][\w .\-/()（）:#]{0,39}$")


def looks_like_header(records: Sequence[list[str]]) -> bool:
    """True when the first of these rows names the columns."""
    first, body = [cell.replace("\ufeff", "").strip() for cell in records[0]], records[1:]
    if any(_NUMBER.match(cell) for cell in first) or not any(first):
        return False
    if any(normal(cell) in ROLE_OF for cell in first):
        return all(len(cell) <= 60 for cell in first)
    if not all(_NAME.match(cell) for cell in first) or len(set(first)) < len(first):
        return False
    if not body:
        return True
    columns = [[row[index].strip() for row in body if len(row) == len(first)] for index in range(len(first))]
    return any(_differs(name, values) for name, values in zip(first, columns, strict=True))


def _differs(name: str, values: list[str]) -> bool:
    """A column whose values are numbers, come again and again without the name, or are much longer than it."""
    filled = [value for value in values if value]
    if not filled:
        return False
    if all(_NUMBER.match(value) for value in filled):
        return True
    if len(filled) >= 5 and len(set(filled)) * 2 < len(filled) and name not in filled:
        return True
    mean = sum(map(len, filled)) / len(filled)
    return len(name) <= 20 and " " not in name and mean > 4 * len(name)
