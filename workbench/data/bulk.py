"""Files too large for memory: read piece by piece, written piece by piece. A generator tells how far it is; to stop it is to close it.

A reader that can do so has `pieces`. The first piece decides columns, kinds and roles, as a whole small file would. A later piece that
does not fit (a text where numbers stood, a new column) widens the schema, and the file is read again from its start: rare, and right.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.errors import UserError
from workbench.core.text import Text
from workbench.data import store
from workbench.data.table import DAMAGED, Refused, Table
from workbench.data.values import as_text, damaged

LARGE = 64 << 20
"""Bytes from which on a file is read in pieces."""
BLOCK = 8 << 20
HEAD = 1 << 20
PEEK = 1000
KEPT = 10_000
"""Refused rows that are kept word for word; those beyond are only counted."""
LONGEST = 10_000_000
"""Bytes of one line at most; a longer one is a broken file, not a text to learn from."""
LONG_LINE = "\x1etoo long"
"""Stands for such a line, which is refused."""
EXACT = 1 << 53
"""Up to here a fraction's 64 bits hold every whole number."""
_SPACES = np.isin(np.arange(256), [*range(9, 14), *range(28, 33), 0xC2, 0xE1, 0xE2, 0xE3])
"""Bytes with which a white space of Unicode can begin, in UTF-8."""
NEEDED = ("text", "prompt", "response", "messages")


@dataclass
class Lines:
    """The text of a large file, in blocks of whole lines, as UTF-8 whatever it was. `done`: bytes that were read; `way`: what a reader
    found out of the file on the way and goes by when it begins again."""

    path: Path
    encoding: str
    done: int = 0
    way: Any = None

    def blocks(self) -> Iterator[bytes]:
        """Blocks that end where a line ends."""
        decoder = (
            None if self.encoding.startswith("utf-8") else codecs.getincrementaldecoder(self.encoding)("workbench-mark")
        )
        rest, passing, self.done = b"", False, 0
        with self.path.open("rb") as file:
            while raw := file.read(BLOCK):
                first, self.done = self.done == 0, self.done + len(raw)
                raw = raw if decoder is None else decoder.decode(raw).encode("utf-8", "surrogatepass")
                raw = raw.removeprefix(codecs.BOM_UTF8) if first else raw
                if passing:  # the rest of a line that is too long
                    start = raw.find(b"\n")
                    passing, raw = start < 0, raw[start:] if start >= 0 else b""
                block = rest + raw
                end = block.rfind(b"\n") + 1
                rest = block[end:]
                if len(rest) > LONGEST:
                    rest, passing = LONG_LINE.encode(), True
                if end:
                    yield block[:end]
        if rest:
            yield rest


@dataclass
class Piece:
    """Rows of a file: as plain rows with the line of each, or as an Arrow table whose rows stand in `lines`, or one per line from `line`
    on."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    arrow: Any = None
    line: int = 1

    def at(self, index: int) -> int:
        """The line of a row."""
        return self.lines[index] if self.lines else self.line + index


@dataclass
class Taken:
    """What was written: rows, their digest, and what was refused (`more` beyond those that are kept)."""

    rows: int = 0
    sha256: str = ""
    refused: list[Refused] = field(default_factory=list)
    more: int = 0

    def refuse(self, found: list[Refused]) -> None:
        """Count these."""
        room = max(0, KEPT - len(self.refused))
        self.refused += found[:room]
        self.more += len(found) - len(found[:room])


class Wider(Exception):
    """The schema that the piece at hand needs: the file is read again from its start."""

    def __init__(self, schema: Any) -> None:
        super().__init__("schema")
        self.schema = schema


def large(path: Path) -> bool:
    """Whether a file is read in pieces."""
    return path.is_file() and path.stat().st_size >= LARGE


def start(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD)


def head(path: Path) -> bytes:
    """The first whole lines of a large file."""
    first = start(path)
    if b"\0" not in first[:PEEK]:  # where characters have several bytes, the one after a line end may be half of one
        first = first[: first.rfind(b"\n") + 1] or first
    return first


def write(lines: Lines, reader: Any, table: Table, roles: dict[str, str], path: Path) -> Generator[float, None, Taken]:
    """All of the file into an Arrow file at `path`. Yields the share that is done (0 – 1)."""
    schema = reader.schema(lines, store.table(table.columns, table.rows).schema)
    needed = [column for column, role in roles.items() if role in NEEDED]
    total = max(1, lines.path.stat().st_size)
    while True:
        lines.done, taken, writer = 0, Taken(), store.Writer(path, schema)
        try:
            for piece in reader.pieces(lines, writer.schema):
                _take(writer, piece, taken, needed, roles)
                yield min(1.0, lines.done / total)
        except Wider as wider:
            schema = wider.schema
            continue
        finally:
            taken.sha256, taken.rows = writer.close(), writer.rows
        _check(lines.path.name, taken)
        return taken


def _check(name: str, taken: Taken) -> None:
    count = len(taken.refused) + taken.more
    if count > taken.rows:
        first = taken.refused[0]
        raise UserError(
            f"{name}: {count} of {count + taken.rows} rows cannot be used, so nothing was imported. "
            f"The first: line {first.line}: {first.reason.en}. Mend the file and import it again.",
            f"{name}：{count + taken.rows} 行中有 {count} 行无法使用，因此未导入。"
            f"第一处：第 {first.line} 行：{first.reason.zh}。请修正文件后重新导入。",
            field="file",
        )


def _take(writer: store.Writer, piece: Piece, taken: Taken, needed: list[str], roles: dict[str, str]) -> None:
    import pyarrow as pa

    bad = {index: DAMAGED for index, row in enumerate(piece.rows) if damaged(row)}
    fresh = {
        piece.lines[index]: Refused(piece.lines[index], reason, as_text(piece.rows[index]))
        for index, reason in bad.items()
    }
    rows = [row for index, row in enumerate(piece.rows) if index not in bad]
    lines = [line for index, line in enumerate(piece.lines) if index not in bad]
    found = piece.arrow if piece.arrow is not None else _fit(rows, writer.schema)
    at = Piece(lines=lines if piece.arrow is None else piece.lines, line=piece.line)
    keep, empty = _filled(found, needed, roles, at)
    taken.refuse(sorted([*piece.refused, *fresh.values(), *empty], key=lambda item: item.line))
    for batch in (found if keep is None else found.filter(keep)).to_batches(max_chunksize=store.BATCH):
        writer.add(pa.RecordBatch.from_arrays(batch.columns, schema=writer.schema))


def _fit(rows: list[dict[str, Any]], schema: Any) -> Any:
    """The rows in this schema; Wider when they do not fit."""
    import pyarrow as pa

    names = dict.fromkeys([*schema.names, *(name for row in rows for name in row)])
    if len(names) > len(schema.names):
        raise Wider(pa.schema([*schema, *((name, pa.string()) for name in names if name not in schema.names)]))
    arrays = [fitted([row.get(item.name) for row in rows], place, schema) for place, item in enumerate(schema)]
    return pa.Table.from_arrays(arrays, schema=schema)


def fitted(values: list[Any], place: int, schema: Any) -> Any:
    """The values as the column at a place of the schema; Wider when they do not fit."""
    import pyarrow as pa

    item = schema.field(place)
    if pa.types.is_string(item.type):
        return store.as_texts(values)
    try:
        if not {type(value) for value in values} <= _takes(item.type):
            raise TypeError(item.name)  # Arrow would cut 1.5 to 1 without a word
        array = pa.array(values, item.type)
        if pa.types.is_nested(item.type) and array.to_pylist() != values:
            raise TypeError(item.name)  # and drop the keys it does not know
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        wide = pa.float64() if item.type == pa.int64() and all(map(_halves, values)) else pa.string()
        raise Wider(schema.set(place, pa.field(item.name, wide))) from error
    return array


def _halves(value: Any) -> bool:
    """Whether a value loses nothing in a column of fractions."""
    return type(value) in (float, type(None)) or (type(value) is int and abs(value) <= EXACT)


def _takes(kind: Any) -> set[type]:
    """The types of values an Arrow column of this kind keeps as they are."""
    import pyarrow as pa

    if pa.types.is_integer(kind):
        return {int, type(None)}
    if pa.types.is_floating(kind):
        return {int, float, type(None)}
    if pa.types.is_null(kind):
        return {type(None)}
    return {bool, type(None)} if pa.types.is_boolean(kind) else {list, dict, type(None)}


def blank(array: Any) -> Any:
    """Which texts are empty; only those that begin with a space are read to their end."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    _, places, data = whole.buffers()
    starts = np.frombuffer(places, np.int32)[whole.offset : whole.offset + len(whole) + 1]
    letters = np.frombuffer(data if data is not None and data.size else b" ", np.uint8)
    maybe = (starts[1:] == starts[:-1]) | _SPACES[letters[np.minimum(starts[:-1], len(letters) - 1)]]
    if not maybe.any():
        return pa.array(maybe)
    return pc.and_(
        pa.array(maybe), pc.fill_null(pc.or_(pc.utf8_is_space(whole), pc.equal(pc.binary_length(whole), 0)), True)
    )


def _filled(found: Any, needed: list[str], roles: dict[str, str], piece: Piece) -> tuple[Any, list[Refused]]:
    """(which rows to keep, or None for all; those refused because a needed text is empty)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    refused: dict[int, Refused] = {}
    for column in needed:
        array = found.column(column)
        empty = blank(array) if pa.types.is_string(array.type) else pc.is_null(array)
        if not pc.any(empty, min_count=0).as_py():
            continue
        reason = Text(f"{roles[column]} is empty (column “{column}”)", f"{roles[column]} 为空（“{column}”列）")
        for (index,) in zip(pc.indices_nonzero(empty).to_pylist(), strict=True):
            refused.setdefault(index, Refused(piece.at(index), reason, as_text(found.slice(index, 1).to_pylist()[0])))
    if not refused:
        return None, []
    return pa.array([index not in refused for index in range(found.num_rows)]), list(refused.values())
