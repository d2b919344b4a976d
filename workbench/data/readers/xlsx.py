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
from workbench.data.table import READERS, Reader, Refused, Source, Table, column_names
from workbench.data.values import as_text


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
            sheets = [(sheet.title, _cells(sheet)) for sheet in book.worksheets]
            book.close()
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the Excel workbook is damaged or locked with a password: {reason}. Save it again without one.",
                f"Excel 工作簿损坏或有密码：{reason}。请去掉密码后重新保存。",
            ) from error
        filled = [(name, cells) for name, cells in sheets if cells]
        if not filled:
            raise source.error("no sheet holds a row.", "所有工作表都没有数据行。")
        table = _table(*filled[0])
        table.format = self.kind
        if len(filled) > 1:
            others = ", ".join(name for name, _ in filled[1:])
            table.warnings.append(
                Text(
                    f"the sheet “{filled[0][0]}” was read; others: {shorten(others)}",
                    f"读取的是工作表“{filled[0][0]}”；其余：{shorten(others)}",
                )
            )
        return table


def _cells(sheet: Any) -> list[tuple[int, list[Any]]]:
    """(row number, values) of the rows that hold something."""
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    return [
        (number, [_plain(value) for value in row]) for number, row in rows if any(value is not None for value in row)
    ]


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


def _table(name: str, cells: list[tuple[int, list[Any]]]) -> Table:
    texts = [[as_text(value) for value in row] for _, row in cells[:200]]
    headed = len(cells) > 1 and looks_like_header(texts)
    width = max(len(row) for _, row in cells)
    head = texts[0] if headed else []
    columns = column_names([*head, *[""] * (width - len(head))])
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
