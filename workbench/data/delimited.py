"""A table of values between separators that is larger than memory, as pieces of whole records.

How it is quoted is found by trying, as in a small file: the first way that leads to the end without an objection, else record by
record. A block is cut where its quotes say that a record ends, and parsed as one text; what the quotes cannot tell is read line by line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from workbench.data import bulk
from workbench.data.arrowcsv import by_arrow
from workbench.data.bulk import BLOCK, LONG_LINE, Lines, Piece
from workbench.data.records import BACKSLASH, BLANK, RAW, STRICT, Options, Record, ragged, records, recovered, too_long
from workbench.data.store import BATCH
from workbench.data.table import FIELD_LIMIT, Refused

QUICK: Options = {"strict": True}
"""As STRICT, a block at a time."""
RECOVER: Options = {"recover": True}
"""Record by record."""
LONGEST_LINE = 4 * FIELD_LIMIT


def text_lines(lines: Lines) -> Iterator[str]:
    """The lines of a large file, as they end in it."""
    with lines.path.open("rb") as raw, io.TextIOWrapper(raw, lines.encoding, "workbench-mark", newline="") as text:
        number, line = 0, text.readline(LONGEST_LINE + 1).removeprefix("\ufeff")
        while line:
            number += 1
            if len(line) > LONGEST_LINE:
                raise too_long(lines.path.name, number)
            if number % 1000 == 0:
                lines.done = raw.tell()
            yield line.replace("\0", "") if "\0" in line else line
            line = text.readline(LONGEST_LINE + 1)


@dataclass
class Found:
    """Some records of a file: their values (or an Arrow table of them), the lines they begin in, and what was refused."""

    values: list[list[str]]
    at: list[int]
    refused: list[Refused]
    arrow: Any = None

    def first(self) -> list[str] | None:
        """The first record."""
        if self.arrow is not None:
            return [str(column[0].as_py()) for column in self.arrow.columns]
        return self.values[0] if self.values else None


def way_of(lines: Lines, separator: str) -> Generator[Piece, None, Options]:
    """How a file is quoted, as far as that can be said before it is read: strictly, unless tabs part it and quotes are only quotes."""
    head = bulk.start(lines.path)
    if b"\r" in head and b"\n" not in head:
        return STRICT  # lines that end as on old Macs
    if separator != "\t" or not any(b'"' in block for block in lines.blocks()):
        return QUICK
    quoted, _ = yield from _counted(lines, separator, STRICT)
    raw, same = yield from _counted(lines, separator, RAW)
    return RAW if quoted is None or (quoted < (raw or 0) and same) else QUICK


def _counted(lines: Lines, separator: str, way: Options) -> Generator[Piece, None, tuple[int | None, bool]]:
    """(how many records there are when they are read this way, None when they cannot be; whether all are of one width). Empty pieces
    on the way let the import be called off."""
    count, widths = 0, set[int]()
    try:
        for _, values in records(text_lines(lines), separator, way):
            count += 1
            widths.add(len(values))
            if count % BATCH == 0:
                yield Piece()
    except csv.Error:
        return None, False
    return count, len(widths) < 2


def after(lines: Lines, error: csv.Error) -> Options:
    """The next way to try when one met an objection. That a text is not over may only be because of where it was cut."""
    if lines.way is QUICK and "unexpected end" in str(error):
        return STRICT
    escaped = lines.way in (QUICK, STRICT) and any('\\"' in line for line in text_lines(lines))
    return BACKSLASH if escaped else RECOVER


def found_in(lines: Lines, separator: str, names: list[str]) -> Iterator[Found]:
    """Every record of a large file; refused, with what stands in the file, when it has not a value per name. csv.Error when the file's
    way of quoting does not lead to its end."""
    if lines.way is not QUICK and lines.way is not RAW:
        yield from _together(_checked(lines, separator, len(names)))
        return
    line = 1
    for block in _cut(lines):
        quick = by_arrow(block, separator, names, lines.way is RAW)
        if quick is not None:
            yield Found([], (quick[1] + line).tolist(), [], quick[0])
            line += block.count(b"\n")
            continue
        text = block.decode("utf-8", "workbench-mark" if lines.encoding.startswith("utf-8") else "surrogatepass")
        read = csv.reader(io.StringIO(text, newline=""), delimiter=separator, **lines.way)
        values = list(read)
        yield _told_of(values, line, read.line_num, (text, len(names)))
        line += read.line_num


def _cut(lines: Lines) -> Iterator[bytes]:
    """The file in blocks that end where a record ends, as far as quotes can tell."""
    rest, mark = b"", LONG_LINE.encode()
    for more in lines.blocks():
        block = rest + (more.replace(b"\0", b"") if b"\0" in more else more)
        if mark in block:
            raise too_long(lines.path.name, 1 + block.count(b"\n", 0, block.find(mark)))
        end = len(block) if lines.way is RAW else _end(block)
        rest = block[end:]
        if len(rest) > LONGEST_LINE:
            raise csv.Error("a quote that does not close")
        if end:
            yield block[:end]
    if rest:
        yield rest


def _end(block: bytes) -> int:
    """Where the line begins that opens a quote which does not close; the end when there is none."""
    if block.count(b'"') % 2 == 0:
        return len(block)
    start, end = len(block), len(block)
    while start:
        start, end = block.rfind(b"\n", 0, start - 1) + 1, start
        if block.count(b'"', start, end) % 2:
            return start
    return 0


def _told_of(values: list[list[str]], line: int, used: int, given: tuple[str, int]) -> Found:
    """The records of a text whose first line is `line`, and which has so many."""
    text, width = given
    at = list(range(line, line + len(values)))
    if used != len(values):
        spans = [1 + sum(map(_breaks, record)) for record in values]
        at = list(accumulate(spans[:-1], initial=line))
    if {len(record) for record in values} == {width} and all(any(map(str.strip, record)) for record in values):
        return Found(values, at, [])
    stands = io.StringIO(text, newline="").readlines()
    ends = [*at[1:], line + used]
    found = Found([], [], [])
    for record, begin, end in zip(values, at, ends, strict=True):
        if record:
            _put(found, (begin, record), width, stands[begin - line : end - line])
    return found


def _breaks(value: str) -> int:
    return value.count("\n") + value.count("\r") - value.count("\r\n") if "\n" in value or "\r" in value else 0


def _put(found: Found, record: Record, width: int, taken: list[str]) -> None:
    line, values = record
    if len(values) != width:
        found.refused.append(Refused(line, ragged(values, width), "".join(taken).strip("\r\n")))
    elif not any(map(str.strip, values)):
        found.refused.append(Refused(line, BLANK))
    else:
        found.values.append(values)
        found.at.append(line)


def _checked(lines: Lines, separator: str, width: int) -> Iterator[Found]:
    """Record by record."""
    taken: list[str] = []
    for each in _slowly(lines, separator, taken):
        found = Found([], [], [])
        if isinstance(each, Refused):
            found.refused.append(each)
        else:
            _put(found, each, width, taken)
        yield found


def _slowly(lines: Lines, separator: str, taken: list[str]) -> Iterator[Record | Refused]:
    if lines.way is RECOVER:
        yield from recovered(text_lines(lines), separator, lines.path.name, taken)
        return
    for record in records(_kept(text_lines(lines), taken), separator, lines.way):
        yield record
        taken.clear()


def _kept(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


def _together(several: Iterator[Found]) -> Iterator[Found]:
    """Some thousand records at a time, fewer when they are long."""
    found, size = Found([], [], []), 0
    for each in several:
        found.values += each.values
        found.at += each.at
        found.refused += each.refused
        size += sum(len(value) for record in each.values for value in record)
        if len(found.values) >= BATCH or len(found.refused) >= BATCH or size > BLOCK:
            yield found
            found, size = Found([], [], []), 0
    yield found
