"""Is one model better than another on the same rows? Paired tests, the interval of the difference, and what the test could have seen.

Right or wrong per row: McNemar's test, mid-p (Fagerland et al., 2013, doi:10.1186/1471-2288-13-91), with Newcombe's (1998) interval.
A mean over rows: sign-flip. Anything else: approximate randomisation (Noreen, 1989; Riezler & Maxwell, 2005), answers changing sides.
Documents change sides whole. What it does not know: other data, and other training runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from workbench.core.metric import Metric, Sums
from workbench.engine.interval import Interval, binary, plain_mean, wilson
from workbench.engine.power import smallest
from workbench.engine.resample import (
    ANEW,
    DRAWS,
    SEED,
    SWAPS,
    Given,
    drawn,
    exchanged,
    grouped,
    many,
    picked,
    rare,
    swapped,
)

TINY, LEVEL = 1e-12, 0.05
ROUGH, ROUGH_SHARE = 200, 30
"""Fewer rows than these make intervals too narrow: a bootstrap's, and Wilson's."""


@dataclass(frozen=True)
class Compared:
    """A difference (after − before), how likely chance alone makes one as large, its interval, and the smallest the test finds in four
    of five cases (`seen`; a share of the score itself where `relative`)."""

    difference: float
    p: float
    test: str
    interval: Interval | None
    seen: float | None
    rows: int
    rough: bool
    relative: bool = False

    def facts(self) -> dict[str, Any]:
        """As the report has it."""
        return asdict(self)


def compare(metric: Metric, before: Given, after: Given, units: Sequence[Any] | None = None, swaps: int = SWAPS) -> Compared | None:  # fmt: skip
    """Two models' inputs of one metric on the same rows in the same order; None for fewer than two."""
    if len(after["references"]) < 2:
        return None
    old, new = metric.sums(**before), metric.sums(**after)
    if old is None or new is None or old.rows.shape != new.rows.shape:
        return _anew(metric, before, after)
    one, other = grouped(old.rows, units), grouped(new.rows, units)
    if len(one) < 2 or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return None
    if np.array_equal(one, other):
        return Compared(0.0, 1.0, "identical", (0.0, 0.0), None, len(one), False, new.log)
    if binary(one) and binary(other):
        return _shares(one[:, 0], other[:, 0])
    return _sums(new, one, other, (rare(after), swaps))


def _shares(one: Any, other: Any) -> Compared:
    gained, lost, count = int(np.sum(other > one)), int(np.sum(one > other)), len(one)
    both = int(np.sum((one == 1) & (other == 1)))
    gap, seen = (gained - lost) / count, smallest(count, (gained + lost) / count)
    chance = mcnemar(gained, lost)
    return Compared(gap, chance, "McNemar mid-p", newcombe(both, gained, lost, count), seen, count, count < ROUGH_SHARE)


def by_chance(before: Sequence[float], after: Sequence[float]) -> float:
    """How likely chance alone makes a difference as large between the goodness of the same rows, one by one."""
    one, other = np.asarray(before, float)[:, None], np.asarray(after, float)[:, None]
    if np.array_equal(one, other) or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return 1.0
    if np.isin((one, other), (0.0, 1.0)).all():
        return mcnemar(int(np.sum(other > one)), int(np.sum(one > other)))
    shift = abs(float(np.sum(other - one)))
    tosses = np.concatenate([(new - old)[:, 0] for old, new in swapped(one, other, many(SWAPS, len(one)))])
    return float((np.sum(np.abs(tosses) >= shift - TINY) + 1) / (len(tosses) + 1))


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided mid-p of `gained` rows turned right against `lost` rows turned wrong."""
    total, fewer = gained + lost, min(gained, lost)
    if not total:
        return 1.0
    logs = [_log_binomial(total, count) for count in range(fewer + 1)]
    below = math.fsum(math.exp(value) for value in logs)
    return min(1.0, 2 * below - math.exp(logs[-1]))


def _log_binomial(total: int, count: int) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return ways - total * math.log(2)


def newcombe(both: int, gained: int, lost: int, count: int) -> Interval:
    """95 % interval of the difference of two paired shares (Newcombe, 1998, method 10)."""
    new, old, neither = both + gained, both + lost, count - both - gained - lost
    (low_new, high_new), (low_old, high_old) = wilson(new, count), wilson(old, count)
    spread = new * (count - new) * old * (count - old)
    above = float(both * neither - gained * lost)
    if above > 0:
        above = max(above - count / 2, 0)
    alike = above / math.sqrt(spread) if spread else 0.0
    one, other = new / count, old / count
    down, up = (one - low_new, high_old - other), (high_new - one, other - low_old)
    gap, reach = one - other, [math.sqrt(max(0.0, a * a - 2 * alike * a * b + b * b)) for a, b in (down, up)]
    return gap - reach[0], gap + reach[1]


def _sums(sums: Sums, one: Any, other: Any, how: tuple[Sequence[str] | None, int]) -> Compared:
    strata, swaps = how
    gap = float(sums.value(other.sum(0)) - sums.value(one.sum(0)))
    shift = float(_gap(sums, one.sum(0), other.sum(0)))
    tosses = np.concatenate([_gap(sums, *totals) for totals in swapped(one, other, many(swaps, len(one)))])
    chance = (np.sum(np.abs(tosses) >= abs(shift) - TINY) + 1) / (len(tosses) + 1)
    plain, scaled = _redrawn(sums, (one, other), strata, min(DRAWS, swaps))
    found = findable(float(np.std(scaled, ddof=1)), len(one))
    test = "sign-flip" if plain_mean(one) or np.array_equal(one[:, 1:], other[:, 1:]) else "randomisation"
    seen = math.expm1(min(found, 700.0)) if sums.log and found is not None else found
    return Compared(gap, float(chance), test, _middle(plain), seen, len(one), len(one) < ROUGH, sums.log)


def findable(spread: float, units: int) -> float | None:
    """The smallest difference that is found in four of five cases, from the spread of its bootstrap over `units` rows or documents;
    None where exchanging sides cannot reach 5 % however large it is (2 ÷ 2ⁿ). Few units: by Student's t, and without the bootstrap's
    own shrinking by √(1 − 1/n)."""
    from scipy.special import stdtrit

    if 2.0 ** (1 - units) >= LEVEL:
        return None
    return float(sum(stdtrit(units - 1, share) for share in (0.975, 0.8)) * math.sqrt(units / (units - 1)) * spread)


def _gap(sums: Sums, one: Any, other: Any) -> Any:
    """The difference as it is judged."""
    old, new = sums.value(one), sums.value(other)
    return np.log(new) - np.log(old) if sums.log else new - old


def _redrawn(sums: Sums, sides: tuple[Any, Any], strata: Sequence[str] | None, draws: int) -> tuple[Any, Any]:
    """Differences over resamples, both models' rows drawn together: plain, and as they are judged."""
    one, other = sides
    kept = strata if strata is not None and len(strata) == len(one) else None
    pairs = [(weights @ one, weights @ other) for weights in drawn(len(one), many(draws, len(one)), kept)]
    plain = np.concatenate([sums.value(new) - sums.value(old) for old, new in pairs])
    return plain, np.concatenate([_gap(sums, old, new) for old, new in pairs]) if sums.log else plain


def _middle(values: Any) -> Interval:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _anew(metric: Metric, before: Given, after: Given) -> Compared:
    """For metrics that are no sums: every swap and every resample is scored anew."""
    count, dice = len(after["references"]), np.random.default_rng(SEED)
    gap = metric.plain(**after) - metric.plain(**before)
    if before["predictions"] == after["predictions"]:
        return Compared(0.0, 1.0, "identical", (0.0, 0.0), None, count, False)
    hits, gaps, draws = 0, [], many(ANEW, count)
    for _ in range(draws):
        one, other = exchanged(before, after, dice.integers(0, 2, count))
        hits += abs(metric.plain(**other) - metric.plain(**one)) >= abs(gap) - TINY
        places = dice.integers(0, count, count)
        gaps.append(metric.plain(**picked(after, places)) - metric.plain(**picked(before, places)))
    seen = findable(float(np.std(gaps, ddof=1)), count)
    return Compared(gap, (hits + 1) / (draws + 1), "randomisation", _middle(gaps), seen, count, count < ROUGH)


def holm(chances: Sequence[float]) -> list[float]:
    """Probabilities adjusted for their number (Holm, 1979), in the order given."""
    order, kept = sorted(range(len(chances)), key=lambda place: chances[place]), 0.0
    made = [0.0] * len(chances)
    for rank, place in enumerate(order):
        kept = max(kept, min(1.0, (len(chances) - rank) * chances[place]))
        made[place] = kept
    return made
