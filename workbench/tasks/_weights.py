"""A loss for data that is not balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any


def weighted(labels: Sequence[int], size: int) -> Callable[..., Any]:
    """Cross entropy in which a row weighs n / (labels · rows of its label), as scikit-learn's "balanced" (King & Zeng, 2001).

    `labels` are those of the training rows, `size` how many the model tells apart; logits are of shape (batch, size).
    """
    import torch

    counts = Counter(labels)
    shares = torch.tensor([len(labels) / (len(counts) * max(1, counts[number])) for number in range(size)])

    def loss(outputs: Any, answers: Any, num_items_in_batch: Any = None) -> Any:
        each = torch.nn.functional.cross_entropy(outputs.logits.float(), answers, reduction="none")
        heavy = each * shares.to(answers.device)[answers]
        return heavy.mean() if num_items_in_batch is None else heavy.sum() / num_items_in_batch

    return loss
