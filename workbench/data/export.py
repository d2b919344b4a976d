"""A dataset as a file other programs read: JSONL, CSV, Parquet, Excel."""

from __future__ import annotations

import itertools
import json
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import atomic
from workbench.data.cells import cell, write_csv
from workbench.data.dataset import Dataset

SHEET = 1_048_575
"""Rows an Excel sheet can hold below its header."""
PIECE = 10_000


def export(dataset: Dataset, path: Path) -> Path:
    """Write every row; the kind of file follows from the extension. UserError for another one. The file appears only when it is whole."""
    write = WRITERS.get(path.suffix.lower().lstrip("."))
    if write is None:
        known = ", ".join(f".{kind}" for kind in WRITERS)
        raise UserError(
            f"{path.name}: unknown extension; use one of: {known}.",
            f"{path.name}：扩展名未知；可用：{known}。",
            field="PATH",
        )
    try:
        with atomic(path, "wb") as stream:
            write(dataset, stream)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}.", f"{path} 无法写入：{error.strerror}。", field="PATH"
        ) from error
    return path


def to_temporary(dataset: Dataset, kind: str) -> Path:
    """A file to download."""
    if kind not in WRITERS:
        raise UserError(f"Unknown kind of file {kind}.", f"未知的文件类型 {kind}。", field="export")
    return export(dataset, Path(tempfile.mkdtemp(prefix="export-")) / f"{dataset.name}-v{dataset.version}.{kind}")


def _pieces(dataset: Dataset) -> Any:
    for offset in range(0, dataset.meta["rows"], PIECE):
        yield from dataset.rows(offset, PIECE)


def _jsonl(dataset: Dataset, stream: Any) -> None:
    for row in _pieces(dataset):
        stream.write(json.dumps(_finite(row), ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _finite(value: Any) -> Any:
    """NaN and infinity are no JSON: they become nothing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return list(map(_finite, value)) if isinstance(value, list) else value


def _csv(dataset: Dataset, stream: Any) -> None:
    """UTF-8 with a mark, which Excel needs to show Chinese."""
    import io

    columns = dataset.meta["columns"]
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    write_csv(text, columns, (list(map(row.get, columns)) for row in _pieces(dataset)))
    text.flush()
    text.detach()


def _parquet(dataset: Dataset, stream: Any) -> None:
    import pyarrow.parquet as pq

    pq.write_table(dataset.table(), stream)


def _xlsx(dataset: Dataset, stream: Any) -> None:
    import openpyxl
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if dataset.meta["rows"] > SHEET:
        raise UserError(
            f"An Excel sheet holds {SHEET:,} rows; export as CSV.",
            f"Excel 工作表最多 {SHEET:,} 行；请导出为 CSV。",
            field="export",
        )
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("data")
    columns = dataset.meta["columns"]
    for values in itertools.chain([columns], (map(row.get, columns) for row in _pieces(dataset))):
        made = (cell(value) for value in values)
        sheet.append([cell(ILLEGAL_CHARACTERS_RE.sub("", each)) if isinstance(each, str) else each for each in made])
    book.save(stream)


WRITERS: dict[str, Callable[[Dataset, Any], None]] = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet, "xlsx": _xlsx}
