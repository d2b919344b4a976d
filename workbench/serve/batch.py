"""Rows that are answered together: their caches side by side, padded on the left, joined and dropped between two steps.

Contract: a row's answer is the one it would get alone. What is not known here: which model or adapter is behind `Forward`.
Shapes: keys and values (rows, heads, columns, width) per layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import DynamicCache

Forward = Callable[..., Any]
"""A model's forward, for the rows it is given."""
CHUNK = 512
"""Tokens of a prompt that are read at once; in between, the others go on and one may stop."""


class Batch:
    """Caches of the rows, in order. `lengths` counts what a row's cache really holds; the rest of the `width` lies before it, masked."""

    def __init__(self) -> None:
        self.cache = DynamicCache()
        self.lengths: list[int] = []

    @classmethod
    def of(cls, cache: Any) -> Batch:
        """One row that some other call has read, without padding."""
        made = cls()
        made.cache = DynamicCache([(layer.keys, layer.values) for layer in cache.layers])
        made.lengths = [made.width]
        return made

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def width(self) -> int:
        """Columns of the cache."""
        return int(self.cache.get_seq_length())

    def join(self, other: Batch) -> None:
        """Take in another batch's rows, behind those that are here."""
        if not self.lengths:
            self.cache, self.lengths = other.cache, other.lengths
            return
        width = max(self.width, other.width)
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            mine.keys = torch.cat([_wide(mine.keys, width), _wide(theirs.keys, width)])
            mine.values = torch.cat([_wide(mine.values, width), _wide(theirs.values, width)])
        self.lengths = self.lengths + other.lengths

    def keep(self, places: Sequence[int]) -> None:
        """Drop all other rows, and columns that nobody needs any more."""
        if len(places) == len(self.lengths):
            return
        if not places:
            self.__init__()  # type: ignore[misc]
            return
        chosen = torch.tensor(places, device=self.cache.layers[0].keys.device)
        self.lengths = [self.lengths[place] for place in places]
        cut = self.width - max(self.lengths)
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[chosen][:, :, cut:], layer.values[chosen][:, :, cut:]

    def step(self, forward: Forward, tokens: Sequence[int]) -> Any:
        """One more token per row; logits (rows, vocabulary)."""
        device, before = self.cache.layers[0].keys.device, self.lengths
        self.lengths = [length + 1 for length in before]
        logits = forward(
            input_ids=torch.tensor(tokens, device=device)[:, None],
            attention_mask=_mask(self.lengths, self.width + 1, device),
            position_ids=torch.tensor(before, device=device)[:, None], past_key_values=self.cache, use_cache=True,
        ).logits[:, -1]  # fmt: skip
        return logits


class Reading:
    """Prompts on their way into a batch, a chunk at a time."""

    def __init__(self, prompts: Sequence[list[int]], device: Any) -> None:
        self.batch, self.at = Batch(), 0
        self.batch.lengths = [len(ids) for ids in prompts]
        width = max(self.batch.lengths)
        self.ids = torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts], device=device)
        self.mask = _mask(self.batch.lengths, width, device)
        behind = torch.tensor([width - length for length in self.batch.lengths], device=device)
        self.places = (torch.arange(width, device=device) - behind[:, None]).clamp(min=0)

    def advance(self, forward: Forward) -> Any | None:
        """The next chunk; logits (rows, vocabulary) after the last one, else None."""
        start, self.at = self.at, min(self.at + CHUNK, self.ids.shape[1])
        made = forward(
            input_ids=self.ids[:, start : self.at], attention_mask=None if self.mask is None else self.mask[:, : self.at],
            position_ids=self.places[:, start : self.at], past_key_values=self.batch.cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        return None if self.at < self.ids.shape[1] else made.logits[:, -1]


def _mask(lengths: Sequence[int], width: int, device: Any) -> Any:
    """1 where a row has something; None where every row is full, which models compute faster."""
    if min(lengths) == width:
        return None
    behind = torch.tensor([width - length for length in lengths], device=device)
    return (torch.arange(width, device=device) >= behind[:, None]).long()


def _wide(tensor: Any, width: int) -> Any:
    """Keys or values (rows, heads, columns, width) padded on the left to so many columns."""
    rows, heads, columns, inner = tensor.shape
    return (
        tensor
        if columns == width
        else torch.cat([tensor.new_zeros(rows, heads, width - columns, inner), tensor], dim=2)
    )


def agrees(forward: Forward, device: Any, tolerance: float = 1e-3) -> bool:
    """Whether a model answers two short rows together as it does each alone; one that keeps something else than keys and values cannot."""
    prompts, tokens = ([5, 9, 6, 8, 7], [6, 5, 7]), (7, 6)
    try:
        alone, both = [], Batch()
        for ids, token in zip(prompts, tokens, strict=True):
            read = Reading([ids], device)
            read.advance(forward)
            both.join(_copied(read.batch))
            alone.append(read.batch.step(forward, [token]))
        together = both.step(forward, tokens)
    except (RuntimeError, ValueError, TypeError, AttributeError, LookupError, NotImplementedError):
        return False
    apart = (torch.cat(alone).float() - together.float()).abs().max()
    return bool(apart <= tolerance * together.float().abs().max())


def _copied(batch: Batch) -> Batch:
    made = Batch()
    made.cache = DynamicCache([(layer.keys, layer.values) for layer in batch.cache.layers])
    made.lengths = list(batch.lengths)
    return made
