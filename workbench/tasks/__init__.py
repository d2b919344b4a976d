"""A file per task. Siblings never import one another; what they share is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.knob import knob
from workbench.core.task import TaskSection
from workbench.core.text import Text

IGNORED = -100
"""The label of a position that is not learned, as in torch's cross-entropy."""


class TalkSection(TaskSection):
    """A task whose rows are conversations."""

    chat_template: str = knob(
        "auto",
        Text("Chat template", "对话模板"),
        Text(
            "How a conversation is written for the model. auto: the model's own, or plain words (User: / Assistant:) where "
            "it has none.",
            "对话如何写给模型看。auto：用模型自带的模板；没有时用简单文字（User: / Assistant:）。",
        ),
        choices=(
            ("auto", Text("auto", "自动")),
            ("plain", Text("plain words", "简单文字")),
            ("chatml", Text("ChatML", "ChatML")),
        ),
        advanced=True,
    )


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

    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    width = batch["labels"].shape[1]  # positions put in front (prompt tuning) have logits too
    logits, labels = logits[:, -width:-1].float(), batch["labels"][:, 1:]
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    right = (logits.argmax(-1) == labels).sum(-1)
    counts = (labels != IGNORED).sum(-1)
    return list(zip(losses.sum(-1).tolist(), counts.tolist(), right.tolist(), strict=True))
