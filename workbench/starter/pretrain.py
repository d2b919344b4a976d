"""Training the starter model from scratch: our own loop, one mixed phase, loss on documents and on answers.

OMP_NUM_THREADS=1 python -m workbench.starter pretrain --minutes 60
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.starter.corpus import SEED, stream
from workbench.starter.tokenizer import ASSISTANT, END

LENGTH, ROWS = 256, 8
SETTLE = 8e-4
PEAK, FLOOR, WARMUP = 2e-3, 1e-4, 150
MEASURE = (10, 40)  # the first steps are slower than the rest, so they are not measured
CONFIG: dict[str, Any] = {
    "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4,
    "max_position_embeddings": 512, "tie_word_embeddings": True, "rms_norm_eps": 1e-5,
}  # fmt: skip


def blocks(tokenizer: Any, seed: int, stories: float = 0.0) -> Iterator[tuple[list[int], list[int]]]:
    """(tokens, labels) of LENGTH + 1 each; labels are -100 where the user or the system speaks."""
    tokens: list[int] = []
    labels: list[int] = []
    end, assistant = tokenizer.convert_tokens_to_ids([END, ASSISTANT])
    for item in stream(seed, stories):
        if isinstance(item, str):
            ids = [*tokenizer(" " + item)["input_ids"], end]
            tokens += ids
            labels += ids
        else:
            for turn in item:
                ids = tokenizer(" " + turn["content"])["input_ids"] + [end]
                role = tokenizer.convert_tokens_to_ids(f"<|{turn['role']}|>")
                tokens += [role, *ids]
                labels += [-100, *(ids if role == assistant else [-100] * len(ids))]
        while len(tokens) > LENGTH:
            yield tokens[: LENGTH + 1], labels[: LENGTH + 1]
            tokens, labels = tokens[LENGTH:], labels[LENGTH:]


def rate(step: int, total: int) -> float:
    """Warm-up, then cosine to the floor."""
    if step < WARMUP:
        return PEAK * (step + 1) / WARMUP
    return FLOOR + (PEAK - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - WARMUP) / max(1, total - WARMUP))))


def build(tokenizer: Any) -> Any:
    """A fresh model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        **CONFIG,
    )
    return LlamaForCausalLM(config)


def settle(step: int, total: int) -> float:
    """The second phase: from SETTLE down to nothing."""
    return SETTLE * max(0.0, 1 - step / total)


def pretrain(tokenizer_folder: Path, out: Path, minutes: float) -> None:
    """The first phase: a fresh model on the mixed stream."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    run(build(tokenizer), tokenizer, blocks(tokenizer, SEED + 1), out, Pace(minutes, rate))


def anneal(folder: Path, out: Path, minutes: float) -> None:
    """The second phase: the same model, a falling rate, every other text a story (what the first phase learned last)."""
    from workbench.starter.asking import load

    tokenizer, model = load(folder)
    run(model, tokenizer, blocks(tokenizer, SEED + 2, stories=0.5), out, Pace(minutes, settle))


@dataclass(frozen=True)
class Pace:
    """How long, and how the rate goes: (step, all steps) → learning rate."""

    minutes: float
    rate: Callable[[int, int], float]
    save_every: float = 300.0


def run(model: Any, tokenizer: Any, source: Iterator[tuple[list[int], list[int]]], out: Path, pace: Pace) -> None:
    """Train for about `pace.minutes`; the number of steps is planned from the speed of the first ones."""
    import torch

    torch.set_num_threads(1)
    model.train()
    optimizer = adam(model)
    began = warm = saved = time.time()
    total, mean = 10**6, 0.0
    for step in range(total):
        if step == MEASURE[0]:
            warm = time.time()
        if step == MEASURE[1]:
            total = planned(step, time.time() - warm, pace.minutes * 60 - (time.time() - began))
        loss = learn(model, optimizer, [next(source) for _ in range(ROWS)], pace.rate(step, total))
        mean = 0.98 * mean + 0.02 * loss if step else loss
        passed = (time.time() - began) / 60
        if step % 50 == 0:
            say(step=step, of=total, loss=round(mean, 4), minutes=round(passed, 1))
        # A minute of grace: a machine that slowed down must not hold the run for ever.
        done = step + 1 >= total or passed > pace.minutes + 1
        if done or time.time() - saved > pace.save_every:
            save(model, tokenizer, out)
            saved = time.time()
        if done:
            return


def adam(model: Any) -> Any:
    """AdamW; norms are not pulled towards zero."""
    import torch

    decay = [value for value in model.parameters() if value.dim() > 1]
    plain = [value for value in model.parameters() if value.dim() == 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.95), fused=True)


def planned(step: int, seconds: float, left: float) -> int:
    """How many steps fit in the time that is left, by the speed of the measured ones."""
    speed = seconds / (MEASURE[1] - MEASURE[0])
    total = int(left / speed) + step
    say(planned_steps=total, tokens=total * LENGTH * ROWS, tokens_per_second=round(LENGTH * ROWS / speed))
    return total


def learn(model: Any, optimizer: Any, batch: list[tuple[list[int], list[int]]], speed: float) -> float:
    """One step; returns its loss."""
    import torch

    for group in optimizer.param_groups:
        group["lr"] = speed
    tokens, labels = (torch.tensor(part) for part in zip(*batch, strict=True))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=tokens[:, :-1]).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.item())


def say(**facts: Any) -> None:
    """One line of the log."""
    print(json.dumps(facts), flush=True)


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Weights in fp16 (half the file; loading turns them into what the machine likes), tokenizer, generation defaults."""
    import copy

    import torch

    half = copy.deepcopy(model).to(torch.float16)
    half.generation_config.pad_token_id = tokenizer.pad_token_id
    half.generation_config.eos_token_id = tokenizer.eos_token_id
    half.save_pretrained(out, safe_serialization=True)
    tokenizer.save_pretrained(out)
