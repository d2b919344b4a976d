"""What a loop does, as events: a line per step, checkpoints, and the wish to stop or to pause looked at each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from transformers import TrainerCallback

from workbench.core.files import read_json
from workbench.engine import spread
from workbench.engine.best import Best
from workbench.engine.checkpoint import SESSION, Keeper
from workbench.engine.hardware import memory_mb
from workbench.engine.stage import LEAVE, STOP, Stage, Stopped

NEVER = 1_000_000_000
"""Steps that no run has."""


class Reporter(TrainerCallback):
    """Writes events; asks the Trainer to save and end when a person wants the run to stop."""

    trainer: Any = None
    after_step: Callable[[int], None] = staticmethod(lambda step: None)
    """The method's own turn after each optimizer step."""
    best: Best | None = None
    plan: Callable[[int], None] = staticmethod(lambda steps: None)
    """Told how many steps there will be."""
    memory: Callable[[], dict[str, Any]] = staticmethod(dict)
    """What the method has in mind (Method.memory)."""
    over: bool = False
    """Whether the held-out loss has said that more steps bring nothing."""
    before: float = 0.0
    """Seconds that earlier workers spent on the steps that are done."""

    def __init__(self, stage: Stage, device: str, keeper: Keeper) -> None:
        self.stage, self.device, self.keeper = stage, device, keeper
        self.process = psutil.Process()
        self.began = self.last = time.monotonic()
        self.tokens = self.looked = 0
        self.stopped = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The clock of the steps starts here; the method learns how many there will be."""
        spread.assert_spread(self.stage.world, self.trainer)
        self.plan(state.max_steps)
        self.last = time.monotonic()
        self.began = self.last - self.before

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The method's turn, between the optimizer's step and the end of the gradients."""
        self.after_step(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One look at what is asked for; a run whose folder was deleted has nobody left to train for. Held-out rows are looked at
        before a checkpoint is made of the same step, so that no look is lost between the two."""
        self.stage.step = state.global_step
        held = self.stage.hold()
        if self.stage.wish == LEAVE:
            raise Stopped
        self.began, self.last = self.began + held, self.last + held
        if args.eval_strategy.value != "no":
            ended = args.eval_steps >= NEVER and float(state.epoch or 0).is_integer()
            control.should_evaluate |= ended or state.global_step >= state.max_steps
        if self.stage.wish == STOP:
            self.stopped = control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """A step, or the held-out loss; the Trainer's closing summary is no step."""
        logs = logs or {}
        if "eval_loss" in logs:
            self.stage.write("eval", step=state.global_step, loss=round(logs["eval_loss"], 6))
        elif "loss" in logs:
            self._step(state, logs)

    def _step(self, state: Any, logs: dict[str, Any]) -> None:
        now, count = time.monotonic(), int(self.stage.world.sum(self.trainer.take_tokens()))
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

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A batch of held-out rows was looked at."""
        self.looked += 1
        rows = len(kwargs["eval_dataloader"].dataset)
        self.stage.still_here(min(rows, self.looked * args.eval_batch_size), rows)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """The best weights are kept; enough looks without better ones end the run. Its time is not the next step's."""
        loss = self.stage.world.agree((metrics or {}).get("eval_loss", 0.0))
        if self.best and self.best.look(self.trainer.model, state.global_step, loss):
            control.should_training_stop = self.over = True
        self.last, self.looked = time.monotonic(), 0

    def keep(self, write: Callable[[], None]) -> None:
        """A checkpoint: `write` puts the loop's part into its folder."""
        state, best = self.trainer.state, self.best
        facts = {
            "seconds": round(time.monotonic() - self.began, 3),
            "tokens": self.tokens,
            "best": best and best.facts(),
            "over": self.over,
        }
        self.keeper.save(state.global_step, write, facts, self.memory())
        if best and self.stage.world.main:
            best.forget(but={best.step, *self.keeper.kept_best()})
        self.last = time.monotonic()

    def go_on(self, folder: Path) -> None:
        """Stand where a checkpoint stood."""
        facts = read_json(folder / SESSION) or {}
        self.before, self.tokens = float(facts.get("seconds") or 0), int(facts.get("tokens") or 0)
        if self.best:
            self.best.go_on(facts.get("best"))
