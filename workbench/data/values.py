"""One value as text, the same way everywhere."""

from __future__ import annotations

import json
from typing import Any

from workbench.core.errors import UserError, shorten


def as_text(value: Any) -> str:
    """Text as it is; 1 and 1.0 as "1"; True as "true"; None as ""; lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def as_count(value: Any) -> int:
    """A number of something, as a choice or a box of the page gives it; nothing is 0. UserError for anything else."""
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"“{shorten(value)}” is not a whole number; choose one that is offered.",
            f"“{shorten(value)}”不是整数；请选择列出的数。",
        ) from error


def damaged(value: Any) -> bool:
    """Whether a value holds what stands for bytes that are no characters."""
    if isinstance(value, str):
        return not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return any(damaged(key) or damaged(item) for key, item in value.items())
    return isinstance(value, list) and any(map(damaged, value))
