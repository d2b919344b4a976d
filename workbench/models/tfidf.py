"""Cheap models that need no network: what a fine-tuned one has to beat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
ROWS = 20_000


def majority(answers: Sequence[str], count: int) -> list[str]:
    """The most frequent answer, `count` times (the first in the alphabet of those equally frequent)."""
    found = Counter(answers)
    return [min(found, key=lambda answer: (-found[answer], answer))] * count


def tfidf(texts: Sequence[str], answers: Sequence[str], asked: Sequence[str], labels: Sequence[str]) -> tuple[list[str], list[list[float]]]:  # fmt: skip
    """(answers, the probability of every label) by words and pairs of words (characters where a script writes no spaces), weighted, with
    logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(_features(any(CJK.search(text) for text in texts[:200])), LogisticRegression(max_iter=1000))
    try:
        model.fit(list(texts[:ROWS]), list(answers[:ROWS]))
    except ValueError:  # no word at all in the training rows, or one label in the first rows
        usual = majority(answers, len(asked))
        return usual, [[float(label == said) for label in labels] for said in usual]
    place = {str(label): column for column, label in enumerate(model.classes_)}
    shares = model.predict_proba(list(asked)).tolist()
    chances = [[row[place[label]] if label in place else 0.0 for label in labels] for row in shares]
    return [str(answer) for answer in model.predict(list(asked))], chances


def _features(cjk: bool) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    return (
        make_union(words, TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)) if cjk else words
    )
