"""What our own loop puts into a checkpoint, and how it stands again where a checkpoint stood (the Trainer does the same by itself)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerState

from workbench.core.files import read_json, write_json
from workbench.engine import checkpoint, spread
from workbench.engine.stage import NonFinite

MOVING, SHAPE = "optimizer.safetensors", "optimizer.json"


@dataclass(frozen=True)
class Standing:
    """Where a loop stands, gathered from all processes: what is trained, and the rest as tensors and their shape (under ZeRO: this
    process's own)."""

    learned: dict[str, Any]
    tensors: dict[str, Any]
    shape: Any


def gather(loop: Any) -> Standing:
    """Take part in gathering; NonFinite when what is trained is no number: damaged weights are never saved over good ones."""
    learned, tensors = checkpoint.trained(loop.model), dict[str, Any]()
    if not all(bool(torch.isfinite(value).all()) for value in learned.values()):
        raise NonFinite(loop.state.global_step, "weights")
    moving = {"scheduler": loop.scheduler, "scaler": loop.accelerator.scaler}
    states = {name: part.state_dict() for name, part in moving.items() if part}
    shape = flat({"optimizer": loop.spread.state(loop.model, loop.optimizer), **states}, tensors)
    return Standing(learned, tensors, shape)


def write(loop: Any, standing: Standing) -> None:
    """What is trained, the optimizer, the schedule, chance, and the step, into checkpoint-STEP; of the other processes, their chance."""
    folder, world = Path(loop.args.output_dir) / f"{checkpoint.STAGED}{loop.state.global_step}", loop.spread.world
    folder.mkdir(parents=True, exist_ok=True)
    save_file(checkpoint.chance(), str(folder / checkpoint.own(checkpoint.CHANCE, world.rank)))
    if world.main or world.hoards:
        save_file(standing.tensors, str(folder / checkpoint.own(MOVING, world.rank)))
        write_json(folder / checkpoint.own(SHAPE, world.rank), standing.shape)
    if world.main:
        save_file(standing.learned, str(folder / checkpoint.TRAINED))
        loop.state.save_to_json(str(folder / checkpoint.STATE))


def take_back(loop: Any, kept: Path) -> tuple[int, int]:
    """All of it but chance, whose turn comes with the first batch; (epoch, batches of it that were seen)."""
    planned, accumulate = loop.state.max_steps, loop.args.gradient_accumulation_steps
    checkpoint.lay(spread.plain(loop.model), kept / checkpoint.TRAINED)
    own = loop.spread.world.rank if loop.spread.world.hoards else 0
    shape, tensors = read_json(kept / checkpoint.own(SHAPE, own)), load_file(str(kept / checkpoint.own(MOVING, own)))
    found = whole(shape, tensors)
    loop.spread.restore(loop.model, loop.optimizer, found["optimizer"])
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
        tensors[name] = spread.full(value.detach()).cpu().clone().contiguous()
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
