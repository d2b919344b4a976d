"""How far a score could be off by chance alone: its 95 % interval over the held-out rows.

Shares of right rows by Wilson; means by a bootstrap over rows; sums over tokens by a bootstrap of the ratio, text by text, because the
tokens of one text are no independent draws; everything else by scoring resampled rows anew. What it does not know: whether another
training run would have come out the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.core.task import Row, Task
from workbench.engine.verdict import wilson

DRAWS, AGAIN, MANY = 2000, 200, 20_000
"""Resamples where they cost nothing; where each is scored anew, or rows are many; and how many are many."""
SUMS = {"perplexity": "nll", "token_accuracy": "right", "masked_accuracy": "right"}
"""Metrics over all tokens, and the sums per text they are made of."""
Interval = tuple[float, float]


def interval(task: Task, rows: Sequence[Row], predictions: Any, scores: dict[str, float]) -> Interval | None:
    """(low, high) of the headline metric; None where nothing can be said."""
    main = task.headline(scores)
    gains = [float(gain) for gain in task.gains(rows, predictions)]
    if len(gains) < 2 or not all(map(math.isfinite, (*gains, scores[main]))):
        return None
    if math.isclose(math.fsum(gains) / len(gains), scores[main], abs_tol=1e-9):
        return wilson(sum(gains), len(gains)) if set(gains) <= {0.0, 1.0} else _ratio(gains, [1] * len(gains))
    if main in SUMS and SUMS[main] in predictions and "tokens" in predictions:
        low, high = _ratio(predictions[SUMS[main]], predictions["tokens"])
        return (math.exp(min(low, 700)), math.exp(min(high, 700))) if main == "perplexity" else (low, high)
    return _scored(task, rows, predictions, main) if len(gains) <= MANY else None


def _reach(values: Any) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _ratio(parts: Sequence[float], whole: Sequence[float]) -> Interval:
    """Of a sum over a sum, both drawn together."""
    dice, above, below = np.random.default_rng(0), np.asarray(parts, float), np.asarray(whole, float)
    draws = (dice.integers(0, len(above), len(above)) for _ in range(DRAWS if len(above) <= MANY else AGAIN))
    return _reach([above[picked].sum() / max(1.0, below[picked].sum()) for picked in draws])


def _scored(task: Task, rows: Sequence[Row], predictions: Any, main: str) -> Interval | None:
    count = len(task.gains(rows, predictions))
    if not isinstance(predictions, dict) or not count:
        return None
    dice, found = random.Random(0), []
    for _ in range(AGAIN):
        picked = [dice.randrange(count) for _ in range(count)]
        drawn = {name: [value[place] for place in picked] if isinstance(value, list) and len(value) == count else value for name, value in predictions.items()}  # fmt: skip
        scores = task.score([rows[place] for place in picked], drawn)
        found += [scores[main]] if math.isfinite(scores.get(main, math.nan)) else []
    return _reach(found) if len(found) > AGAIN // 2 else None
