"""Whether a model divides its loss by the number of answers it is told.

Many models of transformers take `num_items_in_batch` and ignore it (BERT's and T5's heads do): their loss is the mean of one batch. Taken
for a share of a larger sum, such means would be added up: over the batches of a step with gradient accumulation, and over processes.
Signatures do not tell, so the model is asked.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

FEW = 2
"""Rows it is asked with."""


def counted(model: Any, rows: Sequence[dict[str, Any]], pad: Any, device: str) -> bool:
    """True when twice as many answers make half the loss."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not any(each.kind is each.VAR_KEYWORD for each in inspect.signature(base.forward).parameters.values()):
        return False
    import torch

    was = model.training
    model.eval()
    with torch.no_grad():
        batch = {name: value.to(device) for name, value in pad(list(rows[:FEW])).items()}
        try:
            one, half = (
                model(**batch, num_items_in_batch=torch.tensor(count, device=device)).loss.item() for count in (8, 16)
            )
        except (RuntimeError, TypeError, ValueError, AttributeError):
            one, half = 1.0, 1.0
    model.train(was)
    return abs(one - 2 * half) <= 1e-2 * abs(one)
