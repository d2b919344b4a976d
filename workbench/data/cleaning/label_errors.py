"""Labels that are probably wrong: confident learning (Northcutt, Jiang & Chuang, 2021, arXiv:1911.00068) on the probabilities
of a small classifier that has not seen the row it judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View
from workbench.data.values import as_text

FOLDS, FEATURES, SEED = 5, 1 << 18, 0
FEW = 4
"""Rows a label needs at least, to be judged."""


class LabelErrorsSection(StepSection):
    """What becomes of them."""

    kind: str = "label_errors"
    action: str = knob(
        "drop",
        Text("Do", "处理方式"),
        Text("Look at the rows first: a suspicion is no proof.", "请先看这些行：可疑不等于有错。"),
        choices=(
            ("drop", Text("drop the row", "去掉该行")),
            ("relabel", Text("take the suggested label", "改用建议的标签")),
        ),
    )


@CLEANING.add
class LabelErrors(Step):
    """Find probably wrong labels."""

    kind = "label_errors"
    order = 16
    label = Text("Probable label errors", "可疑的标签")
    help = Text(
        "A small classifier is trained on the other rows and judges each one; where it is surer of another label than it "
        "usually is, the label is suspicious. Rare labels are judged badly.",
        "用其余行训练小分类器来判断每一行；当它对另一个标签比平时更有把握时，该标签可疑。样本很少的标签判断不准。",
    )
    section = LabelErrorsSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the words of the row; rows without a label, and labels with few rows, are left alone."""
        label = view.column("label")
        given = [as_text(row.get(label)).strip() for row in rows]
        counts = Counter(given)
        judged = [place for place, name in enumerate(given) if name and counts[name] >= FEW]
        if len({given[place] for place in judged}) < 2:
            raise UserError(
                f"label_errors: two labels with at least {FEW} rows each are needed.",
                f"label_errors：至少需要两个标签，且每个不少于 {FEW} 行。",
                field="roles",
            )
        texts = [view.text_of(rows[place], view.named(section)) for place in judged]
        made = list[Row | Text](rows)
        for place, better, sure in suspects(texts, [given[place] for place in judged]):
            row = rows[judged[place]]
            told = Text(
                f"label {row[label]}, rather {better} ({sure:.0%})", f"标签为 {row[label]}，更像 {better}（{sure:.0%}）"
            )
            made[judged[place]] = told if section.action == "drop" else {**row, label: better}
        return Outcome(made)


def suspects(texts: Sequence[str], given: Sequence[str]) -> list[tuple[int, str, float]]:
    """(place, better label, probability) of every suspicious row, the surest first."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    names, targets = np.unique(np.array(given), return_inverse=True)
    seen = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=FEATURES, alternate_sign=False).transform(
        texts
    )
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=SEED)
    folds = StratifiedKFold(min(FOLDS, int(np.bincount(targets).min())), shuffle=True, random_state=SEED)
    shares = cross_val_predict(model, seen, targets, cv=folds, method="predict_proba")
    usual = np.array([shares[targets == index, index].mean() for index in range(len(names))])
    sure = np.where(shares >= usual, shares, 0.0)
    best = sure.argmax(1)
    wrong = np.flatnonzero(
        (best != targets) & (sure.max(1) > 0) & (shares[np.arange(len(targets)), targets] < shares.max(1))
    )
    ranked = sorted(wrong.tolist(), key=lambda place: -float(sure[place, best[place]]))
    return [(place, str(names[best[place]]), float(sure[place, best[place]])) for place in ranked]
