"""How well answers are predicted, token by token. Every token counts once, so that long answers weigh more."""

from __future__ import annotations

import math
from typing import Any

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import metric, ratio

CERTAIN = 700.0
"""Summed loss per token beyond which e to its power is no number any more."""


@METRICS.add
class Perplexity(Metric):
    """exp(summed loss ÷ tokens). predictions: summed loss per row; references: target tokens per row."""

    kind = "perplexity"
    order = 20
    label = Text("Perplexity", "困惑度")
    help = Text(
        "How many tokens the model hesitates between at each step of the right answers; 1 is certain, lower is better.",
        "在正确答案的每一步，模型相当于在几个词元之间犹豫；1 表示完全确定，越低越好。",
    )
    higher_is_better = False
    percent = False

    def make(self) -> Any:
        """Numbers in."""
        return metric(self.kind, "float64", self.help.en, _perplexity)

    def sums(self, **inputs: Any) -> Sums:
        """Loss over tokens; compared on a logarithmic scale."""
        import numpy as np

        made = ratio(inputs["predictions"], inputs["references"])
        return Sums(made.rows, lambda totals: np.exp(np.minimum(made.value(totals), CERTAIN)), log=True)


@METRICS.add
class BitsPerByte(Metric):
    """Summed loss in bits ÷ bytes of text. predictions: summed loss per row in nats; references: UTF-8 bytes of what was predicted."""

    kind = "bits_per_byte"
    order = 22
    label = Text("Bits per byte", "每字节比特数")
    help = Text(
        "How many bits the model needs for a byte of the right answers; unlike perplexity it compares across tokenizers. Lower is better.",
        "模型平均用多少比特写出正确答案的一个字节；与困惑度不同，可在不同分词器之间比较。越低越好。",
    )
    higher_is_better = False
    percent = False

    def make(self) -> Any:
        """Numbers in."""
        return metric(self.kind, "float64", self.help.en, lambda nats, size: _share(math.fsum(nats) / math.log(2), math.fsum(size)))  # fmt: skip

    def sums(self, **inputs: Any) -> Sums:
        """Bits over bytes."""
        return ratio([nats / math.log(2) for nats in inputs["predictions"]], inputs["references"])


@METRICS.add
class TokenAccuracy(Metric):
    """Share of answer tokens that were the model's first choice. predictions: right ones per row; references: all."""

    kind = "token_accuracy"
    order = 21
    label = Text("Token accuracy", "词元准确率")
    help = Text(
        "Share of the answers' tokens that the model would have chosen itself.",
        "回答的词元中，模型自己也会首选的比例。",
    )

    def make(self) -> Any:
        """Numbers in."""
        return metric(self.kind, "float64", self.help.en, lambda right, all_: _share(sum(right), sum(all_)))

    def sums(self, **inputs: Any) -> Sums:
        """Right ones over all."""
        return ratio(inputs["predictions"], inputs["references"])


@METRICS.add
class MaskedAccuracy(TokenAccuracy):
    """Share of hidden tokens guessed right. predictions: right ones per row; references: hidden ones per row."""

    kind = "masked_accuracy"
    order = 19
    label = Text("Masked accuracy", "遮盖词准确率")
    help = Text("Share of the hidden tokens that were guessed right.", "被遮盖的词元中猜对的比例。")


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _perplexity(losses: list[float], tokens: list[float]) -> float:
    mean = _share(math.fsum(losses), math.fsum(tokens))
    return math.exp(mean) if mean < CERTAIN else math.inf
