"""The next token of every row, each by its own settings and its own generator of random numbers.

Settings mean what transformers and OpenAI mean by them: penalties first, then temperature, top-k, top-p, min-p. A row's tokens
depend on nothing but its own logits, settings and seed, whoever shares the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

Likely = tuple[float, list[tuple[int, float]]]
"""The log-probability of the chosen token, and the likeliest tokens with theirs, by the model itself."""


@dataclass(frozen=True)
class Sampling:
    """How one answer is drawn. `temperature` 0: the likeliest token always."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = 0

    @property
    def plain(self) -> bool:
        """Whether nothing but the likeliest token is wanted."""
        penalties = (self.presence_penalty, self.frequency_penalty, self.repetition_penalty - 1)
        return self.temperature == 0 and not any(penalties)


@dataclass
class Dice:
    """What a row draws with: its settings, its prompt and answer so far, and its generator."""

    how: Sampling
    prompt: list[int]
    said: list[int] = field(default_factory=list)
    generator: Any = None

    def roll(self, device: Any) -> Any:
        """The generator, seeded on first use."""
        if self.generator is None:
            self.generator = torch.Generator(device)
            self.generator.seed() if self.how.seed is None else self.generator.manual_seed(self.how.seed)
        return self.generator


def choose(logits: Any, rows: Sequence[Dice]) -> list[int]:
    """A token per row of `logits` (rows, vocabulary)."""
    found: list[int] = logits.argmax(-1).tolist()
    for place, row in enumerate(rows):
        if not row.how.plain:
            found[place] = _drawn(logits[place].float(), row)
    return found


def _drawn(logits: Any, row: Dice) -> int:
    logits = _penalised(logits, row)
    if row.how.temperature == 0:
        return int(logits.argmax())
    shares, places = chances(logits, row.how)
    return int(places[torch.multinomial(shares, 1, generator=row.roll(logits.device))])


def chances(logits: Any, how: Sampling) -> tuple[Any, Any]:
    """Weights of the tokens that may be drawn, the likeliest first, and which tokens they are."""
    logits = logits / max(how.temperature, 1e-4)
    values, places = logits.topk(min(how.top_k, len(logits))) if how.top_k else logits.sort(descending=True)
    shares = values.softmax(-1)
    kept = (shares.cumsum(-1) - shares < how.top_p) & (shares >= how.min_p * shares[0])
    kept[0] = True
    return shares * kept, places


def _penalised(logits: Any, row: Dice) -> Any:
    """A copy with the penalties taken off: repetition counts prompt and answer, the others the answer only."""
    how = row.how
    if how.repetition_penalty != 1:
        seen = torch.tensor(sorted({*row.prompt, *row.said}), device=logits.device)
        values = logits[seen]
        worse = torch.where(values < 0, values * how.repetition_penalty, values / how.repetition_penalty)
        logits = logits.index_copy(0, seen, worse)
    if row.said and (how.presence_penalty or how.frequency_penalty):
        counts = torch.bincount(torch.tensor(row.said, device=logits.device), minlength=len(logits))[: len(logits)]
        logits = logits - how.frequency_penalty * counts - how.presence_penalty * (counts > 0)
    return logits


def likely(logits: Any, token: int, top: int) -> Likely:
    """By the model itself: before penalties and temperature."""
    shares = logits.float().log_softmax(-1)
    values, places = shares.topk(min(max(top, 1), len(shares)))
    tops = list(zip(places.tolist(), values.tolist(), strict=True))[:top]
    return float(shares[token]), tops
