"""A closer look at a dataset: lengths in the tokens of a real model, what a cutoff would cost, languages, frequent pairs of words,
odd rows, and a map on which like rows lie together. Of a large dataset, rows drawn by chance are looked at; labels are counted in all."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.text import Text
from workbench.data.clean import view_of
from workbench.data.cleaning.language_filter import script
from workbench.data.dataset import Dataset
from workbench.data.profile import Profile, overview, sample
from workbench.data.values import as_text
from workbench.models.counting import counter

MAPPED, THEMES, TERMS, SEED = 3000, 8, 20_000, 0
PAIRS, ODD = 20, 20
BATCH = 8
_WORD = re.compile(r"[a-z\u00c0-\u024f']+|[\u3400-\u9fff]", re.IGNORECASE)


@dataclass(frozen=True)
class Map:
    """Points of a plane: like rows lie near one another. `theme` is a number into `names`, the words that set a theme apart."""

    x: list[float]
    y: list[float]
    theme: list[int]
    names: list[str]
    places: list[int]


@dataclass(frozen=True)
class Look:
    """Everything of one look. `tokens`: tokens per row, [] without a tokenizer."""

    profile: Profile
    tokens: list[int]
    scripts: dict[str, int]
    vocabulary: int
    pairs: dict[str, int]
    odd: list[tuple[int, Text, str]]
    """(place, why, text) of rows far from the others."""
    map: Map | None = None
    texts: list[str] = field(default_factory=list)
    """Of every row; "" of one that was not looked at."""


def look(dataset: Dataset, tokenizer: Path | None = None) -> Look:
    """A dataset; `tokenizer`: the folder of a model whose tokenizer counts. UserError when it has none."""
    (places, rows), view = sample(dataset), view_of(dataset)
    texts = [view.text_of(row) for row in rows]
    words = [_words(text) for text in texts]
    pairs: Counter[str] = Counter()
    for said in words:
        pairs.update(_pairs(said))
    tokens = counter(tokenizer).counts(texts) if tokenizer else []
    every = [""] * dataset.meta["rows"]
    for place, text in zip(places, texts, strict=True):
        every[place] = text
    return Look(
        overview(dataset, rows), tokens, dict(Counter(script(text) or "–" for text in texts).most_common()),
        len({word for said in words for word in said}), dict(pairs.most_common(PAIRS)),
        [(places[place], why, text) for place, why, text in _odd(texts, tokens)], _map(words, places), every,
    )  # fmt: skip


def cut(tokens: Sequence[int], limit: int) -> dict[str, float]:
    """What a cutoff at `limit` tokens costs: rows that are cut, tokens that are lost (share of all), and the share of a padded batch
    of eight that is padding, rows as they stand."""
    lengths = np.asarray(tokens)
    if not len(lengths):
        return {"rows": 0, "lost": 0.0, "padding": 0.0}
    kept = np.minimum(lengths, limit)
    batches = [kept[start : start + BATCH] for start in range(0, len(kept), BATCH)]
    room = sum(int(batch.max()) * len(batch) for batch in batches)
    return {
        "rows": int((lengths > limit).sum()),
        "lost": float((lengths - kept).sum() / max(1, lengths.sum())),
        "padding": 1 - float(kept.sum()) / max(1, room),
    }


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _pairs(words: list[str]) -> list[str]:
    """Neighbouring words; of Chinese, two characters."""
    return [f"{a}{b}" if _han(a) else f"{a} {b}" for a, b in itertools.pairwise(words) if _han(a) == _han(b)]


def _han(word: str) -> bool:
    return "\u3400" <= word[0] <= "\u9fff"


def _odd(texts: list[str], tokens: list[int]) -> list[tuple[int, Text, str]]:
    """Rows far longer than most, empty ones, ones with hardly any letters."""
    sizes = np.asarray(tokens or [len(text) for text in texts])
    if not len(sizes):
        return []
    low, high = np.percentile(sizes, [25, 75])
    far = high + 3 * max(1.0, high - low)  # Tukey's far-out fence
    unit = ("tokens", "个词元") if tokens else ("characters", "个字符")
    found = []
    for place in np.argsort(-sizes).tolist():
        text, size = texts[place], int(sizes[place])
        if size > far:
            found.append(
                (place, Text(f"far longer than most: {size:,} {unit[0]}", f"远长于多数：{size:,} {unit[1]}"), text)
            )
        elif not text.strip():
            found.append((place, Text("empty", "空行"), text))
        elif sum(map(str.isalpha, text)) * 4 < len(text):
            found.append((place, Text("hardly any letters", "几乎没有文字"), text))
    return found[:ODD]


def _map(words: list[list[str]], places: list[int]) -> Map | None:
    """TF-IDF of words and pairs, a truncated SVD (latent semantic analysis; Deerwester et al., 1990), themes by k-means."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    chosen = np.linspace(0, len(words) - 1, min(len(words), MAPPED)).astype(int).tolist() if words else []
    said = [[*words[place], *_pairs(words[place])] for place in chosen]
    if len({tuple(one) for one in said if one}) < 4:
        return None
    make = TfidfVectorizer(analyzer=_same, max_features=TERMS, min_df=2 if len(said) > 50 else 1, sublinear_tf=True)
    try:
        seen = make.fit_transform(said)
    except ValueError:  # no word occurs twice
        return None
    size = min(20, seen.shape[1] - 1, len(said) - 1)
    if size < 2:
        return None
    flat = TruncatedSVD(size, random_state=SEED).fit_transform(seen)
    themes = KMeans(max(2, min(THEMES, len(said) // 10)), n_init=2, random_state=SEED).fit_predict(flat)
    middle = flat - flat.mean(0)
    plane = middle @ np.linalg.svd(middle, full_matrices=False)[2][:2].T
    terms = make.get_feature_names_out()
    names = [
        _name(np.asarray(seen[themes == theme].mean(0)).ravel() - np.asarray(seen.mean(0)).ravel(), terms)
        for theme in range(int(themes.max()) + 1)
    ]
    return Map(
        plane[:, 0].round(4).tolist(),
        plane[:, 1].round(4).tolist(),
        themes.tolist(),
        names,
        [places[place] for place in chosen],
    )


def _same(words: list[str]) -> list[str]:
    return words


def _name(weights: Any, terms: Any) -> str:
    """The three terms that set a theme apart; single Chinese characters say too little."""
    ranked = [as_text(str(terms[place])) for place in np.argsort(-weights)[:30]]
    return ", ".join([term for term in ranked if len(term) > 1][:3]) or ranked[0]
