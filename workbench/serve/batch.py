"""Rows that are answered together: their caches side by side, padded on the left, joined and dropped between two steps.

Contract: a row's answer is the one it would get alone. What is not known here: which model or adapter is behind `Forward`.
Shapes: keys and values (rows, heads, length, width) per layer, mask (rows, length) with 1 where a row has something.
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
    """Caches of the rows, in order. `lengths` counts what a row's cache really holds."""

    def __init__(self) -> None:
        self.cache = DynamicCache()
        self.mask: Any = None
        self.lengths: list[int] = []

    @classmethod
    def of(cls, cache: Any) -> Batch:
        """One row that some other call has read, without padding."""
        made = cls()
        made.cache = DynamicCache([(layer.keys, layer.values) for layer in cache.layers])
        length = made.cache.get_seq_length()
        made.mask = torch.ones(1, length, dtype=torch.long, device=made.cache.layers[0].keys.device)
        made.lengths = [length]
        return made

    def __len__(self) -> int:
        return len(self.lengths)

    def join(self, other: Batch) -> None:
        """Take in another batch's rows, behind those that are here."""
        if not self.lengths:
            self.cache, self.mask, self.lengths = other.cache, other.mask, other.lengths
            return
        width = max(self.mask.shape[1], other.mask.shape[1])
        for mine, theirs in zip(self.cache.layers, other.cache.layers, strict=True):
            mine.keys = torch.cat([_wide(mine.keys, width), _wide(theirs.keys, width)])
            mine.values = torch.cat([_wide(mine.values, width), _wide(theirs.values, width)])
        self.mask = torch.cat([_wide(self.mask, width), _wide(other.mask, width)])
        self.lengths = self.lengths + other.lengths

    def keep(self, places: Sequence[int]) -> None:
        """Drop all other rows, and columns that nobody needs any more."""
        if len(places) == len(self.lengths):
            return
        if not places:
            self.__init__()  # type: ignore[misc]
            return
        chosen = torch.tensor(places, device=self.mask.device)
        self.lengths = [self.lengths[place] for place in places]
        self.mask = self.mask[chosen]
        cut = self.mask.shape[1] - max(self.lengths)
        self.mask = self.mask[:, cut:]
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[chosen][:, :, cut:], layer.values[chosen][:, :, cut:]

    def step(self, forward: Forward, tokens: Sequence[int]) -> Any:
        """One more token per row; logits (rows, vocabulary)."""
        device = self.mask.device
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=1)
        logits = forward(
            input_ids=torch.tensor(tokens, device=device)[:, None], attention_mask=self.mask,
            position_ids=torch.tensor(self.lengths, device=device)[:, None], past_key_values=self.cache, use_cache=True,
        ).logits[:, -1]  # fmt: skip
        self.lengths = [length + 1 for length in self.lengths]
        return logits


class Reading:
    """Prompts on their way into a batch, a chunk at a time."""

    def __init__(self, prompts: Sequence[list[int]], device: Any) -> None:
        self.batch, self.at = Batch(), 0
        width = max(map(len, prompts))
        self.ids = torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts], device=device)
        self.mask = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device)
        self.batch.lengths = [len(ids) for ids in prompts]

    def advance(self, forward: Forward) -> Any | None:
        """The next chunk; logits (rows, vocabulary) after the last one, else None."""
        start, self.at = self.at, min(self.at + CHUNK, self.ids.shape[1])
        places = (self.mask.cumsum(-1) - 1).clamp(min=0)
        made = forward(
            input_ids=self.ids[:, start : self.at], attention_mask=self.mask[:, : self.at],
            position_ids=places[:, start : self.at], past_key_values=self.batch.cache, use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        if self.at < self.ids.shape[1]:
            return None
        self.batch.mask = self.mask
        return made.logits[:, -1]


def _wide(tensor: Any, width: int) -> Any:
    """Padded on the left to so many columns: of a mask (rows, columns) or of keys (rows, heads, columns, width)."""
    axis = 1 if tensor.dim() == 2 else 2
    missing = width - tensor.shape[axis]
    if missing == 0:
        return tensor
    shape = [*tensor.shape[:axis], missing, *tensor.shape[axis + 1 :]]
    return torch.cat([tensor.new_zeros(shape), tensor], dim=axis)


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
    made.mask, made.lengths = batch.mask, list(batch.lengths)
    return made
