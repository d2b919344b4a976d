"""Texts that are nearly the same, by their character n-grams, so that Chinese works like English.

One-permutation MinHash (Li, Owen & Zhang, 2012) with empty bins filled by hashed probing (Shrivastava, 2017, arXiv:1703.04664),
candidates by banding, those whose signatures disagree left out (a shared template makes many), and every pair that is left
checked by its exact Jaccard similarity.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import regex

GRAM = 3
BINS, ROWS_PER_BAND = 128, 4
CHUNK = 4000
"""Texts hashed at once."""
DOUBT = 2.0
"""Four times the usual error of an estimate from one bin: so far below the threshold a pair may still be near."""
EMPTY = (1 << 56) - 1
_NOTHING = regex.compile(r"[\p{Cf}\ufe0e\ufe0f]|(?<=\p{L})['’](?=\p{L})")
"""What is not seen, and apostrophes within a word."""
_PLAIN = regex.compile(r"(?:\s|(?![#*%&@/\\_])(?![.\p{Pd}](?=\d))(?!(?<=\d)[,:](?=\d))\p{P})+")
_BESIDE_HAN = regex.compile(r" (?=[\p{Han}\p{Hiragana}\p{Katakana}])|(?<=[\p{Han}\p{Hiragana}\p{Katakana}]) ")
MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def wording(text: str) -> str:
    """A text without what does not make it another one: width, case, white space, plain punctuation. Symbols stay, and points and
    signs at digits: C is not C++, 15 is not 1.5."""
    folded = _NOTHING.sub("", unicodedata.normalize("NFKC", text).casefold())
    return _BESIDE_HAN.sub("", _PLAIN.sub(" ", folded).strip())


def bare(text: str) -> str:
    """The same without any space: what n-grams are made of."""
    return "".join(wording(text).split())


def hashes(text: str) -> Any:
    """The hash of every n-gram of a bare text, as uint64; a shorter text is one n-gram."""
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    return _grams(codes) if len(codes) >= GRAM else _mixed(codes.sum(keepdims=True) + np.uint64(len(codes) << 40))


def _grams(codes: Any) -> Any:
    import numpy as np

    end = len(codes) - GRAM + 1
    made = np.zeros(end, np.uint64)
    for place in range(GRAM):
        made = (made + codes[place : place + end]) * np.uint64(MIX[place])
        made ^= made >> np.uint64(29)
    return _mixed(made)


def _mixed(values: Any) -> Any:
    import numpy as np

    values = values * np.uint64(MIX[0])
    values ^= values >> np.uint64(32)
    values = values * np.uint64(MIX[1])
    return values ^ (values >> np.uint64(29))


def signatures(texts: Sequence[str]) -> Any:
    """(texts, BINS) of uint64: for each bin the least hash that fell into it."""
    import numpy as np

    made = np.full((len(texts), BINS), EMPTY, np.uint64)
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        codes = [hashes(text) for text in part]
        owner = np.repeat(np.arange(len(part), dtype=np.uint64), [len(each) for each in codes])
        every = np.concatenate(codes)
        bins, values = every >> np.uint64(57), every & np.uint64(EMPTY)
        flat = made[start : start + len(part)].reshape(-1)
        np.minimum.at(flat, (owner * np.uint64(BINS) + bins).astype(np.int64), values)
    return _filled(made)


def _filled(made: Any) -> Any:
    """Every empty bin takes the value of another bin of the same text, which one is drawn by bin and attempt."""
    import numpy as np

    source, places = made.copy(), np.arange(BINS, dtype=np.uint64)
    owner, empty = np.nonzero(made == EMPTY)
    for attempt in range(1, 200):
        if not len(owner):
            break
        other = (_mixed(places + np.uint64(attempt * BINS)) % np.uint64(BINS)).astype(np.int64)
        values = source[owner, other[empty]]
        made[owner, empty] = values
        owner, empty = owner[values == EMPTY], empty[values == EMPTY]
    return made


def candidates(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs (first, later) of bare texts that may be as similar as this; each pair once."""
    import numpy as np

    signed, seen = signatures(texts), set[int]()
    sizes = np.array([min(BINS, max(1, len(text) - GRAM + 1)) for text in texts])
    weights = np.array([1, *MIX], np.uint64)
    bands = [_mixed(signed[:, start : start + ROWS_PER_BAND] @ weights) for start in range(0, BINS, ROWS_PER_BAND)]
    for number, band in enumerate(bands):
        found = _neighbours(band, bands[number - 1])
        for start in range(0, len(found), 4 * CHUNK):
            low, high = np.divmod(found[start : start + 4 * CHUNK], len(texts))
            agreed = (signed[low] == signed[high]).mean(axis=1)
            near = agreed >= threshold - DOUBT / np.sqrt(np.minimum(sizes[low], sizes[high]))
            for pair in found[start : start + 4 * CHUNK][near].tolist():
                if pair not in seen:
                    seen.add(pair)
                    yield divmod(pair, len(texts))


def _neighbours(band: Any, beside: Any) -> Any:
    """Pairs of one bucket, as first × texts + later: each text with the bucket's first and with the one before it. Another band
    orders them within, so that real twins stand side by side even where a template fills the bucket."""
    import numpy as np

    order = np.lexsort((beside, band))
    ranked, count = band[order], len(band)
    begins = np.r_[True, ranked[1:] != ranked[:-1]]
    firsts = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    inner = np.flatnonzero(~begins)
    one, other = np.r_[order[firsts[inner]], order[inner - 1]], np.r_[order[inner], order[inner]]
    return np.unique(np.minimum(one, other) * count + np.maximum(one, other))


def jaccard(one: str, other: str) -> float:
    """Shared n-grams ÷ all n-grams of two bare texts."""
    import numpy as np

    return _similarity(np.unique(hashes(one)), np.unique(hashes(other)))


def _similarity(one: Any, other: Any) -> float:
    """The same of their sorted hashes."""
    import numpy as np

    small, large = sorted((one, other), key=len)
    places = np.minimum(np.searchsorted(large, small), len(large) - 1)
    shared = int((large[places] == small).sum())
    return shared / (len(small) + len(large) - shared)


def groups(texts: Sequence[str], threshold: float) -> list[list[int]]:
    """Groups of two and more texts that are linked by near pairs; texts of nothing but punctuation belong to none."""
    import numpy as np

    same: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        same.setdefault(bare(text), []).append(place)
    same.pop("", None)
    plain, root = list(same), list(range(len(same)))

    @lru_cache(maxsize=4096)
    def grams(place: int) -> Any:
        return np.unique(hashes(plain[place]))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for one, other in candidates(plain, threshold) if plain else ():
        first, second = sorted((find(one), find(other)))
        if first != second and _similarity(grams(one), grams(other)) >= threshold:
            root[second] = first
    found: dict[int, list[int]] = {}
    for index, places in enumerate(same.values()):
        found.setdefault(find(index), []).extend(places)
    return [sorted(group) for group in found.values() if len(group) > 1]
