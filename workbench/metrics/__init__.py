"""A file per family of metrics. Siblings never import one another; what they share is here: offline `evaluate.Metric`s, and sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.metric import Sums


def metric(kind: str, feature: str, about: str, compute: Callable[..., float]) -> Any:
    """An `evaluate.Metric` that lives in memory: nothing is fetched, nothing is written.

    `feature` is a datasets dtype, with a star for a list of them per row ("string*"); two, separated by a comma, when
    predictions and references differ.
    """
    import datasets
    import evaluate

    kinds = [_feature(name) for name in feature.split(",")]

    class Offline(evaluate.Metric):
        """Carries one function."""

        def _info(self) -> Any:
            columns = {"predictions": kinds[0], "references": kinds[-1]}
            return evaluate.MetricInfo(
                description=about, citation="", inputs_description=feature, features=datasets.Features(columns)
            )

        def _compute(self, predictions: Any, references: Any, **options: Any) -> dict[str, float]:
            return {kind: float(compute(predictions, references, **options))}

    return Offline(keep_in_memory=True, experiment_id=kind)


def _feature(name: str) -> Any:
    import datasets

    value = datasets.Value(name.strip().rstrip("*"))
    return datasets.Sequence(value) if name.strip().endswith("*") else value


def ratio(parts: Sequence[float], whole: Sequence[float]) -> Sums:
    """A sum over a sum, 0 where there is nothing to divide by."""
    import numpy as np

    rows = np.stack([np.asarray(parts, float), np.asarray(whole, float)], axis=1)
    return Sums(rows, lambda totals: divided(totals[..., 0], totals[..., 1]))


def mean(values: Sequence[float]) -> Sums:
    """The mean over rows."""
    return ratio(values, [1.0] * len(values))


def divided(part: Any, whole: Any) -> Any:
    """part ÷ whole, 0 where whole is 0; arrays."""
    import numpy as np

    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole != 0)
