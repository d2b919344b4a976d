"""Excel workbooks (.xlsx, .xlsm), through openpyxl: values as they were last computed, of the first sheet that holds rows."""

from __future__ import annotations

import datetime
import io
import zipfile
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.header import looks_like_header
from workbench.data.packed import check_size
from workbench.data.table import COLUMN_LIMIT, READERS, Reader, Refused, Source, Table, column_names
from workbench.data.values import as_text

ROW_LIMIT = 1 << 20
"""Rows an Excel sheet can hold."""


@READERS.add
class Xlsx(Reader):
    """The first sheet with rows."""

    kind = "xlsx"
    label = Text("Excel", "Excel")
    order = 12
    extensions = (".xlsx", ".xlsm")
    binary = True

    def claims(self, source: Source) -> bool:
        """A zip archive with a workbook in it."""
        return source.data.startswith(b"PK\x03\x04") and b"xl/workbook.xml" in source.data

    def read(self, source: Source) -> Table:
        """Every row that is not empty; UserError when the workbook is damaged."""
        import openpyxl

        try:
            check_size(source, zipfile.ZipFile(io.BytesIO(source.data)))
            book = openpyxl.load_workbook(io.BytesIO(source.data), read_only=True, data_only=True)
            filled, others = _sheets(source, book)
            book.close()
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the Excel workbook is damaged or locked with a password: {reason}. Save it again without one.",
                f"Excel 工作簿损坏或有密码：{reason}。请去掉密码后重新保存。",
            ) from error
        if filled is None:
            raise source.error("no sheet holds a row.", "所有工作表都没有数据行。")
        table = _table(*filled)
        table.format = self.kind
        if others:
            table.warnings.append(
                Text(
                    f"the sheet “{filled[0]}” was read; others: {shorten(', '.join(others))}",
                    f"读取的是工作表“{filled[0]}”；其余：{shorten(', '.join(others))}",
                )
            )
        return table


Cells = list[tuple[int, list[Any]]]


def _sheets(source: Source, book: Any) -> tuple[tuple[str, Cells] | None, list[str]]:
    """(name and cells of the first sheet that holds something, names of the others that do)."""
    first, others = None, []
    for sheet in book.worksheets:
        if first is None:
            cells = _cells(source, sheet)
            first = (sheet.title, cells) if cells else None
        else:
            sheet.reset_dimensions()
            if any(value is not None for row in sheet.iter_rows(values_only=True) for value in row):
                others.append(sheet.title)
    return first, others


def _cells(source: Source, sheet: Any) -> Cells:
    """(row number, values up to the last) of the rows that hold something. The size a sheet says it has is not believed: one cell far
    out would fill the table up to it."""
    sheet.reset_dimensions()
    found = []
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > ROW_LIMIT:
            raise ValueError(f"row {number:,}")
        width = next((place for place in range(len(row), 0, -1) if row[place - 1] is not None), 0)
        if width > COLUMN_LIMIT:
            raise source.error(
                f"row {number} of “{shorten(sheet.title, 30)}” has a value in column {width:,}; at most {COLUMN_LIMIT} columns are "
                "possible. Delete what stands far out.",
                f"“{shorten(sheet.title, 30)}”第 {number} 行的第 {width:,} 列有内容；最多 {COLUMN_LIMIT} 列。请删除远处的内容。",
            )
        if width:
            found.append((number, [_plain(value) for value in row[:width]]))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return (
        value.isoformat(sep=" ")
        if isinstance(value, datetime.datetime)
        else value
        if isinstance(value, (str, int, float, bool, type(None)))
        else str(value)
    )


def _table(name: str, cells: Cells) -> Table:
    width = max(len(row) for _, row in cells)
    texts = [[as_text(value) for value in (*row, *[None] * (width - len(row)))] for _, row in cells[:200]]
    headed = len(cells) > 1 and looks_like_header(texts)
    columns = column_names(texts[0] if headed else [""] * width)
    table = Table(columns, [], [], "xlsx", "utf-8")
    for number, row in cells[headed:]:
        if not any(as_text(value).strip() for value in row):
            table.refused.append(Refused(number, Text("all values are empty", "所有取值都为空")))
            continue
        table.rows.append(dict(zip(columns, [*row, *[None] * (width - len(row))], strict=True)))
        table.lines.append(number)
    if not headed:
        told = ", ".join(columns[:4])
        table.warnings.append(Text(f"no header found; columns are called {told}", f"没有表头；列名为 {told}"))
    return table
