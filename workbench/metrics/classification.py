"""Accuracy, precision, recall, F1 and Matthews' correlation over the labels of the training rows, through scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import divided, mean, metric


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

    def sums(self, **inputs: Any) -> Sums:
        """Hits, answers and rows of every label."""
        import numpy as np

        right, said, wanted = _told(**inputs)
        return Sums(np.concatenate([right, said, wanted], axis=1), self._averaged)

    def _averaged(self, totals: Any) -> Any:
        import numpy as np

        right, said, wanted = np.split(totals, 3, axis=-1)
        if self.average == "micro":
            right, said, wanted = (part.sum(-1, keepdims=True) for part in (right, said, wanted))
        below = {"precision_score": 2 * said, "recall_score": 2 * wanted, "f1_score": said + wanted}[self.scorer]
        values = divided(2 * right, below)
        return divided((values * wanted).sum(-1), wanted.sum(-1)) if self.average == "weighted" else values.mean(-1)


def _told(predictions: Any, references: Any, labels: Sequence[str] | None = None) -> tuple[Any, Any, Any]:
    """Three arrays of shape (rows, labels): right, said and wanted; 1 or 0."""
    import numpy as np

    known = np.array(labels if labels is not None else sorted({*predictions, *references}), dtype=str)
    said = np.array(predictions, dtype=str)[:, None] == known[None, :]
    wanted = np.array(references, dtype=str)[:, None] == known[None, :]
    return (said & wanted).astype(float), said.astype(float), wanted.astype(float)


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

    def sums(self, **inputs: Any) -> Sums:
        """Right answers over rows."""
        pairs = zip(inputs["predictions"], inputs["references"], strict=True)
        return mean([float(said == wanted) for said, wanted in pairs])


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
class F1Micro(_OverLabels):
    """Micro F1."""

    kind, order, scorer, average = "f1_micro", 3, "f1_score", "micro"
    label = Text("F1 (micro)", "F1（微平均）")
    help = Text(
        "Balance of precision and recall over all rows together; equals accuracy when every label was seen in training.",
        "所有行合计的精确率与召回率的调和平均；训练时见过全部标签时，与准确率相等。",
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


@METRICS.add
class Matthews(Metric):
    """Correlation of answers and labels, for any number of labels (Gorodkin, 2004, doi:10.1016/j.compbiolchem.2004.09.006)."""

    kind = "mcc"
    order = 8
    label = Text("Matthews correlation (MCC)", "马修斯相关系数（MCC）")
    help = Text(
        "Agreement beyond chance: 1 perfect, 0 no better than guessing, below 0 worse. Not fooled by a frequent label.",
        "超出偶然的一致程度：1 完全一致，0 与瞎猜无异，小于 0 更差。不会被多数标签蒙蔽。",
    )
    percent = False

    def make(self) -> Any:
        """Strings in; labels are accepted and do not matter."""
        from sklearn.metrics import matthews_corrcoef

        def compute(predictions: Any, references: Any, labels: Sequence[str] | None = None) -> float:
            return float(matthews_corrcoef(references, predictions)) if len(set(references)) > 1 else 0.0

        return metric(self.kind, "string", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Hits, rows, and answers and rows of every label that occurs."""
        import numpy as np

        known = sorted({*(inputs.get("labels") or ()), *inputs["predictions"], *inputs["references"]})
        right, said, wanted = _told(inputs["predictions"], inputs["references"], known)
        hits = right.sum(1, keepdims=True)
        return Sums(np.concatenate([hits, np.ones_like(hits), said, wanted], axis=1), _correlated)


def _correlated(totals: Any) -> Any:
    import numpy as np

    hits, count = totals[..., 0], totals[..., 1]
    said, wanted = np.split(totals[..., 2:], 2, axis=-1)
    above = hits * count - (said * wanted).sum(-1)
    spread = (count**2 - (said**2).sum(-1)) * (count**2 - (wanted**2).sum(-1))
    return divided(above, np.sqrt(np.maximum(spread, 0)))


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
