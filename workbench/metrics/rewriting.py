"""Text against a reference text: BLEU and chrF through sacrebleu (Post, 2018, arXiv:1804.08771), ROUGE through rouge-score
(Lin, 2004), both with a tokenizer that is right for Chinese: the usual ones see a Chinese sentence as one word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from workbench.core.metric import METRICS, Metric
from workbench.core.text import Text
from workbench.metrics import metric

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_WORDS = re.compile(r"[a-z0-9]+|[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]")


def tokenizer_of(references: Sequence[str]) -> str:
    """sacrebleu's tokenizer for these references: zh where a fifth of the letters are Han, 13a elsewhere."""
    text = "".join(references)
    return "zh" if 5 * len(_HAN.findall(text)) > len(text.replace(" ", "")) else "13a"


def bleu(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 1."""
    import sacrebleu

    made = sacrebleu.corpus_bleu(list(predictions), [list(references)], tokenize=tokenizer_of(references))
    return float(made.score) / 100


def chrf(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Corpus chrF, 0 to 1."""
    import sacrebleu

    return float(sacrebleu.corpus_chrf(list(predictions), [list(references)]).score) / 100


class Words:
    """rouge-score's interface: words as its default has them (without stemming), every CJK character a word."""

    def tokenize(self, text: str) -> list[str]:
        """Lower-case words."""
        return _WORDS.findall(text.lower())


@cache
def _scorer(kind: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], tokenizer=Words())


def rouge(kind: str, prediction: str, reference: str) -> float:
    """F1 of rouge1, rouge2 or rougeL of one row."""
    return float(_scorer(kind).score(reference, prediction)[kind].fmeasure)


@METRICS.add
class Bleu(Metric):
    """sacrebleu's corpus BLEU."""

    kind = "bleu"
    order = 51
    label = Text("BLEU", "BLEU")
    help = Text(
        "How many word sequences of the reference the answers contain (sacrebleu; Chinese by characters).",
        "回答包含多少参考译文中的词序列（sacrebleu；中文按字）。",
    )

    def make(self) -> Any:
        """Texts in."""
        return metric(self.kind, "string", self.help.en, bleu)


@METRICS.add
class ChrF(Metric):
    """sacrebleu's corpus chrF."""

    kind = "chrf"
    order = 50
    label = Text("chrF", "chrF")
    help = Text(
        "Agreement with the reference by sequences of characters; steadier than BLEU on few rows.",
        "按字符序列与参考译文的一致程度；行数少时比 BLEU 更稳。",
    )

    def make(self) -> Any:
        """Texts in."""
        return metric(self.kind, "string", self.help.en, chrf)


class _Rouge(Metric):
    """Mean F1 over rows."""

    name: ClassVar[str]

    def make(self) -> Any:
        """Texts in."""

        def compute(predictions: Any, references: Any) -> float:
            pairs = list(zip(predictions, references, strict=True))
            return sum(rouge(self.kind, said, wanted) for said, wanted in pairs) / max(1, len(pairs))

        return metric(self.kind, "string", self.help.en, compute)


@METRICS.add
class Rouge1(_Rouge):
    """Single words."""

    kind = "rouge1"
    order = 53
    label = Text("ROUGE-1", "ROUGE-1")
    help = Text("Words shared with the reference.", "与参考文本共有的词。")


@METRICS.add
class Rouge2(_Rouge):
    """Pairs of words."""

    kind = "rouge2"
    order = 54
    label = Text("ROUGE-2", "ROUGE-2")
    help = Text("Pairs of neighbouring words shared with the reference.", "与参考文本共有的相邻词对。")


@METRICS.add
class RougeL(_Rouge):
    """Longest common sequence."""

    kind = "rougeL"
    order = 52
    label = Text("ROUGE-L", "ROUGE-L")
    help = Text("The longest sequence of words in the order of the reference.", "与参考文本顺序一致的最长词序列。")
