"""A column of dates or numbers as points in time that can be put in order. What does not parse is refused: sorted as text, 12/31/2022
would be later than 01/01/2023.

Whether 3/4/2023 begins with the month or the day is decided by the column: one number above 12 tells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.data.values import as_text

OLDEST = float("-inf")
"""What has no time counts as oldest."""
_CLOCK = r"(?:[T,\s]*(?P<hour>\d{1,2})[:时點点](?P<minute>\d{1,2})(?:[:分](?P<second>\d{1,2}))?[.\d秒分]*\s*(?P<half>[AaPp][Mm])?)?$"
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})(?:\s*[-/.月]\s*(?P<day>\d{1,2}))?\s*[月日号]?\s*" + _CLOCK
)
_YEAR_LAST = re.compile(r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})\s*" + _CLOCK)
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%a %b %d %H:%M:%S %z %Y", "%a %d %b %Y %H:%M:%S %z")
_MILLISECONDS = 1e11
"""From here on a number among dates counts thousandths of seconds."""


def moments(values: Sequence[Any], column: str) -> list[float]:
    """For every value its time; UserError that quotes one that has none."""
    texts = [as_text(value).strip() for value in values]
    numbers = [_number(text) for text in texts]
    if all(number is not None or not text for text, number in zip(texts, numbers, strict=True)):
        return [OLDEST if number is None else number for number in numbers]
    day_first = _day_first(texts, column)
    return [OLDEST if not text else _moment(text, day_first, column) for text in texts]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if number - number == 0 else None


def _day_first(texts: Sequence[str], column: str) -> bool:
    """Whether the day stands before the month; points are always read so."""
    found = [hit for hit in map(_YEAR_LAST.match, texts) if hit and hit["mark"] != "."]
    days, months = any(int(hit["one"]) > 12 for hit in found), any(int(hit["two"]) > 12 for hit in found)
    if found and days == months:
        raise _unclear(
            found[0][0], column, "it cannot be told whether the day or the month comes first", "无法判断日与月的先后"
        )
    return days


def _moment(text: str, day_first: bool, column: str) -> float:
    for read in (_iso, _parts, _by_name):
        try:
            found = read(text, day_first)
        except (ValueError, OverflowError):
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    raise _unclear(text, column, "it is no time that can be read", "不是可识别的时间")


def _iso(text: str, day_first: bool) -> datetime:
    number = _number(text)
    if number is not None and len(text.split(".", maxsplit=1)[0]) > 8:
        return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
    return datetime(int(text), 1, 1) if re.fullmatch(r"\d{4}", text) else datetime.fromisoformat(text)


def _parts(text: str, day_first: bool) -> datetime:
    hit = _YEAR_FIRST.match(text) or _YEAR_LAST.match(text)
    if hit is None:
        raise ValueError(text)
    named = hit.groupdict()
    month, day = named.get("month"), named.get("day") or "1"
    if "one" in named:
        turned = day_first or named["mark"] == "."
        month, day = (named["two"], named["one"]) if turned else (named["one"], named["two"])
    hour, half = int(named["hour"] or 0), (named["half"] or "").lower()
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    return datetime(
        int(named["year"]), int(month or 1), int(day), hour, int(named["minute"] or 0), int(named["second"] or 0)
    )


def _by_name(text: str, day_first: bool) -> datetime:
    """5 Sep 2023, September 5, 2023, and as mail and feeds write it."""
    plain = " ".join(text.replace(",", " ").split())
    for form in _NAMED:
        try:
            return datetime.strptime(plain, form)
        except ValueError:
            continue
    raise ValueError(text)


def _unclear(text: str, column: str, en: str, zh: str) -> UserError:
    return UserError(
        f"Column “{shorten(column, 30)}” has “{shorten(text, 30)}”: {en}. Write times like 2023-09-05 or 2023-09-05 14:30.",
        f"“{shorten(column, 30)}”列有“{shorten(text, 30)}”：{zh}。请写成 2023-09-05 或 2023-09-05 14:30。",
        field="by",
    )
