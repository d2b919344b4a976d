"""Does a noisy training curve rise, or stay where it is? Losses of the steps after warm-up, by order of steps; numbers only.

The noise is measured from the curve itself, so that batches of unlike rows are not taken for a trend. Both questions are asked again at
every look, so the limits are far out (tests/engine/test_engine_trend.py counts false alarms over whole runs). What it does not know: a
loss that is flat because all that can be learned was learned before the warm-up ended.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

FEWEST = 20
"""Losses below which nothing is said."""
RISE_SHARE, FLAT_SHARE = 0.25, 0.4
"""Share of the planned steps from which on each question is asked."""
RISE, LEAST = 0.15, 0.05
"""A rise is at least this share of the loss it began with, and at least this much."""
SURE, USUAL = 4.0, 2.33
"""Standard errors that a rise must have; and those of a one-sided interval of 99 %."""
BURST, ENOUGH = 0.3, 12
"""A loss that ends so much of itself above the very first ones was thrown up; and the losses after warm-up that are needed to say so."""
MOST_ALIKE = 0.85
"""Neighbours are taken to hang together this much at most: what is left of a trend looks like waves, too."""
HARDLY, LITTLE = 0.01, 0.05
"""Shares of the loss by the end of the run: a change that is none even where it is certain; and one that can be ruled out where none is seen."""


def noise(values: Sequence[float]) -> float:
    """Standard deviation of the noise around the trend, from the median distance of neighbours: a few spikes do not move it. Batches that
    hang together come in waves, and count for fewer (a first-order autoregression, fitted to the calmer first half)."""
    steps = [abs(b - a) for a, b in itertools.pairwise(values)]
    rest = _rest(values[: max(FEWEST, len(values) // 2)])
    alike = sum(a * b for a, b in itertools.pairwise(rest)) / max(sum(each**2 for each in rest), 1e-30)
    alike = min(MOST_ALIKE, max(0.0, alike))
    spread = statistics.median(steps) / (0.6745 * math.sqrt(2))  # of a normal distribution
    return spread * math.sqrt(1 + alike) / (1 - alike)


def rose(values: Sequence[float]) -> tuple[float, float] | None:
    """(loss at the beginning, loss at the end) of a curve whose end lies clearly above its beginning, else None."""
    if len(values) < FEWEST:
        return None
    first, last = values[: max(4, len(values) // 4)], values[-max(5, len(values) // 8) :]
    begin, end = statistics.median(first), statistics.median(last)
    error = 1.2533 * noise(values) * math.sqrt(1 / len(first) + 1 / len(last))  # of a difference of medians
    return (begin, end) if end - begin > max(RISE * abs(begin), LEAST, SURE * error) else None


def burst(first: Sequence[float], values: Sequence[float]) -> tuple[float, float] | None:
    """(loss at the very first steps, loss at the end) of a curve that jumped up before warm-up ended and never came back, else None:
    what came after may fall all the while."""
    if len(values) < ENOUGH or not first:
        return None
    last = values[-max(5, len(values) // 8) :]
    begin, end = statistics.median(first), statistics.median(last)
    error = 1.2533 * noise(values) * math.sqrt(1 / len(first) + 1 / len(last))
    return (begin, end) if end - begin > max(BURST * abs(begin), LEAST, SURE * error) else None


def stayed(values: Sequence[float], share: float) -> float | None:
    """The loss of a curve that neither falls nor rises: a change worth the name can be ruled out and none is seen, or what there is comes
    to next to nothing. `share` of the planned steps is done: what is little now may become much until the end."""
    middle = math.fsum(values) / max(1, len(values))
    if len(values) < FEWEST or middle < HARDLY:
        return None
    change, reach = abs(_slope(values)) * len(values), USUAL * noise(values) * math.sqrt(12 / len(values))
    limit = share * middle * (LITTLE if change < reach else HARDLY)
    return middle if change + reach < limit and not rose(values) else None


def _slope(values: Sequence[float]) -> float:
    """Of the straight line through values at equal distances (least squares)."""
    centre, count = (len(values) - 1) / 2, len(values)
    return math.fsum((place - centre) * value for place, value in enumerate(values)) * 12 / (count * (count**2 - 1))


def _rest(values: Sequence[float]) -> list[float]:
    """What a straight line leaves over."""
    slope, middle, centre = _slope(values), math.fsum(values) / len(values), (len(values) - 1) / 2
    return [value - middle - slope * (place - centre) for place, value in enumerate(values)]
