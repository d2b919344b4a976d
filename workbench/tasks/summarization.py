"""A long text becomes a short one; by T5, BART and kin, or by a causal language model with a prompt.

What it does not know: whether a summary is true to its text. ROUGE counts shared words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.task import TASKS, Role, Row
from workbench.core.text import Text
from workbench.metrics.rewriting import rouge
from workbench.tasks._rewriting import Rewriting, RewritingSection


class SummarizationSection(RewritingSection):
    """What stands around the text."""

    kind: str = "summarization"
    max_length: int = knob(
        512,
        Text("Maximum length", "最大长度"),
        Text(
            "Longer texts are cut at this many tokens. Raise it where what matters stands late in a text; memory and time grow with it.",
            "更长的文本会在此处截断（词元数）。重点在文本后部时调大；内存和用时随之增加。",
        ),
        ge=8,
        le=131072,
        example="512",
    )
    prompt: str = knob(
        "summarize: {text}",
        Text("Prompt", "提示词"),
        Text(
            "What the model reads; {text} is the row's text. T5 was trained with “summarize: ”; BART wants {text} alone.",
            "模型实际读到的内容；{text} 处放入原文。T5 训练时用“summarize: ”；BART 只需 {text}。",
        ),
        advanced=True,
    )


@TASKS.add
class Summarization(Rewriting):
    """Text to summary."""

    kind = "summarization"
    order = 5
    label = Text("Summarization", "文本摘要")
    help = Text(
        "Teaches a model to say a long text in a few words, as your examples do.",
        "让模型照着示例，用几句话概括一段长文字。",
    )
    section = SummarizationSection
    roles = (
        Role("text", Text("text", "原文"), Text("What is to be summarised.", "要概括的文字。"), names="text document article dialogue dialog content passage 正文 原文 文章 对话 内容 文本"),
        Role("summary", Text("summary", "摘要"), Text("The short text to learn.", "要学习的摘要。"), names="summary highlights abstract tldr headline 摘要 总结 概要"),
    )  # fmt: skip
    sample = "story-summaries"
    asks = ("text",)
    metrics = ("rougeL", "rouge1", "rouge2", "rougeLsum", "distinct_2", "answer_length")
    main_metric = "rougeL"
    source, target = "text", "summary"

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """ROUGE-L of every answered row."""
        return [rouge("rougeL", said, row["summary"]) for said, row in zip(predictions["answers"], rows, strict=False)]

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """The first sentence of the text."""
        return {"lead": {"answers": [_first(row["text"]) for row in heldout]}}


def _first(text: str) -> str:
    found = re.match(r".+?[.!?。！？](?=\s|$|[^\s.!?。！？])", text.strip(), re.DOTALL)
    return found.group(0) if found else text
