"""A file per task. Siblings never import one another; what they share is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

IGNORED = -100
"""The label of a position that is not learned, as in torch's cross-entropy."""


def pad_right(tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Pads every list of a row on the right to the longest of its name; single numbers become one tensor.

    What padding is worth: the tokenizer's padding ids, mask 0, labels IGNORED. Padding is known by position, never by
    its id.
    """
    worth = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id, "labels": IGNORED}

    def pad(rows: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch = {}
        for name, first in rows[0].items():
            values = [row[name] for row in rows]
            if isinstance(first, list):
                longest, filler = max(map(len, values)), worth.get(name, 0)
                values = [value + [filler] * (longest - len(value)) for value in values]
            batch[name] = torch.tensor(values)
        return batch

    return pad


def token_sums(batch: dict[str, Any], model: Any) -> list[tuple[float, int, int]]:
    """Per row of a causal batch: summed loss of the labelled tokens, their number, and how many were the first choice."""
    import torch

    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1].float()
    labels = batch["labels"][:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    right = (logits.argmax(-1) == labels).sum(-1)
    counts = (labels != IGNORED).sum(-1)
    return list(zip(losses.sum(-1).tolist(), counts.tolist(), right.tolist(), strict=True))
