"""Entities: whole spans with their kind, through seqeval (github.com/chakki-works/seqeval): as CoNLL's own script counts them, and
strictly, where a span must be tagged from its B- on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import divided, metric

Tagged = Sequence[Sequence[str]]


class _Spans(Metric):
    """A seqeval score; an entity counts only when its borders and its kind are right."""

    scorer: ClassVar[str]
    strict: ClassVar[bool] = False

    def make(self) -> Any:
        """Lists of BIO or BIOES tags in, one per row."""

        def compute(predictions: Any, references: Any) -> float:
            import seqeval.metrics

            wanted, said = _words(references), _words(predictions)
            options = {"mode": "strict", "scheme": scheme(wanted)} if self.strict else {}
            return float(getattr(seqeval.metrics, self.scorer)(wanted, said, zero_division=0, **options))

        return metric(self.kind, "string*", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Entities right, said and wanted, per row."""
        import numpy as np

        wanted, said = _words(inputs["references"]), _words(inputs["predictions"])
        form = scheme(wanted) if self.strict else None
        rows = []
        for real, made in zip(wanted, said, strict=True):
            right, given = _entities(real, form), _entities(made, form)
            rows.append([len(right & given), len(given), len(right)])
        return Sums(np.array(rows, float), self._value)

    def _value(self, totals: Any) -> Any:
        right, said, wanted = totals[..., 0], totals[..., 1], totals[..., 2]
        below = {"precision_score": 2 * said, "recall_score": 2 * wanted, "f1_score": said + wanted}[self.scorer]
        return divided(2 * right, below)

    def signature(self, references: Sequence[Any]) -> str:
        """Which counting."""
        return f"seqeval|mode:strict|scheme:{scheme(_words(references)).__name__}" if self.strict else "seqeval|mode:conll"  # fmt: skip


def _words(rows: Any) -> list[list[str]]:
    return [[str(tag) or "O" for tag in tags] for tags in rows]


def scheme(rows: Tagged) -> Any:
    """seqeval's scheme these tags are in: IOBES where a tag begins with S- or E-, else IOB2."""
    from seqeval.scheme import IOB2, IOBES

    return IOBES if any(tag[:2] in ("S-", "E-") for tags in rows for tag in tags) else IOB2


def _entities(tags: Sequence[str], form: Any) -> set[Any]:
    """The spans of one row; `form` None counts as CoNLL does."""
    if form is None:
        from seqeval.metrics.sequence_labeling import get_entities

        return set(get_entities(list(tags)))
    from seqeval.scheme import Entities

    return {each.to_tuple()[1:] for found in Entities([list(tags)], form).entities for each in found}


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


@METRICS.add
class EntityF1Strict(_Spans):
    """F1 over entities that are tagged as the scheme wants."""

    kind = "entity_f1_strict"
    order = 33
    label = Text("Entity F1 (strict)", "实体 F1（严格）")
    help = Text(
        "As entity F1, but a span must begin with B-: I- without a beginning is no entity.",
        "与实体 F1 相同，但片段必须以 B- 开头：没有开头的 I- 不算实体。",
    )
    scorer, strict = "f1_score", True
