"""What our own loop puts into a checkpoint, and how it stands again where a checkpoint stood (the Trainer does the same by itself)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerState

from workbench.core.files import read_json, write_json
from workbench.engine import checkpoint

MOVING, SHAPE = "optimizer.safetensors", "optimizer.json"


def write(loop: Any) -> None:
    """What is trained, the optimizer, the schedule, chance, and the step, into checkpoint-STEP."""
    folder = Path(loop.args.output_dir) / f"{checkpoint.STAGED}{loop.state.global_step}"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(checkpoint.trained(loop.accelerator.unwrap_model(loop.model)), str(folder / checkpoint.TRAINED))
    save_file(checkpoint.chance(), str(folder / checkpoint.CHANCE))
    moving = {"optimizer": loop.optimizer, "scheduler": loop.scheduler, "scaler": loop.accelerator.scaler}
    tensors: dict[str, Any] = {}
    shape = flat({name: part.state_dict() for name, part in moving.items() if part}, tensors)
    save_file(tensors, str(folder / MOVING))
    write_json(folder / SHAPE, shape)
    loop.state.save_to_json(str(folder / checkpoint.STATE))


def take_back(loop: Any, kept: Path) -> tuple[int, int]:
    """All of it but chance, whose turn comes with the first batch; (epoch, batches of it that were seen)."""
    planned, accumulate = loop.state.max_steps, loop.args.gradient_accumulation_steps
    checkpoint.lay(loop.accelerator.unwrap_model(loop.model), kept / checkpoint.TRAINED)
    found = whole(read_json(kept / SHAPE), load_file(str(kept / MOVING)))
    loop.optimizer.load_state_dict(found["optimizer"])
    loop.scheduler.load_state_dict(found["scheduler"])
    if loop.accelerator.scaler is not None:
        loop.accelerator.scaler.load_state_dict(found["scaler"])
    loop.state = TrainerState.load_from_json(str(kept / checkpoint.STATE))
    loop.state.max_steps = planned
    epoch, steps = divmod(loop.state.global_step, math.ceil(len(loop.loader) / accumulate))
    return epoch, steps * accumulate


def flat(value: Any, tensors: dict[str, Any]) -> Any:
    """A state as JSON, its tensors put into `tensors` by number: no pickle is ever read. Keys keep their type."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, flat(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [flat(item, tensors) for item in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"a state holds {type(value).__name__}, which is not known here")


def whole(shape: Any, tensors: dict[str, Any]) -> Any:
    """The state again."""
    if not isinstance(shape, dict):
        return shape
    ((kind, value),) = shape.items()
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: whole(item, tensors) for key, item in value}
    made = [whole(item, tensors) for item in value]
    return tuple(made) if kind == "tuple" else made
