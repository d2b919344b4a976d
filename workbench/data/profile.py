"""What a table is like, cheaply: label balance, lengths, empties, duplicates, held-out rows that are also trained on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from workbench.data import store
from workbench.data.chat import turns
from workbench.data.dataset import Dataset
from workbench.data.names import HELD_OUT, normal
from workbench.data.values import as_text

BINS = 20
SEED = 0
PART = 20_000
"""Rows of a large dataset that are looked at."""
MARKS = ("label", "labels", "score", "tags", "answers", "split")
"""Roles that answer or sort a row; the words of all others are its text."""


@dataclass(frozen=True)
class Profile:
    """Plain numbers for the page; `asdict` makes them JSON."""

    rows: int
    columns: list[str]
    labels: dict[str, int] = field(default_factory=dict)
    """Label → rows, most frequent first."""
    edges: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    """Histogram of characters per row: counts[i] rows lie in [edges[i], edges[i + 1]); the last bin holds all longer."""
    shortest: int = 0
    median: int = 0
    longest: int = 0
    empty: dict[str, int] = field(default_factory=dict)
    """Column → rows without a value (only columns that have some)."""
    duplicates: int = 0
    """Rows whose text occurred before, beyond the first."""
    heldout: int = 0
    overlap: int = 0
    """Held-out rows whose text is also trained on."""

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def profile(rows: Sequence[dict[str, Any]], roles: dict[str, str]) -> Profile:
    """The profile of rows by column names; `roles` says which columns are the text, the label and the split."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    column_of = {role: column for column, role in roles.items()}
    reads = [column for column in columns if roles.get(column, "split") not in MARKS] or columns
    texts = [_text(row, reads) for row in rows]
    lengths = sorted(map(len, texts))
    edges, counts = histogram(lengths)
    held = [normal(as_text(row.get(column_of["split"]))) in HELD_OUT for row in rows] if "split" in column_of else []
    trained = {text for text, own in zip(texts, held, strict=True) if not own} if held else set()
    return Profile(
        rows=len(rows),
        columns=columns,
        labels=_labels(rows, column_of.get("label")),
        edges=edges,
        counts=counts,
        shortest=lengths[0] if lengths else 0,
        median=lengths[len(lengths) // 2] if lengths else 0,
        longest=lengths[-1] if lengths else 0,
        empty=_empty(rows, columns),
        duplicates=len(texts) - len(set(texts)),
        heldout=sum(held),
        overlap=sum(own and text in trained for text, own in zip(texts, held, strict=True)) if held else 0,
    )


def sample(dataset: Dataset) -> tuple[list[int], list[dict[str, Any]]]:
    """(places, rows) of what is looked at: all of a small dataset; of a large one rows drawn by chance, the same every time, because the
    first ones may be of one kind."""
    count = int(dataset.meta["rows"])
    if count <= PART:
        return list(range(count)), dataset.rows()
    places = sorted(random.Random(SEED).sample(range(count), PART))
    return places, store.take(dataset.table(), places)


def overview(dataset: Dataset, rows: Sequence[dict[str, Any]]) -> Profile:
    """The profile of the sampled rows, with the labels of every row: a file sorted by label has them in no sample rightly."""
    roles = dict(dataset.meta.get("roles") or {})
    made = profile(rows, roles)
    column = next((name for name, role in roles.items() if role == "label"), None)
    return replace(made, labels=_every_label(dataset, column)) if column and len(rows) < dataset.meta["rows"] else made


def _every_label(dataset: Dataset, column: str) -> dict[str, int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = dataset.table().column(column)
    counts: Counter[str] = Counter()
    if pa.types.is_nested(values.type):
        counts.update(as_text(value).strip() for chunk in values.chunks for value in chunk.to_pylist())
        return dict(counts.most_common())
    for found in pc.value_counts(values).to_pylist():
        counts[as_text(found["values"]).strip()] += found["counts"]
    return dict(counts.most_common())


def _text(row: dict[str, Any], columns: list[str]) -> str:
    return "\n".join(_words(row.get(column)) for column in columns).strip()


def _words(value: Any) -> str:
    if not isinstance(value, list):
        return as_text(value).strip()
    said = [turn.get("content") or turn.get("value") for turn in turns(value) if isinstance(turn, dict)]
    return "\n".join(map(as_text, said)) if said else as_text(value)


def _labels(rows: Sequence[dict[str, Any]], column: str | None) -> dict[str, int]:
    if column is None:
        return {}
    return dict(Counter(as_text(row.get(column)).strip() for row in rows).most_common())


def _empty(rows: Sequence[dict[str, Any]], columns: list[str]) -> dict[str, int]:
    counted = {column: sum(not as_text(row.get(column)).strip() for row in rows) for column in columns}
    return {column: count for column, count in counted.items() if count}


def histogram(lengths: Sequence[int]) -> tuple[list[int], list[int]]:
    """Edges and counts over sorted lengths: equal steps up to the 99th percentile, the last bin takes the rest."""
    if not lengths:
        return [], []
    top = lengths[min(len(lengths) - 1, len(lengths) * 99 // 100)]
    step = max(1, -(-(top + 1) // BINS))
    edges = [number * step for number in range(top // step + 2)]
    counts = [0] * (len(edges) - 1)
    for length in lengths:
        counts[min(length // step, len(counts) - 1)] += 1
    return edges, counts
