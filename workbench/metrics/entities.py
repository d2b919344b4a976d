"""Entities: whole spans with their kind, as CoNLL scores them, through seqeval (github.com/chakki-works/seqeval)."""

from __future__ import annotations

from typing import Any, ClassVar

from workbench.core.metric import METRICS, Metric
from workbench.core.text import Text
from workbench.metrics import metric


class _Spans(Metric):
    """A seqeval score; an entity counts only when its borders and its kind are right."""

    scorer: ClassVar[str]

    def make(self) -> Any:
        """Lists of BIO or BIOES tags in, one per row."""

        def compute(predictions: Any, references: Any) -> float:
            import seqeval.metrics

            given = [list(map(str, tags)) for tags in references], [list(map(str, tags)) for tags in predictions]
            return float(getattr(seqeval.metrics, self.scorer)(*given, zero_division=0))

        return metric(self.kind, "string*", self.help.en, compute)


@METRICS.add
class EntityF1(_Spans):
    """F1 over entities."""

    kind = "entity_f1"
    order = 30
    label = Text("Entity F1", "实体 F1")
    help = Text(
        "Balance of entities found and entities right; an entity counts only with the right borders and kind.",
        "找到的实体与正确实体的平衡；边界和类型都对才算对。",
    )
    scorer = "f1_score"


@METRICS.add
class EntityPrecision(_Spans):
    """Precision over entities."""

    kind = "entity_precision"
    order = 31
    label = Text("Entity precision", "实体精确率")
    help = Text("Share of the marked entities that are right.", "标出的实体中正确的比例。")
    scorer = "precision_score"


@METRICS.add
class EntityRecall(_Spans):
    """Recall over entities."""

    kind = "entity_recall"
    order = 32
    label = Text("Entity recall", "实体召回率")
    help = Text("Share of the real entities that were found.", "真实实体中被找到的比例。")
    scorer = "recall_score"
