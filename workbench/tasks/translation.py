"""A text in one language becomes a text in another; by T5, mBART, Marian and kin, or by a causal model with a prompt.

What it does not know: whether a translation reads well. BLEU and chrF count what agrees with one reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.task import TASKS, Role, Row
from workbench.core.text import Text
from workbench.metrics.rewriting import chrf
from workbench.tasks._rewriting import Rewriting, RewritingSection


class TranslationSection(RewritingSection):
    """What stands around the text."""

    kind: str = "translation"
    max_length: int = knob(
        128,
        Text("Maximum length", "最大长度"),
        Text(
            "Longer texts are cut at this many tokens. Raise it for long sentences; memory and time grow with it.",
            "更长的文本会在此处截断（词元数）。句子较长时调大；内存和用时随之增加。",
        ),
        ge=8,
        le=131072,
        example="128",
    )
    prompt: str = knob(
        "{text}",
        Text("Prompt", "提示词"),
        Text(
            "What the model reads; {text} is the row's text. T5 was trained with “translate English to German: {text}”.",
            "模型实际读到的内容；{text} 处放入原文。T5 训练时用“translate English to German: {text}”。",
        ),
        advanced=True,
    )


@TASKS.add
class Translation(Rewriting):
    """Text to text in another language."""

    kind = "translation"
    order = 6
    label = Text("Translation", "机器翻译")
    help = Text(
        "Teaches a model to say a text in another language, as your pairs do.",
        "让模型照着平行句对，把文字译成另一种语言。",
    )
    section = TranslationSection
    roles = (
        Role("source", Text("source text", "原文"), Text("What is to be translated.", "要翻译的文字。"), names="source src source_text en english 原文 源文 英文"),
        Role("target", Text("translation", "译文"), Text("The translation to learn.", "要学习的译文。"), names="target tgt target_text translation zh chinese 译文 目标 中文 翻译"),
    )  # fmt: skip
    sample = "translations"
    asks = ("source",)
    metrics = ("chrf", "bleu", "distinct_2", "answer_length")
    main_metric = "chrf"
    source, target = "source", "target"

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """chrF of every answered row."""
        return [chrf([said], [row["target"]]) for said, row in zip(predictions["answers"], rows, strict=False)]

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """The source as it is."""
        return {"copy": {"answers": [row["source"] for row in heldout]}}
