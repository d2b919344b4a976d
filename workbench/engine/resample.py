"""Drawing rows again, and swapping the answers of two models: what intervals and paired tests are made of. Seeded: the same card twice
gives the same figures. A metric that is a function of sums (core.metric.Sums) is never scored anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workbench.core.metric import Metric, Sums

DRAWS, SWAPS, ANEW = 2000, 10_000, 300
"""Resamples of an interval; swaps of a test; either, where each is scored anew."""
EFFORT = 50_000_000
"""Rows drawn in all at most; of more rows, fewer resamples."""
SEED, FEW, LEAST = 12345, 10, 200
PIECE = 5_000_000
"""Numbers held in memory at once: draws × rows."""
Given = dict[str, Any]


def many(wanted: int, rows: int) -> int:
    """How many resamples of so many rows."""
    return max(LEAST, min(wanted, EFFORT // max(1, rows)))


def grouped(rows: Any, units: Sequence[Any] | None) -> Any:
    """Rows of one unit added up: an array of shape (units, k)."""
    if units is None or len(set(units)) == len(rows):
        return rows
    place = {name: index for index, name in enumerate(dict.fromkeys(units))}
    made = np.zeros((len(place), rows.shape[1]))
    np.add.at(made, [place[name] for name in units], rows)
    return made


def rare(given: Given) -> Sequence[str] | None:
    """The label of every row where some label has so few rows that a resample might miss it: then each is drawn within its own."""
    wanted = given.get("references")
    if "labels" not in given or not wanted:
        return None
    counts = {label: wanted.count(label) for label in set(wanted)}
    return list(wanted) if min(counts.values()) < FEW else None


def drawn(count: int, draws: int, strata: Sequence[str] | None = None) -> Iterator[Any]:
    """How often every row is drawn: arrays of shape (some draws, count)."""
    dice = np.random.default_rng(SEED)
    groups = [np.arange(count)] if strata is None else [np.flatnonzero(np.array(strata) == each) for each in sorted(set(strata))]  # fmt: skip
    for some in _pieces(count, draws):
        weights = np.zeros((some, count))
        for group in groups:
            places = dice.integers(0, len(group), (some, len(group))) + len(group) * np.arange(some)[:, None]
            weights[:, group] = np.bincount(places.ravel(), minlength=some * len(group)).reshape(some, len(group))
        yield weights


def resampled(sums: Sums, rows: Any, strata: Sequence[str] | None = None, draws: int = DRAWS) -> Any:
    """The metric of every resample of the rows (or units)."""
    pieces = drawn(len(rows), many(draws, len(rows)), strata if strata is not None and len(strata) == len(rows) else None)  # fmt: skip
    return np.concatenate([sums.value(weights @ rows) for weights in pieces])


def _pieces(count: int, draws: int) -> Iterator[int]:
    """How many resamples of so many rows are made at once."""
    size = max(1, min(500, PIECE // max(1, count)))
    yield from (min(size, draws - start) for start in range(0, draws, size))


def swapped(one: Any, other: Any, draws: int) -> Iterator[tuple[Any, Any]]:
    """Totals of both models when every row's answers change sides by the toss of a coin."""
    dice, gap = np.random.default_rng(SEED), other - one
    first, both = one.sum(0), one.sum(0) + other.sum(0)
    for some in _pieces(len(one), draws):
        bits = np.unpackbits(np.frombuffer(dice.bytes(some * len(one) // 8 + 1), np.uint8))[: some * len(one)]
        totals = first + bits.reshape(some, len(one)).astype(float) @ gap
        yield totals, both - totals


def picked(given: Given, places: Any) -> Given:
    """The inputs of a metric for some rows, in that order."""
    sides = ("predictions", "references")
    return {name: [value[place] for place in places] if name in sides else value for name, value in given.items()}


def anew(metric: Metric, given: Given) -> Any:
    """The metric of resamples, each scored anew."""
    count, dice = len(given["references"]), np.random.default_rng(SEED)
    return np.array([metric.plain(**picked(given, dice.integers(0, count, count))) for _ in range(many(ANEW, count))])


def exchanged(before: Given, after: Given, coins: Any) -> tuple[Given, Given]:
    """Both models' inputs with answers that changed sides where the coin shows heads."""
    pairs = list(zip(before["predictions"], after["predictions"], coins, strict=True))
    one = [new if coin else old for old, new, coin in pairs]
    other = [old if coin else new for old, new, coin in pairs]
    return {**before, "predictions": one}, {**after, "predictions": other}
