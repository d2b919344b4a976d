"""Texts that are nearly the same, by their character n-grams, so that Chinese works like English.

One-permutation MinHash (Li, Owen & Zhang, 2012) with empty bins filled by hashed probing (Shrivastava, 2017, arXiv:1703.04664),
candidates by banding, and every candidate pair checked by its exact Jaccard similarity.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

GRAM = 3
BINS, ROWS_PER_BAND = 128, 4
CHUNK = 4000
"""Texts hashed at once."""
EMPTY = (1 << 56) - 1
MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def bare(text: str) -> str:
    """A text without what does not make it another one: width, case, spaces, punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return folded if folded.isalnum() else "".join(char for char in folded if char.isalnum())


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
    for attempt in range(1, 200):
        empty = made == EMPTY
        if not empty.any():
            return made
        other = (_mixed(places + np.uint64(attempt * BINS)) % np.uint64(BINS)).astype(np.int64)
        made = np.where(empty, source[:, other], made)
    return made


def pairs(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs (first, later) of bare texts whose n-gram sets have at least this Jaccard similarity."""
    import numpy as np

    signed, seen = signatures(texts), set()
    for start in range(0, BINS, ROWS_PER_BAND):
        band = _mixed(signed[:, start : start + ROWS_PER_BAND] @ np.array([1, *MIX], np.uint64))
        order = np.argsort(band, kind="stable")
        ranked = band[order]
        begins = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        for begin, end in zip(begins, np.r_[begins[1:], len(ranked)], strict=True):
            group = order[begin:end]
            for place in range(1, len(group)):
                for other in {int(group[0]), int(group[place - 1])}:
                    pair = (min(other, int(group[place])), max(other, int(group[place])))
                    if pair not in seen:
                        seen.add(pair)
                        if alike(texts[pair[0]], texts[pair[1]], threshold):
                            yield pair


def alike(one: str, other: str, threshold: float) -> bool:
    """Whether two bare texts have at least this Jaccard similarity of their n-grams."""
    return one == other or jaccard(one, other) >= threshold


def jaccard(one: str, other: str) -> float:
    """Shared n-grams ÷ all n-grams of two bare texts."""
    first, second = (set(hashes(text).tolist()) for text in (one, other))
    return len(first & second) / max(1, len(first | second))


def groups(texts: Sequence[str], threshold: float) -> list[list[int]]:
    """Groups of two and more texts that are linked by near pairs; texts without a letter or digit belong to none."""
    plain = [bare(text) for text in texts]
    places = [place for place, text in enumerate(plain) if text]
    root = list(range(len(places)))

    def find(place: int) -> int:
        while root[place] != place:
            root[place] = root[root[place]]
            place = root[place]
        return place

    for one, other in pairs([plain[place] for place in places], threshold) if places else ():
        first, second = sorted((find(one), find(other)))
        root[second] = first
    found: dict[int, list[int]] = {}
    for index, place in enumerate(places):
        found.setdefault(find(index), []).append(place)
    return [group for group in found.values() if len(group) > 1]
