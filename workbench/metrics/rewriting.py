"""Text against a reference text: BLEU and chrF through sacrebleu (Post, 2018, arXiv:1804.08771), ROUGE through rouge-score
(Lin, 2004), with tokenizers that are right for Chinese: the usual ones see a Chinese sentence as one word, or as none.

Every score has a signature; a number without its tokenizer says nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import regex

from workbench.core.metric import METRICS, Metric, Sums
from workbench.core.text import Text
from workbench.metrics import divided, mean, metric
from workbench.metrics._words import SIGNATURE, Words

SHARE = 5
"""One letter in so many of a script decides for its tokenizer."""
SCRIPTS = {"zh": r"\p{Han}", "ja": r"[\p{Hiragana}\p{Katakana}]", "ko": r"\p{Hangul}"}
CHARS, BETA = 6, 2


def tokenizer_of(references: Sequence[str]) -> str:
    """sacrebleu's tokenizer for these references: zh, ja-mecab, ko-mecab (or char where MeCab is not installed), else 13a."""
    text = "".join(references)
    letters = max(1, len(text.replace(" ", "")))
    for name in ("ja", "ko", "zh"):
        if SHARE * len(regex.findall(SCRIPTS[name], text)) > letters:
            if name == "zh":
                return name
            return f"{name}-mecab" if find_spec("MeCab" if name == "ja" else "mecab_ko") else "char"
    return "13a"


@cache
def _bleu(tokenizer: str) -> Any:
    import sacrebleu

    return sacrebleu.BLEU(tokenize=tokenizer)


@cache
def _counting(tokenizer: str) -> Any:
    import sacrebleu

    return sacrebleu.BLEU(tokenize=tokenizer, effective_order=True)


def bleu(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 1."""
    return float(_bleu(tokenizer_of(references)).corpus_score(list(predictions), [list(references)]).score) / 100


def chrf(predictions: Sequence[str], references: Sequence[str]) -> float:
    """Corpus chrF, 0 to 1."""
    import sacrebleu

    return float(sacrebleu.corpus_chrf(list(predictions), [list(references)]).score) / 100


@cache
def _scorer(kind: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], tokenizer=Words())


def rouge(kind: str, prediction: str, reference: str) -> float:
    """F1 of rouge1, rouge2, rougeL or rougeLsum of one row; for the last, sentences stand on lines of their own."""
    if kind == "rougeLsum":
        prediction, reference = _lines(prediction), _lines(reference)
    return float(_scorer(kind).score(reference, prediction)[kind].fmeasure)


def _lines(text: str) -> str:
    return "\n".join(part.strip() for part in regex.split(r"(?<=[。！？])|(?<=[.!?])\s+|\n", text) if part.strip())


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

    def sums(self, **inputs: Any) -> Sums:
        """Matches and numbers of 1- to 4-grams, and both lengths."""
        import numpy as np

        counting, rows = _counting(tokenizer_of(inputs["references"])), []
        for said, wanted in zip(inputs["predictions"], inputs["references"], strict=True):
            made = counting.sentence_score(said, [wanted])
            rows.append([*made.counts, *made.totals, made.sys_len, made.ref_len])
        return Sums(np.array(rows, float), _bleu_of)

    def signature(self, references: Sequence[Any]) -> str:
        """sacrebleu's own."""
        scorer = _bleu(tokenizer_of(references))
        scorer.corpus_score([""], [[""]])
        return str(scorer.get_signature())


def _bleu_of(totals: Any) -> Any:
    """As sacrebleu: geometric mean of the precisions, exponential smoothing of those without a match, brevity penalty."""
    import numpy as np

    right, count, said, wanted = totals[..., :4], totals[..., 4:8], totals[..., 8], totals[..., 9]
    missed = np.cumsum(right == 0, axis=-1)
    precision = divided(np.where(right == 0, 0.5**missed, right), count)
    with np.errstate(divide="ignore"):
        mean_log = np.log(precision).mean(-1)
    brevity = np.exp(np.minimum(0, 1 - divided(wanted, said)))
    return np.where((right.sum(-1) > 0) & (said > 0), np.exp(mean_log) * brevity, 0.0)


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

    def sums(self, **inputs: Any) -> Sums:
        """Sequences of 1 to 6 characters: said, wanted and shared."""
        import numpy as np

        pairs = zip(inputs["predictions"], inputs["references"], strict=True)
        return Sums(np.array([_shared(said, wanted) for said, wanted in pairs], float), _chrf_of)

    def signature(self, references: Sequence[Any]) -> str:
        """sacrebleu's own."""
        import sacrebleu

        scorer = sacrebleu.CHRF()
        scorer.corpus_score([""], [[""]])
        return str(scorer.get_signature())


def _shared(said: str, wanted: str) -> list[int]:
    sides, found = ["".join(text.split()) for text in (said, wanted)], []
    for size in range(1, CHARS + 1):
        one, other = (Counter(text[at : at + size] for at in range(len(text) - size + 1)) for text in sides)
        found += [one.total() if other else 0, other.total(), (one & other).total()]  # as sacrebleu counts
    return found


def _chrf_of(totals: Any) -> Any:
    """F2 of mean precision and mean recall over the lengths that both sides have."""
    said, wanted, shared = totals[..., 0::3], totals[..., 1::3], totals[..., 2::3]
    able = (said > 0) & (wanted > 0)
    precision = divided((divided(shared, said) * able).sum(-1), able.sum(-1))
    recall = divided((divided(shared, wanted) * able).sum(-1), able.sum(-1))
    return divided((1 + BETA**2) * precision * recall, BETA**2 * precision + recall)


class _Rouge(Metric):
    """Mean F1 over rows."""

    def _each(self, predictions: Sequence[str], references: Sequence[str]) -> list[float]:
        return [rouge(self.kind, said, wanted) for said, wanted in zip(predictions, references, strict=True)]

    def make(self) -> Any:
        """Texts in."""

        def compute(predictions: Any, references: Any) -> float:
            return sum(self._each(predictions, references)) / max(1, len(references))

        return metric(self.kind, "string", self.help.en, compute)

    def sums(self, **inputs: Any) -> Sums:
        """Mean over rows."""
        return mean(self._each(**inputs))

    def signature(self, references: Sequence[Any]) -> str:
        """Tokenizer, stemming, version."""
        return f"{SIGNATURE}|stem:no|rouge-score:{version('rouge-score')}"


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


@METRICS.add
class RougeLsum(_Rouge):
    """Longest common sequence, sentence by sentence."""

    kind = "rougeLsum"
    order = 55
    label = Text("ROUGE-Lsum", "ROUGE-Lsum")
    help = Text("As ROUGE-L, sentence by sentence.", "与 ROUGE-L 相同，但逐句比较。")
