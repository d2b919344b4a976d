"""What may be drawn is what transformers' own processors leave, and a row draws by its own seed."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from workbench.serve.sampling import Dice, Sampling, _penalised, chances, choose, likely

LOGITS = torch.randn(50, generator=torch.Generator().manual_seed(3)) * 3
HOWS = [
    {}, {"temperature": 0.5}, {"top_k": 5}, {"top_p": 0.7}, {"min_p": 0.2}, {"repetition_penalty": 1.8},
    {"temperature": 1.4, "top_k": 20, "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.2}, {"top_p": 0.0},
]  # fmt: skip


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_what_may_be_drawn_is_what_transformers_leaves(how: dict[str, Any]) -> None:
    seen = [4, 9, 9, 30]
    row = Dice(Sampling(**how), seen[:2], seen[2:])
    shares, places = chances(_penalised(LOGITS, row), row.how)
    mine = torch.zeros(50).index_put((places,), shares / shares.sum())
    theirs = LogitsProcessorList(
        [
            RepetitionPenaltyLogitsProcessor(row.how.repetition_penalty),
            TemperatureLogitsWarper(row.how.temperature),
            *([TopKLogitsWarper(row.how.top_k)] if row.how.top_k else []),
            TopPLogitsWarper(row.how.top_p),
            MinPLogitsWarper(row.how.min_p),
        ]
    )(torch.tensor([seen]), LOGITS[None].clone())[0].softmax(-1)
    assert torch.allclose(mine, theirs, atol=1e-6)


def test_presence_and_frequency_count_the_answer_only() -> None:
    row = Dice(Sampling(presence_penalty=0.5, frequency_penalty=0.25), [1, 1, 1], [2, 2, 3])
    taken = LOGITS - _penalised(LOGITS, row)
    assert taken[[1, 2, 3]].tolist() == pytest.approx([0, 1.0, 0.75], abs=1e-5)


def test_rows_draw_apart_and_by_their_seeds() -> None:
    def drawn(seeds: list[int], count: int = 12) -> list[list[int]]:
        rows = [Dice(Sampling(temperature=1.0, seed=seed), [1]) for seed in seeds]
        return [
            list(row) for row in zip(*(choose(LOGITS.expand(len(rows), -1), rows) for _ in range(count)), strict=True)
        ]

    first, second = drawn([1, 2])
    assert first != second
    assert drawn([2]) == [second]
    assert drawn([-5, 2, 1])[1:] == [second, first]


def test_draws_follow_the_shares() -> None:
    row = Dice(Sampling(temperature=1.0, seed=0), [1])
    logits = torch.tensor([[math.log(share) for share in (0.6, 0.3, 0.1)]])
    counts = torch.bincount(torch.tensor([choose(logits, [row])[0] for _ in range(3000)])) / 3000
    assert counts.tolist() == pytest.approx([0.6, 0.3, 0.1], abs=0.03)


def test_probabilities_are_the_models_own() -> None:
    chosen, tops = likely(LOGITS, 7, 3)
    shares = LOGITS.log_softmax(-1)
    assert chosen == pytest.approx(float(shares[7]))
    assert [token for token, _ in tops] == LOGITS.topk(3).indices.tolist()
