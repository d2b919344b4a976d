"""A file per family of metrics. Siblings never import one another; what they share is here: offline `evaluate.Metric`s."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def metric(kind: str, feature: str, about: str, compute: Callable[..., float]) -> Any:
    """An `evaluate.Metric` that lives in memory: nothing is fetched, nothing is written. `feature` is a datasets dtype."""
    import datasets
    import evaluate

    class Offline(evaluate.Metric):
        """Carries one function."""

        def _info(self) -> Any:
            columns = {name: datasets.Value(feature) for name in ("predictions", "references")}
            return evaluate.MetricInfo(
                description=about, citation="", inputs_description=feature, features=datasets.Features(columns)
            )

        def _compute(self, predictions: Any, references: Any, **options: Any) -> dict[str, float]:
            return {kind: float(compute(predictions, references, **options))}

    return Offline(keep_in_memory=True, experiment_id=kind)
