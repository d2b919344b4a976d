"""What a paired test can see at all: the smallest true difference it finds four times out of five.

The power of McNemar's mid-p test is computed, not approximated: over every number of rows on which two models disagree, and every way
these can fall.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

POWER, LEVEL = 0.8, 0.05
LARGE, REACH = 2.8016, 7.0
"""Standard errors that are found four times out of five (1.960 + 0.842); standard deviations that are looked at."""
MANY = 20_000
"""Rows beyond which the normal curve is as good."""


def smallest(rows: int, disagreeing: float) -> float | None:
    """The smallest difference of two shares of right rows that is found with power POWER, of `rows` of which the share `disagreeing` are
    answered right by one model only; None where none is."""
    return _smallest(rows, round(min(max(disagreeing, 0.0), 1.0), 4))


@lru_cache(maxsize=512)
def _smallest(rows: int, disagreeing: float) -> float | None:
    if rows > MANY and disagreeing:
        return LARGE * (disagreeing / rows) ** 0.5
    if rows < 2 or not disagreeing or _power(rows, disagreeing, disagreeing) < POWER:
        return None
    low, high = 0.0, disagreeing
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if _power(rows, disagreeing, middle) >= POWER else (middle, high)
    return high


def _power(rows: int, disagreeing: float, difference: float) -> float:
    from scipy.stats import binom

    mean, spread = rows * disagreeing, (rows * disagreeing * (1 - disagreeing)) ** 0.5
    numbers = np.arange(max(0, int(mean - REACH * spread) - 1), min(rows, int(mean + REACH * spread) + 1) + 1)
    limit = np.array([_limit(int(number)) for number in numbers])
    won = (1 + difference / disagreeing) / 2
    found = binom.cdf(limit, numbers, won) + binom.cdf(limit, numbers, 1 - won)
    return float((binom.pmf(numbers, rows, disagreeing) * found).sum())


@lru_cache(maxsize=100_000)
def _limit(number: int) -> int:
    """The largest count of the rarer side at which mid-p is below LEVEL; −1 where there is none."""
    from scipy.stats import binom

    counts: Any = np.arange(number // 2 + 1)
    chance = 2 * binom.cdf(counts, number, 0.5) - binom.pmf(counts, number, 0.5)
    return int(np.sum(chance < LEVEL)) - 1


def votes(share: float) -> int:
    """Votes (ties not counted) after which a true win rate of `share` is told from a coin, four times out of five."""
    z = 1.959964 + 0.841621 * 2 * (share * (1 - share)) ** 0.5
    return int(np.ceil((z / (2 * abs(share - 0.5))) ** 2))
