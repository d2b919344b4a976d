"""The order of training rows when rows of like lengths go into one batch: less padding, and still shuffled."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

POOL = 50
"""Batches sorted together: large enough for like lengths, small enough for another mix every epoch."""


class LikeLengths(Sampler[int]):
    """Shuffles the rows, sorts each pool of them by length, and shuffles the batches. Seeded by epoch."""

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self.lengths, self.batch, self.seed, self.epoch = list(lengths), batch, seed, 0

    def __len__(self) -> int:
        return len(self.lengths)

    def set_epoch(self, epoch: int) -> None:
        """Another order for every epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        dice = random.Random(self.seed * 1_000_003 + self.epoch)
        rows = list(range(len(self.lengths)))
        dice.shuffle(rows)
        size = POOL * self.batch
        pools = [
            sorted(rows[start : start + size], key=lambda row: self.lengths[row]) for start in range(0, len(rows), size)
        ]
        ordered = [row for pool in pools for row in pool]
        batches = [ordered[start : start + self.batch] for start in range(0, len(ordered), self.batch)]
        short = [batch for batch in batches if len(batch) < self.batch]
        batches = [batch for batch in batches if len(batch) == self.batch]
        dice.shuffle(batches)
        return iter([row for batch in [*batches, *short] for row in batch])
