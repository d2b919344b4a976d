"""SQuAD 1.1's, SQuAD 2.0's and CMRC 2018's scores, said once more from the definitions in their evaluation scripts, word by word rather
than well: what ours must equal."""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Sequence

Scores = dict[str, float]
PUNCTUATION = [
    "-", ":", "_", "*", "^", "/", "\\", "~", "`", "+", "=", "，", "。", "：", "？", "！", "“", "”", "；", "’", "《", "》", "……", "·", "、",
    "「", "」", "（", "）", "－", "～", "『", "』",
]  # fmt: skip


def normalize(text: str) -> str:
    """lower, remove punctuation, remove articles, fix white space: in this order."""
    lowered = text.lower()
    without = "".join(char for char in lowered if char not in set(string.punctuation))
    bare = re.compile(r"\b(a|an|the)\b", re.UNICODE).sub(" ", without)
    return " ".join(bare.split())


def f1_of_version_one(said: str, wanted: str) -> float:
    """Nothing in common is 0, whatever the lengths."""
    ours, theirs = normalize(said).split(), normalize(wanted).split()
    same = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


def f1_of_version_two(said: str, wanted: str) -> float:
    """Where either side has no token, 1 if both have none, else 0."""
    ours = normalize(said).split() if said else []
    theirs = normalize(wanted).split() if wanted else []
    if not ours or not theirs:
        return float(ours == theirs)
    same = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


def version_one(said: Sequence[str], right: Sequence[Sequence[str]]) -> Scores:
    """evaluate-v1.1."""
    exact = [max(float(normalize(text) == normalize(gold)) for gold in golds) for text, golds in zip(said, right, strict=True)]  # fmt: skip
    f1 = [max(f1_of_version_one(text, gold) for gold in golds) for text, golds in zip(said, right, strict=True)]
    return {"exact": sum(exact) / len(exact), "f1": sum(f1) / len(f1)}


def version_two(said: Sequence[str], right: Sequence[Sequence[str]]) -> Scores:
    """evaluate-v2.0, without thresholds."""
    exact, f1 = [], []
    for text, golds in zip(said, right, strict=True):
        kept = [gold for gold in golds if normalize(gold)] or [""]
        exact.append(max(float(normalize(text) == normalize(gold)) for gold in kept))
        f1.append(max(f1_of_version_two(text, gold) for gold in kept))
    return {"exact": sum(exact) / len(exact), "f1": sum(f1) / len(f1)}


def pieces(text: str) -> list[str]:
    """mixed_segmentation with rm_punc."""
    from nltk.tokenize import word_tokenize

    done: list[str] = []
    held = ""
    for char in str(text).lower().strip():
        if char in PUNCTUATION:
            continue
        if re.search("[\u4e00-\u9fa5]", char):
            if held:
                done += word_tokenize(held, preserve_line=True)
                held = ""
            done.append(char)
        else:
            held += char
    return done + (word_tokenize(held, preserve_line=True) if held else [])


def longest(one: list[str], other: list[str]) -> int:
    """find_lcs: the longest common substring, by the whole table."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    best = 0
    for i in range(len(one)):
        for j in range(len(other)):
            if one[i] == other[j]:
                table[i + 1][j + 1] = table[i][j] + 1
                best = max(best, table[i + 1][j + 1])
    return best


def cmrc(said: Sequence[str], right: Sequence[Sequence[str]]) -> Scores:
    """cmrc2018_evaluate."""
    exact, f1 = [], []
    for text, golds in zip(said, right, strict=True):
        scores = []
        for gold in golds:
            ours, theirs = pieces(text), pieces(gold)
            same = longest(theirs, ours)
            precision, recall = (same / len(ours), same / len(theirs)) if same else (0.0, 0.0)
            scores.append(2 * precision * recall / (precision + recall) if same else 0.0)
        bare = ["".join(char for char in each.lower().strip() if char not in PUNCTUATION) for each in (text, *golds)]
        exact.append(float(bare[0] in bare[1:]))
        f1.append(max(scores))
    return {"exact": sum(exact) / len(exact), "f1": sum(f1) / len(f1)}
