"""Records of values between separators, one after another, and how they are quoted.

A stray quote costs only its own record where a file is read record by record.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.text import Text
from workbench.data.table import FIELD_LIMIT, Refused

SEPARATORS = (",", "\t", ";", "|")
NONE = "\x1f"
"""Stands for “no separator”: every line is one value."""
PROBE = 200
LONGEST_RECORD = 200
"""Lines in one quoted value before an opening quote counts as never closed (only asked in damaged files)."""
Record = tuple[int, list[str]]
"""The line a record begins in, and its values."""
Options = dict[str, Any]
STRICT: Options = {"strict": True}
BACKSLASH: Options = {"strict": True, "escapechar": "\\", "doublequote": True}
RAW: Options = {"quoting": csv.QUOTE_NONE}
BLANK = Text("all values are empty", "所有取值都为空")


def separator_of(text: str) -> tuple[str, float]:
    """The separator and the share of the first rows it gives the same number of values; ("", 0) for one column."""
    csv.field_size_limit(FIELD_LIMIT)
    ranked = [(_agreement(text, separator), separator) for separator in SEPARATORS]
    agreement, separator = max(ranked, key=lambda pair: (pair[0], -SEPARATORS.index(pair[1])))
    return (separator, agreement) if agreement > 0 else ("", 0.0)


def _agreement(text: str, separator: str) -> float:
    """Measured with quotes and without, because a raw quote would swallow lines."""
    return max(_share(text, separator, STRICT), _share(text, separator, RAW))


def _share(text: str, separator: str, options: Options) -> float:
    counts: list[int] = []
    reader = csv.reader(io.StringIO(text[: 1 << 20], newline=""), delimiter=separator, **options)
    try:
        for record in reader:
            if record:
                counts.append(len(record))
            if len(counts) >= PROBE:
                break
    except csv.Error:
        if len(counts) < PROBE and reader.line_num < text.count("\n", 0, 1 << 20):
            return 0.0
    if not counts or counts[0] < 2:
        return 0.0
    width, times = Counter(counts).most_common(1)[0]
    return times / len(counts) if width > 1 else 0.0


def records(lines: Iterable[str], separator: str, options: Options) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=separator, **options)
    line = 1
    for record in reader:
        if record:
            yield line, record
        line = reader.line_num + 1


def recovered(lines: Iterator[str], separator: str, name: str, taken: list[str]) -> Iterator[Record | Refused]:
    """Record by record; one with a stray quote is refused alone instead of swallowing what follows. `taken`: the lines of the one at
    hand. UserError for a value that is far too long."""
    ahead, index, number = list[str](), 0, 1
    while True:
        if len(ahead) - index < LONGEST_RECORD:
            ahead, index = [*ahead[index:], *islice(lines, 10 * LONGEST_RECORD)], 0
        if index >= len(ahead):
            return
        values, used = _next(ahead, index, separator)
        if len(ahead[index]) > FIELD_LIMIT and not values:
            raise too_long(name, number)
        taken[:] = ahead[index : index + used]
        if values:
            yield number, values
        elif ahead[index].strip():
            yield Refused(number, _stray(ahead[index]), ahead[index].rstrip("\r\n"))
        index, number = index + used, number + used


def _next(lines: list[str], index: int, separator: str) -> tuple[list[str], int]:
    """The record that begins at `index` and how many lines it takes; ([], 1) when its quotes do not close."""
    for used in range(1, min(LONGEST_RECORD, len(lines) - index) + 1):
        if lines[index + used - 1].count('"') % 2 == 0 and used > 1:
            continue  # an even number of quotes cannot close what is open
        try:
            found = list(csv.reader(lines[index : index + used], delimiter=separator, strict=True))
        except csv.Error as error:
            if "unexpected end" in str(error):
                continue
            return [], 1
        return (found[0] if found else []), used
    return [], 1


def _stray(line: str) -> Text:
    quoted = shorten(line.strip(), 40)
    return Text(
        f"a double quote is opened and not closed, or stands inside a value: {quoted}",
        f"双引号没有闭合，或出现在值的中间：{quoted}",
    )


def too_long(name: str, line: int) -> UserError:
    return UserError(
        f"{shorten(name)}: line {line}: a value is longer than {FIELD_LIMIT:,} characters. Shorten or remove it.",
        f"{shorten(name)}：第 {line} 行：取值超过 {FIELD_LIMIT:,} 个字符。请缩短或删除。",
        field="file",
    )


def ragged(record: list[str], width: int) -> Text:
    quoted = shorten(record[0], 30)
    return Text(
        f"{len(record)} values where {width} were expected (a text with separators needs double quotes): {quoted}",
        f"有 {len(record)} 个值，应为 {width} 个（含分隔符的文字需加双引号）：{quoted}",
    )


def unbroken(text: str, separator: str) -> int:
    """Where the last whole record of the beginning of a file ends: a line break in quotes is no end."""
    if separator == "\t" and even(records(io.StringIO(text, newline=""), separator, RAW)):
        return len(text)
    end, seen, read = (
        0,
        0,
        csv.reader(_told(io.StringIO(text, newline=""), sizes := [0]), delimiter=separator, strict=True),
    )
    try:
        for _ in read:
            end, seen = sizes[0], read.line_num
    except csv.Error as error:
        cut = "unexpected end" in str(error) and read.line_num - seen < LONGEST_RECORD
        return end if cut and end else len(text)
    return len(text)


def _told(lines: Iterable[str], sizes: list[int]) -> Iterator[str]:
    """The lines, and how many characters were taken of them."""
    for line in lines:
        sizes[0] += len(line)
        yield line


def even(found: Iterable[Record]) -> bool:
    """Every record has as many values as the first: then a quote at a line's start was only a quote."""
    return len({len(values) for _, values in found}) < 2
