"""Accuracy, precision, recall and F1 over the labels of the training rows, through scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from workbench.core.metric import METRICS, Metric
from workbench.core.text import Text
from workbench.metrics import metric


class _OverLabels(Metric):
    """A scikit-learn score averaged over frozen labels; what cannot be divided counts 0."""

    scorer: ClassVar[str]
    average: ClassVar[str] = "macro"

    def make(self) -> Any:
        """Strings in; compute(labels=[…]) freezes the labels."""
        return metric(self.kind, "string", self.help.en, self._function())

    def _function(self) -> Callable[..., float]:
        import sklearn.metrics

        function, average = getattr(sklearn.metrics, self.scorer), self.average

        def compute(predictions: Any, references: Any, labels: Sequence[str] | None = None) -> float:
            return float(function(references, predictions, labels=labels, average=average, zero_division=0))

        return compute


@METRICS.add
class Accuracy(Metric):
    """Share of right answers."""

    kind = "accuracy"
    order = 1
    label = Text("Accuracy", "准确率")
    help = Text("Share of rows answered right.", "答对的行所占比例。")

    def make(self) -> Any:
        """Strings in; labels are accepted and do not matter."""
        from sklearn.metrics import accuracy_score

        def compute(predictions: Any, references: Any, labels: Sequence[str] | None = None) -> float:
            return float(accuracy_score(references, predictions))

        return metric(self.kind, "string", self.help.en, compute)


@METRICS.add
class F1(_OverLabels):
    """Macro F1."""

    kind, order, scorer = "f1", 2, "f1_score"
    label = Text("F1 (macro)", "F1（宏平均）")
    help = Text(
        "Balance of precision and recall; every label counts alike, however rare.",
        "精确率与召回率的调和平均；每个标签同等重要，再少见也一样。",
    )


@METRICS.add
class F1Weighted(_OverLabels):
    """Weighted F1."""

    kind, order, scorer, average = "f1_weighted", 3, "f1_score", "weighted"
    label = Text("F1 (weighted)", "F1（加权）")
    help = Text(
        "Balance of precision and recall; frequent labels count more.",
        "精确率与召回率的调和平均；常见标签权重更大。",
    )


@METRICS.add
class Precision(_OverLabels):
    """Macro precision."""

    kind, order, scorer = "precision", 4, "precision_score"
    label = Text("Precision (macro)", "精确率（宏平均）")
    help = Text("Of the rows given a label, the share that has it.", "被判为某标签的行中，确实属于该标签的比例。")


@METRICS.add
class PrecisionWeighted(_OverLabels):
    """Weighted precision."""

    kind, order, scorer, average = "precision_weighted", 5, "precision_score", "weighted"
    label = Text("Precision (weighted)", "精确率（加权）")
    help = Text("Precision; frequent labels count more.", "精确率；常见标签权重更大。")


@METRICS.add
class Recall(_OverLabels):
    """Macro recall."""

    kind, order, scorer = "recall", 6, "recall_score"
    label = Text("Recall (macro)", "召回率（宏平均）")
    help = Text("Of the rows that have a label, the share that was found.", "确实属于某标签的行中，被找出的比例。")


@METRICS.add
class RecallWeighted(_OverLabels):
    """Weighted recall."""

    kind, order, scorer, average = "recall_weighted", 7, "recall_score", "weighted"
    label = Text("Recall (weighted)", "召回率（加权）")
    help = Text("Recall; frequent labels count more.", "召回率；常见标签权重更大。")


def confusion(references: Sequence[str], chosen: Sequence[str], labels: Sequence[str]) -> list[list[int]]:
    """Rows: what is right; columns: what was answered."""
    place = {label: index for index, label in enumerate(labels)}
    grid = [[0] * len(labels) for _ in labels]
    for reference, answer in zip(references, chosen, strict=True):
        grid[place[reference]][place[answer]] += 1
    return grid


def per_class(references: Sequence[str], chosen: Sequence[str], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of rows for every label."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(references, chosen, labels=list(labels), zero_division=0)
    return [
        {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    ]
