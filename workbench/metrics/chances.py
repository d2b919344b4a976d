"""What the probabilities of a classifier are worth: do right answers get the higher ones (ROC-AUC), and do they mean what they say (calibration)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import metric

BINS = 10
Chances = Sequence[Sequence[float]]


def roc_auc(predictions: Chances, references: Sequence[str], labels: Sequence[str]) -> float:
    """Of two labels that of the second; of more the mean of one against the rest, over labels that some rows have and some have not.
    Half where there is none."""
    import numpy as np
    from scipy.stats import rankdata

    given, found = np.asarray(predictions, float), []
    for place in (1,) if len(labels) == 2 else range(len(labels)):
        has = np.array([each == labels[place] for each in references])
        some, none = int(has.sum()), int((~has).sum())
        if some and none:
            ranks = rankdata(given[:, place])
            found.append((ranks[has].sum() - some * (some + 1) / 2) / (some * none))
    return float(np.mean(found)) if found else 0.5


def reliability(predictions: Chances, references: Sequence[str], labels: Sequence[str]) -> list[dict[str, float]]:
    """Rows by the probability of their answer, in bins of equal width: mean probability, share of right ones, number of rows."""
    made: list[dict[str, float]] = []
    told = _told(predictions, references, labels)
    for low in range(BINS):
        mine = [pair for pair in told if min(int(pair[0] * BINS), BINS - 1) == low]
        if mine:
            sure, right = (sum(pair[part] for pair in mine) / len(mine) for part in (0, 1))
            made.append({"low": low / BINS, "confidence": sure, "accuracy": right, "rows": len(mine)})
    return made


def _told(predictions: Chances, references: Sequence[str], labels: Sequence[str]) -> list[tuple[float, float]]:
    """(probability of the answer, whether it is right) of every row."""
    told = []
    for chances, wanted in zip(predictions, references, strict=True):
        sure = max(chances)
        told.append((float(sure), float(labels[list(chances).index(sure)] == wanted)))
    return told


def ece(predictions: Chances, references: Sequence[str], labels: Sequence[str]) -> float:
    """Mean gap between probability and share of right ones, bins weighing by their rows (Naeini et al., 2015; Guo et al., 2017)."""
    bins = reliability(predictions, references, labels)
    total = sum(each["rows"] for each in bins)
    return sum(each["rows"] * abs(each["confidence"] - each["accuracy"]) for each in bins) / max(1, total)


@METRICS.add
class RocAuc(Metric):
    """As scikit-learn's, one against the rest, macro."""

    kind = "roc_auc"
    order = 9
    label = Text("ROC-AUC", "ROC-AUC")
    help = Text(
        "How often a row that has a label gets a higher probability of it than one that has not; 50 % is guessing.",
        "属于某标签的行得到的概率高于不属于的行的比例；50% 相当于瞎猜。",
    )

    def make(self) -> Any:
        """Probabilities per row and label in, and the right labels; compute(labels=[…]) says which column is which."""
        return metric(self.kind, "float64*,string", self.help.en, roc_auc)

    def plain(self, **inputs: Any) -> float:
        """Ranks alone."""
        return roc_auc(**inputs)


@METRICS.add
class CalibrationError(Metric):
    """Expected calibration error."""

    kind = "ece"
    order = 10
    label = Text("Calibration error (ECE)", "校准误差（ECE）")
    help = Text(
        "How far the model's own probabilities are from how often it is right, on average; 0 is honest.",
        "模型给出的概率与实际答对比例平均相差多少；0 表示名副其实。",
    )
    higher_is_better = False

    def make(self) -> Any:
        """As ROC-AUC."""
        return metric(self.kind, "float64*,string", self.help.en, ece)

    def sums(self, **inputs: Any) -> Sums:
        """Probability minus rightness, in ten bins."""
        import numpy as np

        told = _told(**inputs)
        rows = np.zeros((len(told), BINS + 1))
        rows[:, BINS] = 1
        for index, (sure, right) in enumerate(told):
            rows[index, min(int(sure * BINS), BINS - 1)] = sure - right
        return Sums(rows, lambda totals: np.abs(totals[..., :BINS]).sum(-1) / np.maximum(totals[..., BINS], 1))
