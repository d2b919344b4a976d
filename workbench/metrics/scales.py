"""Numbers against numbers, several labels against several, and pairs in the right order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import divided, mean, metric, ratio


def pearson(predictions: Sequence[float], references: Sequence[float]) -> float:
    """Linear correlation; 0 when either side does not vary."""
    from scipy.stats import pearsonr

    return _or_zero(pearsonr, predictions, references)


def spearman(predictions: Sequence[float], references: Sequence[float]) -> float:
    """Correlation of ranks; 0 when either side does not vary."""
    from scipy.stats import spearmanr

    return _or_zero(spearmanr, predictions, references)


def _or_zero(function: Any, predictions: Sequence[float], references: Sequence[float]) -> float:
    if len(set(predictions)) < 2 or len(set(references)) < 2:
        return 0.0
    value = float(function(list(predictions), list(references))[0])
    return value if math.isfinite(value) else 0.0


@METRICS.add
class Spearman(Metric):
    """scipy's."""

    kind = "spearman"
    order = 60
    label = Text("Spearman", "斯皮尔曼相关")
    help = Text(
        "How well the order of the rows is met: 1 perfect, 0 none.", "行的次序吻合得多好：1 完全吻合，0 毫无关系。"
    )
    percent = False

    def make(self) -> Any:
        """Numbers in."""
        return metric(self.kind, "float64", self.help.en, spearman)

    def plain(self, **inputs: Any) -> float:
        """Ranks are no sums."""
        return spearman(**inputs)


@METRICS.add
class Pearson(Metric):
    """scipy's."""

    kind = "pearson"
    order = 61
    label = Text("Pearson", "皮尔逊相关")
    help = Text(
        "How well the numbers lie on a line: 1 perfect, 0 none.", "数值在一条直线上的程度：1 完全，0 毫无关系。"
    )
    percent = False

    def make(self) -> Any:
        """Numbers in."""
        return metric(self.kind, "float64", self.help.en, pearson)

    def sums(self, **inputs: Any) -> Sums:
        """Numbers, squares and products, around the right ones' mean so that little is lost."""
        import numpy as np

        x, y = (np.asarray(inputs[side], float) for side in ("predictions", "references"))
        x, y = x - y.mean(), y - y.mean()
        return Sums(np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1), _correlated)


def _correlated(totals: Any) -> Any:
    import numpy as np

    count, x, y, xx, yy, xy = (totals[..., place] for place in range(6))
    spread = (count * xx - x * x) * (count * yy - y * y)
    return divided(count * xy - x * y, np.sqrt(np.maximum(spread, 0)))


@METRICS.add
class Error(Metric):
    """Mean absolute error."""

    kind = "mean_absolute_error"
    order = 62
    label = Text("Mean error", "平均绝对误差")
    help = Text("How far off the numbers are on average, in their own unit.", "数值平均偏差多少，单位与原值相同。")
    higher_is_better = False
    percent = False

    def make(self) -> Any:
        """Numbers in."""

        def compute(predictions: Any, references: Any) -> float:
            gaps = [abs(a - b) for a, b in zip(predictions, references, strict=True)]
            return math.fsum(gaps) / max(1, len(gaps))

        return metric(self.kind, "float64", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Gaps over rows."""
        return mean([abs(a - b) for a, b in zip(inputs["predictions"], inputs["references"], strict=True)])


def label_f1(predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> float:
    """Micro F1 over all labels of all rows."""
    hits = sum(len(set(said) & set(wanted)) for said, wanted in zip(predictions, references, strict=True))
    given = sum(len(set(labels)) for labels in [*predictions, *references])
    return 2 * hits / given if given else 1.0


@METRICS.add
class LabelF1(Metric):
    """Micro-averaged F1 of several labels per row."""

    kind = "label_f1"
    order = 8
    label = Text("F1 over all labels", "全部标签 F1")
    help = Text(
        "Balance of labels found and labels right, over all rows together.", "所有行合计，找到的标签与正确标签的平衡。"
    )

    def make(self) -> Any:
        """Lists of labels in."""
        return metric(self.kind, "string*", self.help.en, label_f1)

    def sums(self, **inputs: Any) -> Sums:
        """Twice the labels both have, over all that either has."""
        pairs = [(set(said), set(wanted)) for said, wanted in zip(inputs["predictions"], inputs["references"], strict=True)]  # fmt: skip
        return ratio([2 * len(said & wanted) for said, wanted in pairs], [len(said) + len(wanted) for said, wanted in pairs])  # fmt: skip


@METRICS.add
class AllLabels(Metric):
    """Share of rows with exactly the right labels."""

    kind = "all_labels_right"
    order = 9
    label = Text("All labels right", "标签全对")
    help = Text("Share of rows where every label is right and none too many.", "标签不多不少、全部正确的行所占比例。")

    def make(self) -> Any:
        """Lists of labels in."""

        def compute(predictions: Any, references: Any) -> float:
            right = [set(a) == set(b) for a, b in zip(predictions, references, strict=True)]
            return sum(right) / max(1, len(right))

        return metric(self.kind, "string*", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Rows all right over rows."""
        return mean([float(set(a) == set(b)) for a, b in zip(inputs["predictions"], inputs["references"], strict=True)])


@METRICS.add
class PreferenceAccuracy(Metric):
    """Share of pairs in the right order. predictions: scores of the chosen; references: scores of the rejected."""

    kind = "preference_accuracy"
    order = 70
    label = Text("Preference accuracy", "偏好准确率")
    help = Text(
        "Share of pairs in which the chosen answer scores above the rejected one.",
        "“选中”的回答得分高于“拒绝”的回答的比例。",
    )

    def make(self) -> Any:
        """Numbers in; a tie is no win."""

        def compute(predictions: Any, references: Any) -> float:
            wins = [a > b for a, b in zip(predictions, references, strict=True)]
            return sum(wins) / max(1, len(wins))

        return metric(self.kind, "float64", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Wins over pairs."""
        return mean([float(a > b) for a, b in zip(inputs["predictions"], inputs["references"], strict=True)])
