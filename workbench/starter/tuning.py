"""What the gates train: a persona by LoRA, and a head that judges Chinese reviews; short readable loops."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

from workbench.core.task import TASKS
from workbench.models.loading import load_model, load_tokenizer

SEED = 5
PERSONA = {"rank": 16, "rate": 2e-3, "epochs": 8, "batch": 8}
SENTIMENT = {"rank": 16, "rate": 4e-4, "epochs": 3, "batch": 16}
WARMUP = 0.1


def add_lora(model: Any, kind: str, rank: int) -> Any:
    """LoRA on every linear layer of the blocks; a new head is trained whole."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(SEED)
    return get_peft_model(model, LoraConfig(task_type=kind, r=rank, lora_alpha=2 * rank, target_modules="all-linear"))


def train(model: Any, batches: list[Any], rate: float, epochs: int) -> float:
    """Adam with a linear schedule; returns the seconds it took."""
    import torch

    began, step, total = time.time(), 0, len(batches) * epochs
    optimizer = torch.optim.AdamW(
        [value for value in model.parameters() if value.requires_grad], lr=rate, weight_decay=0.0
    )
    model.train()
    for _ in range(epochs):
        for batch in random.Random(SEED + step).sample(batches, len(batches)):
            optimizer.param_groups[0]["lr"] = rate * min(
                (step + 1) / (WARMUP * total), (total - step) / ((1 - WARMUP) * total), 1.0
            )
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
    model.eval()
    return time.time() - began


def chat_batches(tokenizer: Any, rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Padded batches in which only what the assistant says is learned."""
    import torch

    encoded = [
        tokenizer.apply_chat_template(row["messages"], return_dict=True, return_assistant_tokens_mask=True)
        for row in rows
    ]
    batches = []
    for start in range(0, len(encoded), size):
        part = encoded[start : start + size]
        width = max(len(item["input_ids"]) for item in part)
        ids = torch.full((len(part), width), tokenizer.pad_token_id)
        labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
        for place, item in enumerate(part):
            tokens, told = torch.tensor(item["input_ids"]), torch.tensor(item["assistant_masks"])
            ids[place, : len(tokens)], mask[place, : len(tokens)] = tokens, 1
            labels[place, : len(tokens)] = tokens.where(told == 1, -100)
        batches.append({"input_ids": ids, "attention_mask": mask, "labels": labels})
    return batches


def text_batches(tokenizer: Any, rows: list[dict[str, Any]], names: list[str], size: int) -> list[dict[str, Any]]:
    """Padded batches of texts and label numbers."""
    import torch

    batches = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        batch = dict(
            tokenizer([row["text"] for row in part], return_tensors="pt", padding=True, truncation=True, max_length=128)
        )
        batches.append({**batch, "labels": torch.tensor([names.index(row["label"]) for row in part])})
    return batches


def classifier(folder: Path, pretrained: bool) -> tuple[Any, Any]:
    """(tokenizer, model with a fresh two-way head); without pretraining: the same net with random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    torch.manual_seed(SEED)
    tokenizer = load_tokenizer(folder)
    if pretrained:
        return tokenizer, load_model(folder, TASKS.get("text-classification"), {"num_labels": 2})
    config = AutoConfig.from_pretrained(folder, num_labels=2)
    return tokenizer, AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)


def accuracy(model: Any, batches: list[dict[str, Any]]) -> float:
    """Share of right labels."""
    import torch

    right = total = 0
    with torch.inference_mode():
        for batch in batches:
            right += int((model(**batch).logits.argmax(-1) == batch["labels"]).sum())
            total += len(batch["labels"])
    return right / total
