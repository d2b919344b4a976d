"""Answers against one or several right ones: exact match and F1 as the SQuAD 1.1 and 2.0 scripts define them (Rajpurkar et al., 2016,
2018), and for Chinese as CMRC 2018's does (Cui et al., 2019, arXiv:1810.07366).

SQuAD's words are separated by spaces, so that a whole Chinese answer is one word; CMRC's are Han characters, and its F1 counts the longest
piece both answers share. Two F1s that differ have two names.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import mean, metric

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ASCII = {ord(char): None for char in string.punctuation}
_HAN = re.compile("[\u4e00-\u9fa5]")
_CHINESE = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』") | {"……"}
Right = Sequence[str]


def normal(text: str) -> str:
    """SQuAD's: lower case, without ASCII punctuation and articles, single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_ASCII)).split())


def golds(right: Right, may_be_none: bool) -> Right:
    """The right answers that count; SQuAD 2.0 (`may_be_none`) leaves out those of articles and punctuation alone."""
    return ([text for text in right if normal(text)] if may_be_none else right) or [""]


def exact(answer: str, right: Right, may_be_none: bool = True) -> float:
    """1 when the answer is one of the right ones; where there is none, when nothing was answered."""
    return float(normal(answer) in {normal(text) for text in golds(right, may_be_none)})


def overlap(answer: str, right: Right, may_be_none: bool = True) -> float:
    """F1 over words with the best of the right ones. Two empty ones agree in SQuAD 2.0 (`may_be_none`), and not in 1.1."""
    said = normal(answer).split()
    return max(_f1(said, normal(text).split(), may_be_none) for text in golds(right, may_be_none))


def _f1(said: list[str], wanted: list[str], may_be_none: bool) -> float:
    if not said or not wanted:
        return float(may_be_none and said == wanted)
    common = sum((Counter(said) & Counter(wanted)).values())
    return 2 * common / (len(said) + len(wanted))


def open_ended(references: Sequence[Right]) -> bool:
    """Whether some question has no answer: then the rules of SQuAD 2.0 hold, else those of 1.1."""
    return any(not any(right) for right in references)


def segments(text: str) -> list[str]:
    """CMRC's: Han characters one by one, the rest by NLTK's words, without punctuation."""
    from nltk.tokenize import NLTKWordTokenizer

    made, held, words = list[str](), "", NLTKWordTokenizer()
    for char in text.lower().strip():
        if _HAN.match(char):
            made += [*words.tokenize(held), char]
            held = ""
        elif char not in _CHINESE:
            held += char
    return [*made, *words.tokenize(held)]


def shared_piece(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest run that both have."""
    best, row = 0, [0] * (len(other) + 1)
    for left in one:
        row = [0, *(row[place] + 1 if left == right else 0 for place, right in enumerate(other))]
        best = max(best, *row)
    return best


def cmrc_f1(answer: str, right: Right) -> float:
    """Best over the right ones."""
    return max((_piece_f1(segments(answer), segments(text)) for text in right), default=float(not answer))


def _piece_f1(said: list[str], wanted: list[str]) -> float:
    length = shared_piece(said, wanted)
    return 2 * length / (len(said) + len(wanted)) if length else 0.0


def cmrc_exact(answer: str, right: Right) -> float:
    """1 when the answer is one of the right ones but for punctuation."""
    bare = ["".join(char for char in text.lower().strip() if char not in _CHINESE) for text in (answer, *right)]
    return float(bare[0] in bare[1:] if right else not answer)


def chinese(references: Sequence[Right]) -> bool:
    """Whether most right answers hold Han characters."""
    given = [right[0] for right in references if right and right[0]]
    return 2 * sum(bool(_HAN.search(text)) for text in given) > len(given)


class _OverAnswers(Metric):
    """A mean over rows."""

    def values(self, predictions: Sequence[str], references: Sequence[Right]) -> list[float]:
        """The score of every row."""
        raise NotImplementedError

    def make(self) -> Any:
        """Answers in, and lists of right answers (empty when there is none)."""

        def compute(predictions: Any, references: Any) -> float:
            values = self.values(list(map(str, predictions)), [list(right) for right in references])
            return sum(values) / max(1, len(values))

        return metric(self.kind, "string,string*", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Mean over rows."""
        return mean(self.values(**inputs))


def _each(score: Callable[[str, Right], float], said: Sequence[str], right: Sequence[Right]) -> list[float]:
    return [score(answer, texts) for answer, texts in zip(said, right, strict=True)]


@METRICS.add
class ExactMatch(_OverAnswers):
    """SQuAD's."""

    kind = "exact_match"
    order = 42
    label = Text("Exact match", "完全匹配率")
    help = Text(
        "Share of rows answered word for word (SQuAD: without case, articles and ASCII punctuation).",
        "逐字答对的行所占比例（SQuAD 规则：忽略大小写、冠词和英文标点）。",
    )

    def values(self, predictions: Sequence[str], references: Sequence[Right]) -> list[float]:
        """1 or 0."""
        return _each(partial(exact, may_be_none=open_ended(references)), predictions, references)

    def signature(self, references: Sequence[Any]) -> str:
        """Which script's rules."""
        return "squad:2.0" if open_ended(references) else "squad:1.1"


@METRICS.add
class AnswerF1(ExactMatch):
    """SQuAD's."""

    kind = "answer_f1"
    order = 41
    label = Text("Answer F1", "答案 F1")
    help = Text(
        "How many words of answer and right answer agree, on average (SQuAD; words are separated by spaces).",
        "回答与正确答案的词平均重合多少（SQuAD 规则：以空格分词）。",
    )

    def values(self, predictions: Sequence[str], references: Sequence[Right]) -> list[float]:
        """F1 of every row."""
        return _each(partial(overlap, may_be_none=open_ended(references)), predictions, references)


@METRICS.add
class CmrcF1(_OverAnswers):
    """CMRC 2018's."""

    kind = "cmrc_f1"
    order = 40
    label = Text("Answer F1 (CMRC)", "答案 F1（CMRC）")
    help = Text(
        "For Chinese: the longest piece that answer and right answer share, by characters (CMRC 2018).",
        "用于中文：回答与正确答案共有的最长连续片段，按字计算（CMRC 2018 规则）。",
    )

    def values(self, predictions: Sequence[str], references: Sequence[Right]) -> list[float]:
        """F1 of every row."""
        return _each(cmrc_f1, predictions, references)


@METRICS.add
class CmrcExact(_OverAnswers):
    """CMRC 2018's."""

    kind = "cmrc_exact_match"
    order = 43
    label = Text("Exact match (CMRC)", "完全匹配率（CMRC）")
    help = Text(
        "For Chinese: share of rows answered to the letter, punctuation aside (CMRC 2018).",
        "用于中文：除标点外逐字答对的行所占比例（CMRC 2018 规则）。",
    )

    def values(self, predictions: Sequence[str], references: Sequence[Right]) -> list[float]:
        """1 or 0."""
        return _each(cmrc_exact, predictions, references)
