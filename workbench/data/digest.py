"""A digest of what a table holds: columns, kinds and values. Where it is cut into batches, and which file it came from, make no difference."""

from __future__ import annotations

import hashlib
import json
from typing import Any


class Digest:
    """Fed with Arrow record batches of one schema."""

    def __init__(self, schema: Any) -> None:
        self._names = list(schema.names)
        self._columns = [_Column() for _ in self._names]

    def add(self, batch: Any) -> None:
        """The next rows."""
        for column, array in zip(self._columns, batch.columns, strict=True):
            column.add(array)

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        told = [[name, column.told()] for name, column in zip(self._names, self._columns, strict=True)]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


class _Column:
    """The parts of a column, each a stream of bytes of its own, so that only their order counts: which values are there,
    how long each is, and what it is; the items of lists and the fields of objects are columns again."""

    def __init__(self) -> None:
        self.filled, self.sizes, self.values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self.inner: dict[str, _Column] = {}
        self.kind = ""

    def add(self, array: Any) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        kind = array.type
        self.filled.update(pc.cast(pc.is_valid(array), pa.uint8()).to_numpy(zero_copy_only=False))
        if pa.types.is_list(kind):
            self.kind = "list"
            self.sizes.update(_numbers(_whole(pc.list_value_length(array), -1)))
            self._into("item", array.flatten())
        elif pa.types.is_struct(kind):
            self.kind = "object"
            for number, child in enumerate(array.flatten()):
                self._into(kind.field(number).name, child)
        elif pa.types.is_string(kind):
            self.kind = "text"
            self.sizes.update(_numbers(_whole(pc.binary_length(array), -1)))
            self.values.update(_letters(array))
        elif not pa.types.is_null(kind):
            self.kind = str(kind)
            truth = pa.types.is_boolean(kind)
            filled = _whole(array, False if truth else 0)
            self.values.update(_numbers(filled.cast(pa.uint8()) if truth else filled))

    def _into(self, name: str, array: Any) -> None:
        self.inner.setdefault(name, _Column()).add(array)

    def told(self) -> list[Any]:
        """As JSON."""
        parts = [digest.hexdigest() for digest in (self.filled, self.sizes, self.values)]
        return [self.kind, *parts, {name: column.told() for name, column in self.inner.items()}]


def _whole(array: Any, instead: Any) -> Any:
    return array.fill_null(instead) if array.null_count else array


def _numbers(array: Any) -> Any:
    return array.to_numpy(zero_copy_only=False)


def _letters(array: Any) -> Any:
    """The bytes of all texts, one behind the other, without those that lie under an empty cell."""
    import numpy as np

    whole = array.drop_null() if array.null_count else array
    _, places, data = whole.buffers()
    if data is None or not len(whole):
        return b""
    edges = np.frombuffer(places, dtype=np.int32)
    return memoryview(data)[edges[whole.offset] : edges[whole.offset + len(whole)]]
