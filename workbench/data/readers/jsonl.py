"""JSON lines: one object per line. A broken line is refused with its number, the others are kept."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.bulk import EXACT, LONG_LINE, LONGEST, Lines, Piece
from workbench.data.jsontext import CAUSES, DECODER, broken, skip_blank
from workbench.data.table import READERS, Piecewise, Refused, Source, Table, not_object, records_table
from workbench.data.values import as_text

_NO_NUMBER = re.compile(rb"[:\[,]\s*-?(?:NaN|Infinity)\s*[,}\]]")
_LINES = re.compile(r"\r\n|\n|\r")
PROBE = 20
TOO_LONG = Text(f"the line is longer than {LONGEST:,} bytes", f"该行超过 {LONGEST:,} 字节")


@READERS.add
class JsonLines(Piecewise):
    """One JSON object per line; also common under the name .json."""

    kind = "jsonl"
    label = Text("JSON lines", "JSON Lines")
    order = 20
    extensions = (".jsonl", ".ndjson", ".json")

    def claims(self, source: Source) -> bool:
        """Most of the first lines are objects of their own, or were meant to be."""
        lines = _head(source.text)
        if not lines or lines[0].startswith("["):
            return False
        meant = sum(line.startswith("{") and line.endswith("}") for line in lines)
        if len(lines) == 1:
            return bool(meant) and source.suffix in (".jsonl", ".ndjson")
        return meant * 2 >= len(lines) and any(len(line) > 2 for line in lines if line.startswith("{"))

    def read(self, source: Source) -> Table:
        """Every whole line; the broken ones are told."""
        records, refused = _records(source.text, 1)
        return records_table(source, records, refused, self.kind)

    def pieces(self, lines: Lines, schema: Any) -> Iterator[Piece]:
        """A block at a time: by Arrow when every line of it fits the schema, else line by line."""
        line = 1
        with ThreadPoolExecutor(
            2
        ) as pool:  # Arrow lets go of the interpreter: one block is read while another is written
            for block, arrow in _ahead(pool, lines.blocks(), schema):
                if arrow is not None:
                    yield Piece(arrow=arrow, line=line)
                else:
                    yield _slowly(block, line)
                line += block.count(b"\n")


Pair = tuple[bytes, Any]


def _ahead(pool: ThreadPoolExecutor, blocks: Iterator[bytes], schema: Any) -> Iterator[Pair]:
    waiting: deque[Future[Pair]] = deque()
    for block in blocks:
        waiting.append(pool.submit(lambda one: (one, _fast(one, schema)), block))
        if len(waiting) > 2:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _fast(block: bytes, schema: Any) -> Any:
    """The block as an Arrow table, or None when Arrow would read it otherwise than we do: escapes that are no characters, blank
    lines (the lines of rows must stay known), a value of another kind, a key that is new, NaN, a whole number that a fraction cannot
    hold."""
    import pyarrow as pa
    import pyarrow.json as pj

    odd = (b"NaN" in block or b"Infinity" in block) and _NO_NUMBER.search(block)
    if b"\\ud" in block or b"\\uD" in block or b"\r" in block or odd:
        return None
    options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error", newlines_in_values=False)
    try:
        ends = pa.array([0, len(block)], pa.int32()).buffers()[1]
        pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(block)]).cast(pa.string())  # is it UTF-8?
        found = pj.read_json(
            pa.BufferReader(block), pj.ReadOptions(use_threads=False, block_size=len(block) + 1), options
        )
    except (pa.ArrowException, ValueError):
        return None
    whole = found.num_rows == block.count(b"\n") + (not block.endswith(b"\n"))
    return found.select(schema.names) if whole and not _beyond(found) else None


def _beyond(found: Any) -> bool:
    """Whether a column of fractions has a number so large that it may have been a whole one, and lost digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [column for column in found.columns if pa.types.is_floating(column.type)]
    return any((pc.max(pc.abs(column)).as_py() or 0) >= EXACT for column in columns)


def _slowly(block: bytes, line: int) -> Piece:
    records, refused = _records(block.decode("utf-8", "surrogatepass" if b"\xed" in block else "workbench-mark"), line)
    good = [(number, value) for number, value in records if isinstance(value, dict) and value]
    bad = [
        Refused(number, not_object(value), as_text(value))
        for number, value in records
        if not (isinstance(value, dict) and value)
    ]
    return Piece([value for _, value in good], [number for number, _ in good], [*refused, *bad])


def _records(text: str, first: int) -> tuple[list[tuple[int, Any]], list[Refused]]:
    """(line, value) of every whole line, and the lines that are none."""
    records: list[tuple[int, Any]] = []
    refused: list[Refused] = []
    for number, line in enumerate(_LINES.split(text), start=first):
        if not line.strip():
            continue
        if line == LONG_LINE:
            refused.append(Refused(number, TOO_LONG))
            continue
        try:
            records += [(number, value) for value in _parse(line)]
        except CAUSES as error:
            reason, quoted = broken(error), shorten(line.strip(), 40)
            refused.append(Refused(number, Text(f"{reason.en}: {quoted}", f"{reason.zh}：{quoted}"), line))
    return records, refused


def _parse(line: str) -> list[Any]:
    """The value of a line; several when objects follow one another without a line break between them."""
    found: list[Any] = []
    line, end = line.strip(), 0
    while end < len(line):
        if found and line[end] != "{":
            DECODER.decode(line)  # raises “Extra data” with its column
        value, end = DECODER.raw_decode(line, end)
        found.append(value)
        end = skip_blank(line, end)
    return found


def _head(text: str) -> list[str]:
    """The first lines that are not blank, found without splitting the whole text."""
    lines: list[str] = []
    start = 0
    while start < len(text) and len(lines) < PROBE:
        found = _LINES.search(text, start)
        end = found.start() if found else len(text)
        if line := text[start:end].strip():
            lines.append(line)
        start = found.end() if found else len(text)
    return lines
