"""CSV and its kin: separator, quoting and header are found by trying, never by the extension alone.

Values stay the text they are: “NA”, “null” and leading zeros mean nothing special here.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data import bulk
from workbench.data.bulk import Lines, Piece, Wider
from workbench.data.delimited import Found, after, found_in, way_of
from workbench.data.encoding import decode
from workbench.data.header import looks_like_header
from workbench.data.names import ROLE_OF, normal
from workbench.data.records import (
    BACKSLASH,
    BLANK,
    NONE,
    PROBE,
    RAW,
    STRICT,
    Options,
    Record,
    even,
    ragged,
    records,
    recovered,
    separator_of,
    unbroken,
)
from workbench.data.table import READERS, Piecewise, Refused, Source, Table, column_names


@READERS.add
class Csv(Piecewise):
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
        found, refused = _parse(source, separator)
        if not found and not refused:
            raise source.error("there are only blank lines in it.", "其中只有空白行。")
        table = _table(source, found, refused)
        table.format = "tsv" if separator == "\t" else self.kind
        return table

    def head(self, source: Source) -> Table:
        """Without the record that the end of the head cuts in two."""
        text = source.text[: max(map(source.text.rfind, "\r\n")) + 1] or source.text
        whole = Source(source.path, source.data)
        whole.__dict__["decoded"] = replace(source.decoded, text=text[: unbroken(text, separator_of(text)[0] or NONE)])
        return self.read(whole)

    def pieces(self, lines: Lines, schema: Any) -> Iterator[Piece]:
        """Some thousand records at a time, every value a text."""
        separator = separator_of(decode(bulk.head(lines.path), lines.path.name).text)[0] or NONE
        if lines.way is None:
            lines.way = yield from way_of(lines, separator)
        first = True
        try:
            for found in found_in(lines, separator, schema.names):
                head = found.first() if first else None
                first = first and head is None
                yield _piece(found, int(head is not None and column_names(head) == schema.names), schema)
        except csv.Error as error:  # begun again another way
            lines.way = after(lines, error)
            raise Wider(schema) from error


def _piece(found: Found, header: int, schema: Any) -> Piece:
    import pyarrow as pa

    values, at = found.values[header:], found.at[header:]
    if found.arrow is not None:
        return Piece(lines=at, refused=found.refused, arrow=found.arrow.slice(header))
    columns = list(zip(*values, strict=True)) or [()] * len(schema.names)
    try:
        arrays = [pa.array(column, pa.string()) for column in columns]
        return Piece(lines=at, refused=found.refused, arrow=pa.Table.from_arrays(arrays, schema=schema))
    except UnicodeEncodeError:  # bytes that are no characters: those rows are told one by one
        return Piece([dict(zip(schema.names, record, strict=True)) for record in values], at, found.refused)


def _table_like(text: str, separator: str, agreement: float) -> bool:
    """Whether a .txt is a table: prose, too, has commas, but not the same number in nearly every line; nor has it a header."""
    sure = agreement >= (0.9 if separator in ("\t", "|") else 0.98) and bool(separator)
    head = [line.strip() for line in text[:4000].split("\n") if line.strip()][:50]
    named = head[0].split(separator) if separator and head else head[:1]
    return sure or (len(head) > 1 and all(normal(name.strip('"')) in ROLE_OF for name in named))


def _parse(source: Source, separator: str) -> tuple[list[Record], list[Refused]]:
    """The first way of quoting that reads the whole file without an objection, else line by line."""
    text = source.text
    quoted = _whole(text, separator, STRICT)
    if separator == "\t" and '"' in text:
        raw = _whole(text, separator, RAW)
        if quoted is None or (len(quoted) < len(raw or []) and even(raw or [])):
            return raw or [], []
    if quoted is None and '\\"' in text:
        quoted = _whole(text, separator, BACKSLASH)
    if quoted is not None:
        return quoted, []
    found = list(recovered(io.StringIO(text, newline=""), separator, source.path.name, []))
    return [each for each in found if not isinstance(each, Refused)], [
        each for each in found if isinstance(each, Refused)
    ]


def _whole(text: str, separator: str, options: Options) -> list[Record] | None:
    try:
        return list(records(io.StringIO(text, newline=""), separator, options))
    except csv.Error:
        return None


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
            table.refused.append(Refused(line, ragged(record, width), raw[line]))
        elif not any(value.strip() for value in record):
            table.refused.append(Refused(line, BLANK))
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


def _about_header(header: list[str], columns: list[str]) -> list[Text]:
    if not header:
        names = ", ".join(columns[:4])
        return [Text(f"no header found; columns are called {names}", f"没有表头；列名为 {names}")]
    changed = [column for name, column in zip(header, columns, strict=True) if name.strip().lstrip("\ufeff") != column]
    if not changed:
        return []
    names = ", ".join(changed[:4])
    return [Text(f"columns without a name of their own are called {names}", f"没有独立名称的列命名为 {names}")]
