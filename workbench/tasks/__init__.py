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
