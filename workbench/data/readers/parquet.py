"""Parquet, through pyarrow. Dates, decimals and the like become text; bytes that are no text are left out and told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.text import Text
from workbench.data.bulk import Piece, fitted
from workbench.data.packed import LIMIT
from workbench.data.table import FIELD_LIMIT, READERS, NoText, Piecewise, Source, Table, column_names, plain, too_long

ROW_LIMIT, CELL_LIMIT = 10_000_000, 100_000_000
"""Rows and values that are read at once."""
FIRST, BATCH = 2000, 5000
"""Rows that are shown of a large file; rows of a piece."""


@READERS.add
class Parquet(Piecewise):
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

        with _whole(source.path):
            facts = pq.read_metadata(pa.BufferReader(source.data))
            _check_size(source, facts)
            return self._table(pq.read_table(pa.BufferReader(source.data)))

    def head(self, source: Source) -> Table:
        """The first rows, read from the file itself."""
        with _whole(source.path), _opened(source.path) as file:
            batch = next(file.iter_batches(FIRST), None)
            return self._table(file.schema_arrow.empty_table() if batch is None else _as_table(file, batch))

    def _table(self, found: Any) -> Table:
        columns, names = column_names(found.column_names), class_names(found.schema.metadata)
        values = [_values(found.column(place), names.get(name)) for place, name in enumerate(found.column_names)]
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]
        table = Table(columns, rows, [], self.kind, "utf-8", lines=list(range(1, len(rows) + 1)))
        table.warnings = _binary(columns, values)
        return table

    def unpacked(self, path: Path) -> int:
        """As the row groups say."""
        with _whole(path), _opened(path) as file:
            return sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))

    def schema(self, lines: Any, seen: Any) -> Any:
        """As the file has it: what is null, or a whole number, in the first rows need not be so in the last."""
        import pyarrow as pa

        with _whole(lines.path), _opened(lines.path) as file:
            names, nulls = class_names(file.schema_arrow.metadata), _empty(file.metadata)
            kinds = [_kind(item.type, item.name, nulls, item.name in names) for item in file.schema_arrow]
        return pa.schema([pa.field(name, kind) for name, kind in zip(column_names(seen.names), kinds, strict=True)])

    def pieces(self, lines: Any, schema: Any) -> Iterator[Piece]:
        """Some thousand rows at a time."""
        import pyarrow as pa

        done, size = 0, lines.path.stat().st_size
        with _whole(lines.path), _opened(lines.path) as file:
            names = class_names(file.schema_arrow.metadata)
            groups = range(file.num_row_groups)  # one at a time: read through all of them, Arrow keeps what it has read
            for batch in (each for group in groups for each in file.iter_batches(BATCH, [group]) if each.num_rows):
                columns = [
                    _column(batch.column(place), names.get(name), place, schema)
                    for place, name in enumerate(file.schema_arrow.names)
                ]
                _check_cells(lines.path, columns, schema, done)
                yield Piece(arrow=pa.Table.from_arrays(columns, schema=schema), line=done + 1)
                done += batch.num_rows
                lines.done = size * done // file.metadata.num_rows


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """UserError for a file that is damaged or cut."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        name, reason = shorten(path.name), shorten(error, 120)
        raise UserError(
            f"{name}: the Parquet file is damaged or cut: {reason}. Download or write it again.",
            f"{name}：Parquet 文件损坏或不完整：{reason}。请重新下载或生成。",
            field="file",
        ) from error


def _opened(path: Path) -> Any:
    """Read through a small buffer: mapped into memory, what was read would count as memory of ours."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, buffer_size=1 << 20, memory_map=False)


def _as_table(file: Any, batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([batch]).replace_schema_metadata(file.schema_arrow.metadata)


def _values(column: Any, names: list[str] | None) -> list[Any]:
    return [_called(plain(value), names) for value in column.to_pylist()]


def _column(array: Any, names: list[str] | None, place: int, schema: Any) -> Any:
    """A column as the schema has it: by Arrow where that is the same as value by value, else value by value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind, wanted = array.type, schema.field(place).type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    words = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    same = names is None and (
        (words and pa.types.is_string(wanted))
        or (pa.types.is_integer(kind) and wanted == pa.int64() and kind != pa.uint64())
        or (pa.types.is_boolean(kind) and wanted == kind)
    )
    if names is None and pa.types.is_floating(kind) and kind != pa.float16() and wanted == pa.float64():
        return pc.if_else(pc.is_finite(array), array.cast(wanted), None)
    return array.cast(wanted) if same else fitted(_values(array, names), place, schema)


def _kind(kind: Any, path: str, nulls: set[str], named: bool) -> Any:
    """The type that values of this one have when they are plain; null where no row has any."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return pa.list_(_kind(kind.value_type, f"{path}.list.{kind.value_field.name}", nulls, named))
    if types.is_map(kind):
        pair = [_kind(part, f"{path}.key_value", nulls, False) for part in (kind.key_type, kind.item_type)]
        return pa.list_(pa.list_(pair[0])) if pair[0] == pair[1] else pa.string()
    if types.is_struct(kind) and kind.num_fields:
        inner = [kind.field(number) for number in range(kind.num_fields)]
        return pa.struct([(item.name, _kind(item.type, f"{path}.{item.name}", nulls, False)) for item in inner])
    if path in nulls or types.is_null(kind):
        return pa.null()
    if named:
        return pa.string()
    if types.is_integer(kind):
        return pa.int64()
    if types.is_floating(kind):
        return pa.float64()
    return kind if types.is_boolean(kind) else pa.string()


def _empty(facts: Any) -> set[str]:
    """The paths of columns of which the file says that they hold nothing."""
    groups = [facts.row_group(number) for number in range(facts.num_row_groups)]
    empty = set()
    for place in range(facts.num_columns):
        chunks = [group.column(place) for group in groups]
        told = [chunk.statistics for chunk in chunks]
        if all(each is not None and each.has_null_count and each.num_values == 0 for each in told):
            empty.add(chunks[0].path_in_schema if chunks else "")
    return empty


def _check_cells(path: Path, columns: list[Any], schema: Any, done: int) -> None:
    """UserError for a text that is far too long."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, column in zip(schema.names, columns, strict=True):
        if not pa.types.is_string(column.type) or (pc.max(pc.binary_length(column)).as_py() or 0) <= FIELD_LIMIT:
            continue
        sizes = pc.fill_null(pc.utf8_length(column), 0)
        if (size := pc.max(sizes).as_py()) > FIELD_LIMIT:
            raise too_long(path, done + 1 + pc.index(sizes, size).as_py(), name, size)


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
