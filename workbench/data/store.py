"""A table on disk: one Parquet file. Columns whose values are of mixed kinds are kept as text, never dropped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.data.values import as_text

ROW_GROUP = 5000


def write(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [_array([row.get(column) for row in rows]) for column in columns]
    pq.write_table(pa.table(arrays, names=list(columns)), path, row_group_size=ROW_GROUP, compression="zstd")


def _array(values: list[Any]) -> Any:
    import pyarrow as pa

    if len({type(value) for value in values if value is not None}) > 1:
        return pa.array([None if value is None else as_text(value) for value in values], pa.string())
    try:
        array = pa.array(values)
        keeps = not pa.types.is_nested(array.type) or (_writable(array.type) and array.to_pylist() == values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        keeps = False
    return array if keeps else pa.array([None if value is None else as_text(value) for value in values], pa.string())


def _writable(kind: Any) -> bool:
    """Parquet has no objects without keys."""
    import pyarrow as pa

    if pa.types.is_list(kind):
        return _writable(kind.value_type)
    if pa.types.is_struct(kind):
        return kind.num_fields > 0 and all(_writable(kind.field(number).type) for number in range(kind.num_fields))
    return True


def read(path: Path, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Rows from `offset` on; only the row groups that hold them are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    try:
        with pq.ParquetFile(path) as file:
            end = file.metadata.num_rows if limit is None else offset + limit
            seen = 0
            for number in range(file.num_row_groups):
                count = file.metadata.row_group(number).num_rows
                if seen + count > offset and seen < end:
                    group = file.read_row_group(number)
                    start = max(0, offset - seen)
                    rows += group.slice(start, min(count, end - seen) - start).to_pylist()
                seen += count
    except (pa.ArrowException, OSError) as error:
        reason = shorten(error, 120)
        raise UserError(
            f"The saved dataset {path.parent.parent.name} cannot be read ({reason}); import it again.",
            f"已保存的数据集 {path.parent.parent.name} 无法读取（{reason}）；请重新导入。",
            field="data.dataset",
        ) from error
    return rows


def content_sha256(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """A digest of columns and values, the same wherever and whenever it is saved."""
    digest = hashlib.sha256(json.dumps(list(columns), ensure_ascii=False).encode())
    for row in rows:
        values = [row.get(column) for column in columns]
        digest.update(json.dumps(values, ensure_ascii=False, default=str).encode() + b"\n")
    return digest.hexdigest()
