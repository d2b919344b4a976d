"""What tasks share whose answers are scored token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.tasks import IGNORED


def learned_bytes(inputs: Sequence[dict[str, Any]], tokenizer: Any) -> list[int]:
    """UTF-8 bytes of what is predicted in every row (the first token of all never is); half a character at an end is left out."""
    learned = [[label for label in row["labels"][1:] if label != IGNORED] for row in inputs]
    texts = tokenizer.batch_decode(learned, skip_special_tokens=True)
    return [max(1, len(text.strip("\ufffd").encode())) for text in texts]


def of_tokens(predictions: Any) -> dict[str, dict[str, Any]]:
    """Inputs of the metrics over tokens and bytes."""
    nll, tokens = predictions["nll"], predictions["tokens"]
    size = predictions.get("bytes")
    return {
        "perplexity": {"predictions": nll, "references": tokens},
        **({"bits_per_byte": {"predictions": nll, "references": size}} if size else {}),
        "token_accuracy": {"predictions": predictions["right"], "references": tokens},
    }


def losses(predictions: Any) -> list[str]:
    """Loss per token of every row, in words."""
    return [f"{nll / max(1, count):.3f}" for nll, count in zip(predictions["nll"], predictions["tokens"], strict=True)]
