"""A file per format. `read_table` lets the content choose the reader; siblings never import one another."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.core.errors import UserError, shorten
from workbench.core.text import Text
from workbench.data import bulk
from workbench.data.foreign import refuse_bytes, refuse_words
from workbench.data.packed import unpacked
from workbench.data.shapes import one_shape
from workbench.data.table import (
    COLUMN_LIMIT,
    DAMAGED,
    FIELD_LIMIT,
    READERS,
    Piecewise,
    Reader,
    Refused,
    Source,
    Table,
    too_long,
)
from workbench.data.values import damaged

__all__ = ["READERS", "Reader", "Refused", "Source", "Table", "read_table"]

SIZE_LIMIT = 1 << 30
_SURROGATE = re.compile("[\ud800-\udfff]|\\\\u[dD][89a-fA-F]")


def read_table(path: Path | str) -> Table:
    """The table in a file; UserError when there is none. Refused rows and surprises are told in the table."""
    source = unpacked(_open(Path(path)))
    _check_lines(source)
    reader = _choose(source)
    table = reader.read(source)
    table.warnings = [*_about(source, reader), *source.warnings, *table.warnings]
    if not reader.binary and _SURROGATE.search(source.text):
        table = table.refuse({index: DAMAGED for index, row in enumerate(table.rows) if damaged(row)})
    table = one_shape(table)
    _check(source, table)
    return table


def read_head(path: Path | str) -> tuple[Table, Piecewise | None]:
    """The table a person is shown before an import: of a large file its first rows, and the reader that takes it in pieces;
    of any other the whole table and None."""
    path = Path(path)
    source = _start(path)
    reader = None if source is None else _choose(source)
    if source is None or not isinstance(reader, Piecewise):
        return read_table(path), None
    table = reader.head(source)
    _check(source, table)
    first = Text(
        f"a large file: its first {len(table.rows):,} rows are shown", f"文件较大：显示前 {len(table.rows):,} 行"
    )
    warning = None if reader.binary else source.decoded.warning
    table.warnings = [*([warning] if warning else []), first, *table.warnings]
    return table, reader


def _start(path: Path) -> Source | None:
    """The beginning of a large file that may be read in pieces; None for any other."""
    if not path.is_file():
        return None
    source = Source(path, bulk.start(path))
    found = next((reader for reader in READERS.all() if reader.binary and reader.claims(source)), None)
    if isinstance(found, Piecewise):
        return source if bulk.large(path) or found.unpacked(path) >= bulk.LARGE else None
    if not bulk.large(path) or found is not None or source.data.startswith((b"PK\x03\x04", b"\x1f\x8b", b"%PDF")):
        return None
    return Source(path, bulk.head(path))


def _open(path: Path) -> Source:
    name = shorten(path.name)
    try:
        if path.is_dir():
            raise _file_error(f"{name} is a folder; choose a file in it.", f"{name} 是文件夹；请选择其中的文件。")
        if path.stat().st_size > SIZE_LIMIT:
            raise _file_error(
                f"{name} is larger than 1 GB; split it into smaller files.",
                f"{name} 超过 1 GB；请拆分成较小的文件。",
            )
        if path.exists() and not path.is_file():
            raise _file_error(f"{name} is a device or pipe; choose a file.", f"{name} 是设备或管道；请选择文件。")
        source = Source(path, path.read_bytes())
    except FileNotFoundError as error:
        where = shorten(path, 200)
        raise _file_error(f"There is no file {where}; check its name.", f"没有文件 {where}；请检查名称。") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or shorten(error)
        raise _file_error(f"{name} cannot be read: {reason}.", f"{name} 无法读取：{reason}。") from error
    if not source.data.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise source.error("the file is empty; expected rows of data.", "文件是空的；应包含数据行。")
    return source


def _file_error(en: str, zh: str) -> UserError:
    return UserError(en, zh, field="file")


def _check_lines(source: Source) -> None:
    """UserError for a line of CSV that is a broken file, found before all of it is decoded. JSON may well stand on one line."""
    data, start = source.data, 0
    if data[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") or source.suffix not in (
        ".csv",
        ".tsv",
        ".txt",
        ".jsonl",
    ):
        return
    while start + 4 * FIELD_LIMIT < len(data):
        end = max(data.rfind(mark, start, start + 4 * FIELD_LIMIT) for mark in (b"\n", b"\r"))
        if end < start:
            line = 1 + data.count(b"\n", 0, start)
            raise source.error(
                f"line {line} is longer than {4 * FIELD_LIMIT:,} bytes. Shorten or remove it.",
                f"第 {line} 行超过 {4 * FIELD_LIMIT:,} 字节。请缩短或删除。",
            )
        start = end + 1


def _choose(source: Source) -> Reader:
    readers = READERS.all()
    for reader in readers:
        if reader.binary and reader.claims(source):
            return reader
    refuse_bytes(source)
    refuse_words(source)
    for reader in readers:
        if not reader.binary and reader.claims(source):
            return reader
    start = shorten(source.text.lstrip()[:80], 40)
    known = [reader.label for reader in readers]
    raise source.error(
        f"this is no table that can be read; line 1 begins with “{start}”. Expected one of: {', '.join(label.en for label in known)}.",
        f"不是可读取的表格；第 1 行以“{start}”开头。应为以下格式之一：{'、'.join(label.zh for label in known)}。",
    )


def _about(source: Source, reader: Reader) -> list[Text]:
    """What a person should know of how the file was understood."""
    notes = [] if reader.binary or source.decoded.warning is None else [source.decoded.warning]
    known = {suffix for other in READERS.all() for suffix in other.extensions}
    if source.suffix in known and source.suffix not in reader.extensions:
        notes.append(
            Text(
                f"the name ends in {source.suffix}, but the content is {reader.label.en}; read as that",
                f"文件名以 {source.suffix} 结尾，但内容是 {reader.label.zh}；已按后者读取",
            )
        )
    return notes


def _check(source: Source, table: Table) -> None:
    total = len(table.rows) + len(table.refused)
    if len(table.refused) > len(table.rows):
        first = table.refused[0]
        raise source.error(
            f"{len(table.refused)} of {total} rows cannot be used, so nothing was imported. "
            f"The first: line {first.line}: {first.reason.en}. Mend the file and import it again.",
            f"{total} 行中有 {len(table.refused)} 行无法使用，因此未导入。"
            f"第一处：第 {first.line} 行：{first.reason.zh}。请修正文件后重新导入。",
        )
    if not table.rows:
        raise source.error("there are no rows in it; expected rows of data.", "其中没有任何行；应包含数据行。")
    if len(table.columns) > COLUMN_LIMIT:
        raise source.error(
            f"{len(table.columns)} columns; at most {COLUMN_LIMIT} are possible. Check the separator.",
            f"有 {len(table.columns)} 列；最多 {COLUMN_LIMIT} 列。请检查分隔符。",
        )
    if len(source.data) > FIELD_LIMIT:
        _check_sizes(source, table)


def _check_sizes(source: Source, table: Table) -> None:
    for index, row in enumerate(table.rows):
        for column, value in row.items():
            if isinstance(value, str) and len(value) > FIELD_LIMIT:
                raise too_long(source.path, table.line(index), column, len(value))
