"""What our own loop puts into a checkpoint, and how it stands again where a checkpoint stood (the Trainer does the same by itself)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import TrainerState

from workbench.engine import checkpoint

MOVING = "optimizer.pt"


def write(loop: Any) -> None:
    """What is trained, the optimizer, the schedule, chance, and the step, into checkpoint-STEP."""
    folder = Path(loop.args.output_dir) / f"{checkpoint.STAGED}{loop.state.global_step}"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(checkpoint.trained(loop.accelerator.unwrap_model(loop.model)), str(folder / checkpoint.TRAINED))
    save_file(checkpoint.chance(), str(folder / checkpoint.CHANCE))
    moving = {"optimizer": loop.optimizer, "scheduler": loop.scheduler, "scaler": loop.accelerator.scaler}
    torch.save({name: part.state_dict() for name, part in moving.items() if part}, folder / MOVING)
    loop.state.save_to_json(str(folder / checkpoint.STATE))


def take_back(loop: Any, kept: Path) -> tuple[int, int]:
    """All of it but chance, whose turn comes with the first batch; (epoch, batches of it that were seen)."""
    planned, accumulate = loop.state.max_steps, loop.args.gradient_accumulation_steps
    checkpoint.lay(loop.accelerator.unwrap_model(loop.model), kept / checkpoint.TRAINED)
    found = torch.load(kept / MOVING, map_location="cpu", weights_only=True)
    loop.optimizer.load_state_dict(found["optimizer"])
    loop.scheduler.load_state_dict(found["scheduler"])
    if loop.accelerator.scaler is not None:
        loop.accelerator.scaler.load_state_dict(found["scaler"])
    loop.state = TrainerState.load_from_json(str(kept / checkpoint.STATE))
    loop.state.max_steps = planned
    epoch, steps = divmod(loop.state.global_step, math.ceil(len(loop.loader) / accumulate))
    return epoch, steps * accumulate
