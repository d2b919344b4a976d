"""A file per family of metrics. Siblings never import one another; what they share is here: offline `evaluate.Metric`s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
