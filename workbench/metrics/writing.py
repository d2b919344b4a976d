"""What generated answers are like, whatever is right: how varied (distinct-n: Li et al., 2016, arXiv:1510.03055) and how long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, ClassVar

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import mean, metric
from workbench.metrics._words import SIGNATURE, Words


def distinct(texts: Sequence[str], size: int) -> float:
    """Different runs of `size` words over all such runs of all texts."""
    runs: list[tuple[str, ...]] = []
    for text in texts:
        words = Words().tokenize(text)
        runs += zip(*(islice(words, at, None) for at in range(size)), strict=False)
    return len(set(runs)) / len(runs) if runs else 0.0


class _Distinct(Metric):
    """Different runs of words over all."""

    size: ClassVar[int]
    directed = False

    def make(self) -> Any:
        """Texts in; references play no part."""
        return metric(self.kind, "string", self.help.en, lambda said, wanted: distinct(said, self.size))

    def plain(self, **inputs: Any) -> float:
        """Counted."""
        return distinct(inputs["predictions"], self.size)

    def signature(self, references: Sequence[Any]) -> str:
        """The tokenizer."""
        return SIGNATURE


@METRICS.add
class Distinct1(_Distinct):
    """Words."""

    kind, order, size = "distinct_1", 80, 1
    label = Text("Distinct words", "用词多样性")
    help = Text("Share of the answers' words that are different ones; low means repetition.", "回答中不同词所占比例；低表示重复多。")  # fmt: skip


@METRICS.add
class Distinct2(_Distinct):
    """Pairs of words."""

    kind, order, size = "distinct_2", 81, 2
    label = Text("Distinct pairs", "词对多样性")
    help = Text("Share of the answers' pairs of words that are different ones; low means repetition.", "回答中不同相邻词对所占比例；低表示重复多。")  # fmt: skip


@METRICS.add
class AnswerLength(Metric):
    """Mean number of words."""

    kind = "answer_length"
    order = 82
    label = Text("Answer length", "回答长度")
    help = Text(
        "Words per answer on average; Chinese characters count one each.", "每个回答的平均词数；汉字每字算一个。"
    )
    percent = False
    directed = False

    def make(self) -> Any:
        """Texts in; references play no part."""
        return metric(self.kind, "string", self.help.en, lambda said, wanted: sum(_lengths(said)) / max(1, len(said)))

    def sums(self, **inputs: Any) -> Sums:
        """Mean over rows."""
        return mean(_lengths(inputs["predictions"]))

    def signature(self, references: Sequence[Any]) -> str:
        """The tokenizer."""
        return SIGNATURE


def _lengths(texts: Sequence[str]) -> list[float]:
    return [float(len(Words().tokenize(text))) for text in texts]
