"""Parquet, through pyarrow. Dates, decimals and the like become text; bytes that are no text are left out and told."""

from __future__ import annotations

import json
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.packed import LIMIT
from workbench.data.table import READERS, NoText, Reader, Source, Table, column_names, plain

ROW_LIMIT, CELL_LIMIT = 10_000_000, 100_000_000
"""Rows and values that are read at once."""


@READERS.add
class Parquet(Reader):
    """Columns on disk, as Hugging Face datasets ship them."""

    kind = "parquet"
    label = Text("Parquet", "Parquet")
    order = 10
    extensions = (".parquet", ".pq")
    binary = True

    def claims(self, source: Source) -> bool:
        """The four bytes every Parquet file begins with."""
        return source.data.startswith(b"PAR1")

    def read(self, source: Source) -> Table:
        """Every row; UserError when the file was cut or is damaged."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            _check_size(source, pq.read_metadata(pa.BufferReader(source.data)))
            read = pq.read_table(pa.BufferReader(source.data))
            columns = column_names(read.column_names)
            names = class_names(read.schema.metadata)
            values = [
                [_called(plain(value), names.get(column)) for value in read.column(place).to_pylist()]
                for place, column in enumerate(read.column_names)
            ]
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = shorten(error, 120)
            raise source.error(
                f"the Parquet file is damaged or cut: {reason}. Download or write it again.",
                f"Parquet 文件损坏或不完整：{reason}。请重新下载或生成。",
            ) from error
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
        table = Table(columns, rows, [], self.kind, "utf-8", lines=list(range(1, len(rows) + 1)))
        table.warnings = _binary(columns, values)
        return table


def _check_size(source: Source, facts: Any) -> None:
    """UserError for a file that would not fit: equal rows take no room in a Parquet file, and much in memory."""
    size = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
    if facts.num_rows > ROW_LIMIT or facts.num_rows * facts.num_columns > CELL_LIMIT or size > LIMIT:
        raise source.error(
            f"{facts.num_rows:,} rows of {facts.num_columns} columns, {size / 2**20:,.0f} MB unpacked; at most {ROW_LIMIT:,} rows, "
            f"{CELL_LIMIT:,} values and 1 GB are possible. Write it as JSONL, which is read in pieces, or take fewer rows.",
            f"{facts.num_rows:,} 行 {facts.num_columns} 列，解压后 {size / 2**20:,.0f} MB；最多 {ROW_LIMIT:,} 行、{CELL_LIMIT:,} 个值、1 GB。"
            "请写成 JSONL（可分段读取），或减少行数。",
        )


def _binary(columns: list[str], values: list[list[Any]]) -> list[Text]:
    named = [column for column, cells in zip(columns, values, strict=True) if any(isinstance(x, NoText) for x in cells)]
    return [
        Text(
            f"column “{shorten(column)}” holds bytes that are no text; they were left out",
            f"“{shorten(column)}”列含有不是文字的二进制数据，已略去",
        )
        for column in named
    ]


def class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Column → the names its numbers stand for, as `datasets` writes them beside the schema (ClassLabel, or a list of it)."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        inner = {column: kind.get("feature", kind) for column, kind in features.items() if isinstance(kind, dict)}
        return {
            column: [str(name) for name in kind["names"]]
            for column, kind in inner.items()
            if isinstance(kind, dict) and kind.get("_type") == "ClassLabel" and isinstance(kind.get("names"), list)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _called(value: Any, names: list[str] | None) -> Any:
    """The name for a number; None for −1, which stands for “not told” in test sets."""
    if names is None or isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [_called(each, names) for each in value]
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
