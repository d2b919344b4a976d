"""Looking at a table of any size: a page of it, filtered, searched, sorted; the counts of a column. Only what is asked for is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from workbench.core.errors import UserError, shorten
from workbench.data import store
from workbench.data.values import as_text

PAGE = 50
TABLES, ANSWERS = 4, 8
"""Tables that something is known of at one time (an edit makes another table), and the last answers that are kept of each."""
BARS = 20
"""Values of a column, or steps of its lengths, that are shown as bars; the rest is “other”."""
SHORT = 60
"""A column of text with up to this many characters per value, and few of them, is counted by value, another by length."""


@dataclass(frozen=True)
class Query:
    """Which rows, in which order. `low` and `high` bound a number, or the length of a text; `value` is one value of `column`."""

    search: str = ""
    column: str = ""
    value: str | None = None
    low: float | None = None
    high: float | None = None
    sort: str = ""
    down: bool = False

    @property
    def all(self) -> bool:
        """Whether it asks for every row as it stands."""
        return not (self.search or self.column or self.sort)


@dataclass(frozen=True)
class Bar:
    """One bar of a column's small chart: so many rows have this value, or one in [low, high)."""

    rows: int
    value: str | None = None
    low: float | None = None
    high: float | None = None


def page(table: Any, query: Query, offset: int, limit: int = PAGE) -> dict[str, Any]:
    """{"total": rows that match, "offset", "places": where each stands in the table, "rows"}."""
    if query.all:
        rows = table.slice(max(0, offset), limit).to_pylist()
        places, total = list(range(offset, offset + len(rows))), table.num_rows
    else:
        found = find(table, query)
        places, total = [int(place) for place in found[max(0, offset) : offset + limit]], len(found)
        rows = store.take(table, places)
    return {"total": total, "offset": offset, "places": places, "rows": rows}


def find(table: Any, query: Query) -> Any:
    """The places of the rows that match, in order: an array of integers. The last few answers are kept."""
    for name in filter(None, (query.column, query.sort)):
        if name not in table.column_names:
            raise UserError(f"There is no column “{shorten(name)}”.", f"没有“{shorten(name)}”列。", field="column")
    found = _known(_Same(table)).found
    places = found.get(query)
    if places is None:
        places = found[query] = _find(table, query)
    for old in list(found)[:-ANSWERS]:
        found.pop(old, None)
    return places


class _Same:
    """A table as a key: opened once, it stays the same object."""

    def __init__(self, table: Any) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.table is self.table


@dataclass(frozen=True)
class _Known:
    """What was found out about one table; it goes with it."""

    found: dict[Query, Any] = field(default_factory=dict)
    bars: dict[str, list[Bar]] = field(default_factory=dict)


@lru_cache(maxsize=TABLES)
def _known(same: _Same) -> _Known:
    return _Known()


def _find(table: Any, query: Query) -> Any:
    import pyarrow.compute as pc

    mask = _mask(table, query)
    places = np.arange(table.num_rows) if mask is None else np.flatnonzero(mask)
    if not query.sort:
        return places
    keys = table.column(query.sort)
    keys = keys if _plain(keys.type) else _texts(keys)
    ranks = pc.sort_indices(keys, sort_keys=[("", "descending" if query.down else "ascending")]).to_numpy()
    return ranks if mask is None else ranks[mask[ranks]]


def _mask(table: Any, query: Query) -> Any:
    import pyarrow.compute as pc

    masks = []
    if query.column:
        masks.append(_of_column(table.column(query.column), query))
    if query.search:
        texts = [table.column(name) for name in table.column_names]
        hits = [_contains(_texts(column), query.search, masks) for column in texts]
        masks.append(np.logical_or.reduce(hits))
    return np.logical_and.reduce([np.asarray(pc.fill_null(m, False)) if not isinstance(m, np.ndarray) else m for m in masks]) if masks else None  # fmt: skip


def _contains(column: Any, words: str, before: list[Any]) -> Any:
    """Which texts hold the words, whatever the case; only rows that are left by the filter are looked at."""
    import pyarrow as pa
    import pyarrow.compute as pc

    fold = words.casefold() != words.upper()  # letters with two cases; Chinese has none, and the plain search is faster
    if before:
        mask = np.logical_and.reduce(before)
        hits = np.zeros(len(mask), bool)
        part = pc.match_substring(column.filter(pa.array(mask)), words, ignore_case=fold)
        hits[mask] = np.asarray(pc.fill_null(part, False))
        return hits
    return np.asarray(pc.fill_null(pc.match_substring(column, words, ignore_case=fold), False))


def _of_column(column: Any, query: Query) -> Any:
    import pyarrow.compute as pc

    if query.value is not None:
        texts = _texts(column)
        hit = pc.is_null(texts) if query.value == "" else pc.equal(texts, query.value)
        return np.asarray(pc.fill_null(pc.or_(hit, pc.equal(texts, query.value)), query.value == ""))
    sizes = _sizes(column)
    low, high = (-np.inf if query.low is None else query.low), (np.inf if query.high is None else query.high)
    return (sizes >= low) & (sizes < high)


def _plain(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or _numeric(kind) or pa.types.is_boolean(kind))


def _numeric(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _texts(column: Any) -> Any:
    """A column as text; lists and objects as JSON."""
    import pyarrow as pa

    if pa.types.is_string(column.type):
        return column
    if _plain(column.type):
        return column.cast(pa.string())
    return pa.chunked_array([pa.array([as_text(value) for value in chunk.to_pylist()], pa.string()) for chunk in column.chunks], pa.string())  # fmt: skip


def _sizes(column: Any) -> Any:
    """Numbers as they are; of a text its characters, of a list its items. NaN where there is nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if _numeric(column.type):
        sizes = column
    elif pa.types.is_list(column.type):
        sizes = pc.list_value_length(column)
    else:
        sizes = pc.utf8_length(_texts(column))
    return np.asarray(sizes.cast(pa.float64()).fill_null(float("nan")))


def counts(table: Any, column: str) -> list[Bar]:
    """The small chart of a column: its values, most frequent first, where they are few and short; else numbers or lengths in steps."""
    bars = _known(_Same(table)).bars
    if column not in bars:
        bars[column] = _counted(table.column(column))
    return bars[column]


def _counted(found: Any) -> list[Bar]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(found.type) or pa.types.is_boolean(found.type):
        probe = _texts(found.slice(0, 2000))
        if (
            len(probe)
            and (pc.max(pc.utf8_length(probe)).as_py() or 0) <= SHORT
            and len(pc.unique(probe)) <= max(2 * BARS, len(probe) // 10)
        ):
            return _values(_texts(found))
    return _steps(_sizes(found), bool(_numeric(found.type)))


def _values(texts: Any) -> list[Bar]:
    rows: Counter[str] = Counter()
    for pair in texts.value_counts().to_pylist():  # nothing and an empty text are one: the filter gives both
        rows[as_text(pair["values"])] += pair["counts"]
    told = rows.most_common()
    bars = [Bar(count, value) for value, count in told[:BARS]]
    rest = sum(count for _, count in told[BARS:])
    return [*bars, Bar(rest)] if rest else bars


def _steps(sizes: Any, measured: bool) -> list[Bar]:
    sizes = sizes[~np.isnan(sizes)]
    if not len(sizes):
        return []
    low, high = float(sizes.min()), float(np.quantile(sizes, 0.99))
    edges = np.linspace(low, max(high, low + 1), BARS + 1)
    edges = np.unique(np.ceil(edges)) if not measured or np.all(sizes == np.round(sizes)) else edges
    edges[-1] = np.inf
    heights, _ = np.histogram(np.minimum(sizes, 1e300), np.where(np.isinf(edges), 1e301, edges))
    return [
        Bar(int(rows), None, float(a), None if np.isinf(b) else float(b))
        for rows, a, b in zip(heights, edges[:-1], edges[1:], strict=True)
    ]
