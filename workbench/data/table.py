"""A file as it was read: its rows, what was refused, and how it was understood. Every reader makes a Table from a Source."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.errors import UserError, shorten
from workbench.core.registry import Registry
from workbench.core.text import Text
from workbench.data.encoding import Decoded, decode
from workbench.data.values import as_text

FIELD_LIMIT = 10_000_000
"""Characters in one value at most; a longer one is a broken file, not a text to learn from."""
COLUMN_LIMIT = 1000
DAMAGED = Text("bytes or escapes in it are no characters", "其中有无法解码为字符的内容")


@dataclass(frozen=True)
class Refused:
    """A row that was not taken: its 1-based line in the file (row in a Parquet file) and why."""

    line: int
    reason: Text
    raw: str = ""
    """The row itself, as far as it is known."""


@dataclass
class Table:
    """Rows by column names. `lines` tells for every row where in the file it began."""

    columns: list[str]
    rows: list[dict[str, Any]]
    refused: list[Refused] = field(default_factory=list)
    format: str = ""
    encoding: str = ""
    warnings: list[Text] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def refuse(self, reasons: dict[int, Text]) -> Table:
        """A copy without the rows at these positions, which are counted as refused."""
        kept = [index for index in range(len(self.rows)) if index not in reasons]
        refused = [Refused(self.line(index), reason, as_text(self.rows[index])) for index, reason in reasons.items()]
        return Table(
            self.columns,
            [self.rows[index] for index in kept],
            sorted([*self.refused, *refused], key=lambda item: item.line),
            self.format,
            self.encoding,
            self.warnings,
            [self.line(index) for index in kept],
        )

    def line(self, index: int) -> int:
        """Where the row at `index` began."""
        return self.lines[index] if index < len(self.lines) else index + 1


@dataclass
class Source:
    """The bytes of a file, read once, and its text, decoded once and only when a reader asks for it."""

    path: Path
    data: bytes
    warnings: list[Text] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The file's name, as it is quoted in messages."""
        return shorten(self.path.name)

    @property
    def suffix(self) -> str:
        """The extension in lower case."""
        return self.path.suffix.lower()

    @cached_property
    def decoded(self) -> Decoded:
        """The text and the encoding it was read with."""
        return decode(self.data, self.name)

    @property
    def text(self) -> str:
        """The text of the file."""
        return self.decoded.text

    def error(self, en: str, zh: str) -> UserError:
        """A UserError that begins with the file's name."""
        return UserError(f"{self.name}: {en}", f"{self.name}：{zh}", field="file")


class Reader(ABC):
    """One file format. The content decides whether a reader takes a file; the extension alone never does."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    order: ClassVar[int] = 50
    """Readers are asked in this order; the first that claims a file reads it. Special formats come before general ones."""
    extensions: ClassVar[tuple[str, ...]]
    binary: ClassVar[bool] = False
    """True when `claims` looks at `source.data` only; such readers are asked before the text is decoded."""

    @abstractmethod
    def claims(self, source: Source) -> bool:
        """Whether the content is of this format."""

    @abstractmethod
    def read(self, source: Source) -> Table:
        """The table in it; UserError when nothing in it can be used."""


class Piecewise(Reader):
    """A format whose files may be larger than memory."""

    def unpacked(self, path: Path) -> int:
        """Bytes that a packed format holds, as far as the file says so; a small file may be a large table."""
        return 0

    def head(self, source: Source) -> Table:
        """The first rows of a large file, of which `source` holds the first bytes."""
        return self.read(source)

    def schema(self, lines: Any, seen: Any) -> Any:
        """The Arrow schema to begin with: that of the first rows, in which a column that was empty so far is text."""
        import pyarrow as pa

        return pa.schema([(item.name, pa.string() if pa.types.is_null(item.type) else item.type) for item in seen])

    @abstractmethod
    def pieces(self, lines: Any, schema: Any) -> Iterator[Any]:
        """Pieces (bulk.Piece) of a large file (bulk.Lines). Those that fit the Arrow schema may come as Arrow tables."""


READERS: Registry[Reader] = Registry(Text("file format", "文件格式"), "workbench.data.readers")


def too_long(path: Path, line: int, column: str, size: int) -> UserError:
    """The refusal of a file with a value of more than FIELD_LIMIT characters."""
    name, column = shorten(path.name), shorten(column)
    return UserError(
        f"{name}: line {line}, column “{column}”: a value of {size:,} characters; at most {FIELD_LIMIT:,} are possible. Shorten or remove it.",
        f"{name}：第 {line} 行“{column}”列：取值有 {size:,} 个字符；最多 {FIELD_LIMIT:,} 个。请缩短或删除。",
        field="file",
    )


def column_names(names: Iterable[object]) -> list[str]:
    """Names that are not empty and not given twice."""
    made: dict[str, None] = {}
    for number, name in enumerate(names, start=1):
        base = str(name).replace("\ufeff", "").strip() or f"column_{number}"
        unique, count = base, 1
        while unique in made:
            count += 1
            unique = f"{base}_{count}"
        made[unique] = None
    return list(made)


def records_table(source: Source, records: list[tuple[int, Any]], refused: list[Refused], kind: str) -> Table:
    """A table from (line, JSON value) pairs; whatever is no object is refused, missing keys become None."""
    refused = list(refused)
    kept: list[tuple[int, dict[str, Any]]] = []
    for line, value in records:
        if isinstance(value, dict) and value:
            kept.append((line, value))
        else:
            refused.append(Refused(line, not_object(value), as_text(value)))
    keys = list(dict.fromkeys(key for _, value in kept for key in value))
    names = column_names(keys)
    pairs = list(zip(names, keys, strict=True))
    rows = [{name: value.get(key) for name, key in pairs} for _, value in kept]
    return Table(names, rows, refused, kind, source.decoded.encoding, lines=[line for line, _ in kept])


def not_object(value: Any) -> Text:
    """Why a JSON value is no row."""
    if value == {}:
        return Text("an empty object", "空对象")
    quoted = shorten(value, 30)
    return Text(
        f'expected an object {{"column": value, …}}, found {quoted}',
        f'应为对象 {{"列名": 值, …}}，实际为 {quoted}',
    )


class NoText(str):
    """What stands in a cell for bytes that are no text."""


def plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return NoText("")
    return str(value)


def paragraphs_table(source: Source, found: list[tuple[int, str]], kind: str) -> Table:
    """A table of (line, text) pairs; those without text are passed over. UserError when none has any."""
    kept = [(line, text.strip()) for line, text in found if text.strip()]
    if not kept:
        raise source.error("there is no text in it.", "其中没有文字。")
    encoding = "utf-8" if READERS.get(kind).binary else source.decoded.encoding
    return Table(["text"], [{"text": text} for _, text in kept], [], kind, encoding, lines=[line for line, _ in kept])
