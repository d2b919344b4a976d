"""Asking a model: load it, put many questions at once, read the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.core.task import TASKS
from workbench.models.loading import load_model, load_tokenizer

# What a good first chat uses: the model is small, so a low temperature keeps a story on its track.
SAMPLING = {"do_sample": True, "temperature": 0.7, "top_p": 0.9}


def load(folder: Path) -> tuple[Any, Any]:
    """(tokenizer, model in fp32)."""
    tokenizer = load_tokenizer(folder)
    tokenizer.padding_side = "left"
    return tokenizer, load_model(folder, TASKS.get("chat"), {}).eval()


def answers(tokenizer: Any, model: Any, asked: list[str], sample: bool = False, tokens: int = 40) -> list[str]:
    """One answer for each question, in batches; greedy unless `sample`."""
    import torch

    said: list[str] = []
    for start in range(0, len(asked), 64):
        chats = [[{"role": "user", "content": text}] for text in asked[start : start + 64]]
        prompts = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            made = model.generate(**batch, max_new_tokens=tokens, **(SAMPLING if sample else {"do_sample": False}))
        new = made[:, batch["input_ids"].shape[1] :]
        said += [text.strip() for text in tokenizer.batch_decode(new, skip_special_tokens=True)]
    return said
