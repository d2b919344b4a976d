"""Answers against one or several right ones, as the SQuAD 1.1 and 2.0 scripts define them (Rajpurkar et al., 2016, 2018).

English answers are compared by words, without case, punctuation and articles; Han characters count as words of their own,
as in CMRC 2018 and XQuAD practice. A row without a right answer is right when nothing was answered.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from typing import Any

from workbench.core.metric import METRICS, Metric
from workbench.core.text import Text
from workbench.metrics import metric

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_HAN = re.compile(r"([\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff])")
_PUNCTUATION = {ord(char): None for char in string.punctuation + "，。！？；：、（）《》〈〉“”‘’「」『』—…·～"}


def normal(text: str) -> str:
    """Lower case, without punctuation and articles, single spaces."""
    plain = _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION))
    return " ".join(_HAN.sub(r" \1 ", plain).split())


def exact(answer: str, right: list[str]) -> float:
    """1 when the answer is one of the right ones."""
    return float(normal(answer) in {normal(text) for text in right or [""]})


def overlap(answer: str, right: list[str]) -> float:
    """F1 over words with the best of the right ones."""
    return max(_f1(normal(answer).split(), normal(text).split()) for text in right or [""])


def _f1(said: list[str], wanted: list[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted))


@METRICS.add
class ExactMatch(Metric):
    """Mean of `exact`."""

    kind = "exact_match"
    order = 40
    label = Text("Exact match", "完全匹配率")
    help = Text("Share of rows answered word for word.", "逐字答对的行所占比例。")

    def make(self) -> Any:
        """Answers in, and lists of right answers (empty when there is none)."""
        return metric(self.kind, "string,string*", self.help.en, lambda said, right: _mean(exact, said, right))


@METRICS.add
class AnswerF1(Metric):
    """Mean of `overlap`."""

    kind = "answer_f1"
    order = 41
    label = Text("Answer F1", "答案 F1")
    help = Text("How many words of answer and right answer agree, on average.", "回答与正确答案的词平均重合多少。")

    def make(self) -> Any:
        """Answers in, and lists of right answers (empty when there is none)."""
        return metric(self.kind, "string,string*", self.help.en, lambda said, right: _mean(overlap, said, right))


def _mean(score: Any, said: Any, right: Any) -> float:
    values = [score(str(answer), list(texts)) for answer, texts in zip(said, right, strict=True)]
    return sum(values) / max(1, len(values))
