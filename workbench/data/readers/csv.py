"""CSV and its kin: separator, quoting and header are found by trying, never by the extension alone.

Values stay the text they are: “NA”, “null” and leading zeros mean nothing special here.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.header import looks_like_header
from workbench.data.names import ROLE_OF, normal
from workbench.data.table import FIELD_LIMIT, READERS, Reader, Refused, Source, Table, column_names

SEPARATORS = (",", "\t", ";", "|")
NONE = "\x1f"
"""Stands for “no separator”: every line is one value."""
PROBE = 200
LONGEST_RECORD = 200
"""Lines in one quoted value before an opening quote counts as never closed (only asked in damaged files)."""
Record = tuple[int, list[str]]
Options = dict[str, Any]
STRICT: Options = {"strict": True}
BACKSLASH: Options = {"strict": True, "escapechar": "\\", "doublequote": True}
RAW: Options = {"quoting": csv.QUOTE_NONE}


@READERS.add
class Csv(Reader):
    """Values separated by comma, tab, semicolon or bar."""

    kind = "csv"
    label = Text("CSV", "CSV")
    order = 90
    extensions = (".csv", ".tsv", ".tab", ".txt")

    def claims(self, source: Source) -> bool:
        """A separator that gives most rows the same number of values; named .csv, one column will do."""
        separator, agreement = separator_of(source.text)
        plain = source.suffix == ".txt" and not _table_like(source.text, separator, agreement)
        return not plain and ((bool(separator) and agreement >= 0.9) or source.suffix in self.extensions)

    def read(self, source: Source) -> Table:
        """Every row that has as many values as the others."""
        separator = separator_of(source.text)[0] or NONE
        records, refused = _parse(source, separator)
        if not records and not refused:
            raise source.error("there are only blank lines in it.", "其中只有空白行。")
        table = _table(source, records, refused)
        table.format = "tsv" if separator == "\t" else self.kind
        return table


def separator_of(text: str) -> tuple[str, float]:
    """The separator and the share of the first rows it gives the same number of values; ("", 0) for one column."""
    csv.field_size_limit(FIELD_LIMIT)
    ranked = [(_agreement(text, separator), separator) for separator in SEPARATORS]
    agreement, separator = max(ranked, key=lambda pair: (pair[0], -SEPARATORS.index(pair[1])))
    return (separator, agreement) if agreement > 0 else ("", 0.0)


def _table_like(text: str, separator: str, agreement: float) -> bool:
    """Whether a .txt is a table: prose, too, has commas, but not the same number in nearly every line; nor has it a header."""
    sure = agreement >= (0.9 if separator in ("\t", "|") else 0.98) and bool(separator)
    head = [line.strip() for line in text[:4000].split("\n") if line.strip()][:50]
    named = head[0].split(separator) if separator and head else head[:1]
    return sure or (len(head) > 1 and all(normal(name.strip('"')) in ROLE_OF for name in named))


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


def _parse(source: Source, separator: str) -> tuple[list[Record], list[Refused]]:
    """The first way of quoting that reads the whole file without an objection, else line by line."""
    text = source.text
    quoted = _whole(text, separator, STRICT)
    if separator == "\t" and '"' in text:
        raw = _whole(text, separator, RAW)
        if quoted is None or (len(quoted) < len(raw or []) and _even(raw or [])):
            return raw or [], []
    if quoted is None and '\\"' in text:
        quoted = _whole(text, separator, BACKSLASH)
    return (quoted, []) if quoted is not None else _recover(source, separator)


def _even(records: list[Record]) -> bool:
    """Every record has as many values as the first: then a quote at a line's start was only a quote."""
    return all(len(record) == len(records[0][1]) for _, record in records)


def _whole(text: str, separator: str, options: Options) -> list[Record] | None:
    try:
        return list(_records(io.StringIO(text, newline=""), separator, options))
    except csv.Error:
        return None


def _records(lines: Any, separator: str, options: Options) -> Iterator[Record]:
    reader = csv.reader(lines, delimiter=separator, **options)
    line = 1
    for record in reader:
        if record:
            yield line, record
        line = reader.line_num + 1


def _recover(source: Source, separator: str) -> tuple[list[Record], list[Refused]]:
    """Record by record; one with a stray quote is refused alone instead of swallowing what follows."""
    lines = io.StringIO(source.text, newline="").readlines()
    records: list[Record] = []
    refused: list[Refused] = []
    index = 0
    while index < len(lines):
        record, used = _next(lines, index, separator)
        if len(lines[index]) > FIELD_LIMIT and not record:
            _too_long(source, index + 1)
        if record:
            records.append((index + 1, record))
        elif lines[index].strip():
            refused.append(Refused(index + 1, _stray(lines[index]), lines[index].rstrip("\r\n")))
        index += used
    return records, refused


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


def _too_long(source: Source, line: int) -> None:
    raise source.error(
        f"line {line}: a value is longer than {FIELD_LIMIT:,} characters. Shorten or remove it.",
        f"第 {line} 行：取值超过 {FIELD_LIMIT:,} 个字符。请缩短或删除。",
    )


def _table(source: Source, records: list[Record], refused: list[Refused]) -> Table:
    headed = bool(records) and looks_like_header([record for _, record in records[:PROBE]])
    header = records[0][1] if headed else []
    body = records[1:] if headed else records
    if headed and not body and not refused:
        raise source.error(
            f"only a header ({shorten(', '.join(header))}) and no rows; add rows below it.",
            f"只有表头（{shorten(', '.join(header))}），没有数据行；请在其下添加数据。",
        )
    width = len(header) or _usual_width(body)
    columns = column_names(header or [""] * width)
    table = Table(columns, [], list(refused), Csv.kind, source.decoded.encoding)
    _fill(table, body, width, source.text)
    table.refused.sort(key=lambda item: item.line)
    table.warnings = _about_header(header, columns)
    return table


def _usual_width(body: list[Record]) -> int:
    counted = Counter(len(record) for _, record in body).most_common(1)
    return counted[0][0] if counted else 1


def _fill(table: Table, body: list[Record], width: int, text: str) -> None:
    raw = _raw(text, [line for line, record in body if len(record) != width], [line for line, _ in body], table.refused)
    for line, record in body:
        if len(record) != width:
            table.refused.append(Refused(line, _ragged(record, width), raw[line]))
        elif not any(value.strip() for value in record):
            table.refused.append(Refused(line, Text("all values are empty", "所有取值都为空")))
        else:
            table.rows.append(dict(zip(table.columns, record, strict=True)))
            table.lines.append(line)


def _raw(text: str, wanted: list[int], begins: list[int], refused: list[Refused]) -> dict[int, str]:
    """What stands in the file from each wanted line to where the next row begins."""
    if not wanted:
        return {}
    lines = io.StringIO(text, newline="").readlines()
    starts = sorted({*begins, *(item.line for item in refused), len(lines) + 1})
    return {line: "".join(lines[line - 1 : starts[bisect_right(starts, line)] - 1]).rstrip("\r\n") for line in wanted}


def _ragged(record: list[str], width: int) -> Text:
    quoted = shorten(record[0], 30)
    return Text(
        f"{len(record)} values where {width} were expected (a text with separators needs double quotes): {quoted}",
        f"有 {len(record)} 个值，应为 {width} 个（含分隔符的文字需加双引号）：{quoted}",
    )


def _about_header(header: list[str], columns: list[str]) -> list[Text]:
    if not header:
        names = ", ".join(columns[:4])
        return [Text(f"no header found; columns are called {names}", f"没有表头；列名为 {names}")]
    changed = [column for name, column in zip(header, columns, strict=True) if name.strip().lstrip("\ufeff") != column]
    if not changed:
        return []
    names = ", ".join(changed[:4])
    return [Text(f"columns without a name of their own are called {names}", f"没有独立名称的列命名为 {names}")]
