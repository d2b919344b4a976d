"""How far a score could be off by chance alone: its 95 % interval over the held-out rows.

Shares of right rows by Wilson (1927); everything else by a bootstrap over rows (Efron, 1987: bias-corrected), over documents where rows
stand or fall together. What it does not know: whether another training run would have come out the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.core.metric import METRICS, Metric
from workbench.core.task import Row, Task
from workbench.engine.resample import Given, anew, grouped, rare, resampled

Z95 = 1.959964
Interval = tuple[float, float]


def wilson(right: float, total: float) -> Interval:
    """95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    share, square = right / total, Z95 * Z95
    middle = share + square / (2 * total)
    reach = Z95 * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def interval(task: Task, rows: Sequence[Row], predictions: Any, scores: dict[str, float]) -> Interval | None:
    """(low, high) of the headline metric; None where nothing can be said."""
    main = task.headline(scores)
    return reach(METRICS.get(main), task.inputs(rows, predictions)[main], units_of(task, rows, predictions, main))


def units_of(task: Task, rows: Sequence[Row], predictions: Any, kind: str) -> Sequence[Any] | None:
    """The units of a metric's rows; None where they stand alone, or the metric looks at other rows than are scored."""
    units = task.units(rows, predictions)
    given = task.inputs(rows, predictions)[kind]
    return units if units is not None and len(units) == len(given["references"]) else None


def reach(metric: Metric, given: Given, units: Sequence[Any] | None = None) -> Interval | None:
    """(low, high) of a metric; None for fewer than two rows, or one that is not finite."""
    if len(given["references"]) < 2:
        return None
    sums = metric.sums(**given)
    if sums is None:
        return _between(anew(metric, given), metric.plain(**given))
    rows = grouped(sums.rows, units)
    if len(rows) < 2 or not np.isfinite(rows).all():
        return None
    if binary(rows):
        return wilson(float(rows[:, 0].sum()), len(rows))
    score = float(sums.value(rows.sum(0)))
    found = _between(resampled(sums, rows, rare(given)), score)
    return found if found is None or found[0] < found[1] else _at_the_edge(metric, score, len(rows))


def _at_the_edge(metric: Metric, score: float, count: int) -> Interval | None:
    """Every resample gives the same: all right, or all wrong, which `count` rows do not prove of the next one. A share by Wilson; of
    anything else nothing can be said."""
    return wilson(score * count, count) if metric.percent and score in (0.0, 1.0) else None


def plain_mean(rows: Any) -> bool:
    """Whether the sums are those of a mean over rows."""
    return bool(rows.shape[1] == 2 and (rows[:, 1] == 1).all())


def binary(rows: Any) -> bool:
    """Whether the sums are those of a share of right rows."""
    return plain_mean(rows) and bool(np.isin(rows[:, 0], (0.0, 1.0)).all())


def _between(values: Any, score: float) -> Interval | None:
    """Percentiles, moved by how far the score lies from their middle."""
    from scipy.special import ndtr, ndtri

    values = values[np.isfinite(values)]
    if len(values) < 2 or not math.isfinite(score):
        return None
    below = (np.sum(values < score) + np.sum(values == score) / 2) / len(values)
    shift = ndtri(np.clip(below, 1 / len(values), 1 - 1 / len(values)))
    low, high = np.quantile(values, ndtr([2 * shift - Z95, 2 * shift + Z95]))
    return float(low), float(high)
