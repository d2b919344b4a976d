"""What the Trainer does, as events: a line per step, checkpoints with a manifest, and the wish to stop looked at each step."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from transformers import TrainerCallback

from workbench.core.files import sha256, sync_folder, write_json
from workbench.engine.best import Best
from workbench.engine.hardware import memory_mb
from workbench.engine.stage import Stage, Stopped

MANIFEST = "manifest.json"


class Reporter(TrainerCallback):
    """Writes events; asks the Trainer to save and end when a person wants the run to stop."""

    trainer: Any = None
    after_step: Callable[[int], None] = staticmethod(lambda step: None)
    """The method's own turn after each optimizer step."""
    best: Best | None = None
    plan: Callable[[int], None] = staticmethod(lambda steps: None)
    """Told how many steps there will be."""

    def __init__(self, stage: Stage, device: str, keep: int) -> None:
        self.stage, self.device, self.keep = stage, device, keep
        self.process = psutil.Process()
        self.began = self.last = time.monotonic()
        self.tokens = 0
        self.stopped = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The clock of the steps starts here; the method learns how many there will be."""
        self.plan(state.max_steps)
        self.began = self.last = time.monotonic()

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The method's turn, between the optimizer's step and the end of the gradients."""
        self.after_step(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One look at the stop file; a run whose folder was deleted has nobody left to train for."""
        self.stage.step = state.global_step
        if not self.stage.run.folder.is_dir():
            raise Stopped
        if self.stage.run.stop_asked:
            self.stopped = control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """A step, or the held-out loss; the Trainer's closing summary is no step."""
        logs = logs or {}
        if "eval_loss" in logs:
            self.stage.write("eval", step=state.global_step, loss=round(logs["eval_loss"], 6))
        elif "loss" in logs:
            self._step(state, logs)

    def _step(self, state: Any, logs: dict[str, Any]) -> None:
        now, count = time.monotonic(), self.trainer.take_tokens()
        pace = count / max(now - self.last, 1e-9)
        self.last = now
        self.tokens += count
        self.stage.write(
            "step",
            step=state.global_step,
            total=state.max_steps,
            epoch=round(state.epoch or 0.0, 4),
            loss=round(logs["loss"], 6),
            learning_rate=logs.get("learning_rate"),
            grad_norm=round(logs["grad_norm"], 6) if "grad_norm" in logs else None,
            tokens_per_second=round(pace, 1),
            memory_mb=memory_mb(self.process, self.device),
            seconds=round(now - self.began, 3),
        )

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """The best weights are kept; enough looks without better ones end the run. Its time is not the next step's."""
        if self.best and self.best.look(self.trainer.model, state.global_step, (metrics or {}).get("eval_loss", 0.0)):
            control.should_training_stop = True
        self.last = time.monotonic()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Manifest last, then the name that readers look for, then room for it."""
        made = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        seal(made, state.global_step)
        place = made.with_name(f"step-{state.global_step}")
        shutil.rmtree(place, ignore_errors=True)
        made.rename(place)
        sync_folder(place.parent)
        self.stage.write("checkpoint", step=state.global_step)
        prune(place.parent, self.keep)
        self.last = time.monotonic()


def seal(folder: Path, step: int) -> None:
    """Write the manifest: size and sha256 of every file. A folder without a matching one is torn."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    files = {str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": sha256(path)} for path in paths}
    write_json(folder / MANIFEST, {"step": step, "files": files})


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest checkpoints."""
    steps = sorted(folder.glob("step-*"), key=lambda path: int(path.name.partition("-")[2]))
    for old in steps[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
