"""A training loop to read from top to bottom: what Hugging Face's Trainer does, without its many doors.

batch → loss → gradients → clip → step → learning rate → again; now and then look at the held-out rows, and save. The same
recipe and seed give the same losses as the Trainer (tests/engine/test_engine_loop.py). Devices, precision and several
processes are Accelerate's business; what is told to the page goes through the same callback as the Trainer's.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerControl, TrainerState, TrainingArguments, get_scheduler, set_seed
from transformers.loss.loss_utils import LOSS_MAPPING, ForCausalLMLoss
from transformers.trainer_pt_utils import get_parameter_names

from workbench.engine import checkpoint, loopstate, packing, spread
from workbench.engine.trainer import Collator, Rows, check_numbers

Batch = dict[str, Any]
IGNORED = -100
NO_DECAY = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
"""Biases and norms are not pulled towards zero."""


class Loop:
    """One model, its rows, and the settings of TrainingArguments."""

    method_groups: list[dict[str, Any]] | None = None
    """Parameter groups the method wants instead of one learning rate for all."""
    counted = True
    """Whether the model divides its loss by the number of answers it is told (workbench.engine.answers)."""

    def __init__(self, model: Any, settings: dict[str, Any], rows: tuple[Rows, Rows | None], pads: tuple[Collator, Collator], callback: Any, own: Any = None) -> None:  # fmt: skip
        self.args = args = TrainingArguments(**settings)
        self.model, self.rows, self.pads, self.callback = model, rows, pads, callback
        self.state, self.control, self.tokens = TrainerState(), TrainerControl(), torch.tensor(0)
        self.accelerator = Accelerator(
            cpu=args.use_cpu,
            mixed_precision="bf16" if args.bf16 else "fp16" if args.fp16 else "no",
            dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True, even_batches=True),
        )
        callback.trainer, self.own = self, own
        self.spread = spread.Spread(callback.stage, self.accelerator, args)
        set_seed(args.seed)

    def train(self, resume_from_checkpoint: str | None = None) -> None:
        """Every step of every epoch; from a checkpoint, those that are left."""
        self._prepare()
        kept = Path(resume_from_checkpoint) if resume_from_checkpoint else None
        begin, seen = loopstate.take_back(self, kept) if kept else (0, 0)
        self.callback.on_train_begin(self.args, self.state, self.control)
        for epoch in itertools.count(begin):
            again = (seen, kept) if epoch == begin else (0, None)
            for seen, batches in self._chunks(epoch, *again):
                self.state.epoch = epoch + seen / len(self.loader)
                self._step(batches)
                self._look()
                if self.control.should_training_stop or self.state.global_step >= self.state.max_steps:
                    self._save()
                    return

    def _prepare(self) -> None:
        """Data, optimizer and learning rate, handed to Accelerate, which puts them on the device."""
        args, model = self.args, self.model
        if getattr(args, "activation_checkpointing", False):
            model.activation_checkpointing_enable()
        order = self.rows[0].sampler
        loader = DataLoader(
            self.rows[0], args.per_device_train_batch_size, order is None, order, collate_fn=self.pads[0]
        )
        made, extras = Trainer.get_optimizer_cls_and_kwargs(args, model)
        optimizer = made(self.spread.groups(self.method_groups or self._groups()), **extras)
        self.model, self.optimizer, self.loader = self.spread.prepare(model, optimizer, loader)
        per_epoch = math.ceil(len(self.loader) / args.gradient_accumulation_steps)
        epochs = math.ceil(args.num_train_epochs * per_epoch)
        self.state.max_steps = args.max_steps if args.max_steps > 0 else epochs
        warmup = args.get_warmup_steps(self.state.max_steps)
        self.scheduler = get_scheduler(args.lr_scheduler_type, self.optimizer, warmup, self.state.max_steps)
        self.model.zero_grad()

    def _groups(self) -> list[dict[str, Any]]:
        """What is trained, in two groups: with weight decay and without."""
        decayed = set(get_parameter_names(self.model, [torch.nn.LayerNorm], NO_DECAY))
        trained = [(name, value) for name, value in self.model.named_parameters() if value.requires_grad]
        return [
            {"params": [value for name, value in trained if name in decayed], "weight_decay": self.args.weight_decay},
            {"params": [value for name, value in trained if name not in decayed], "weight_decay": 0.0},
        ]

    def _chunks(self, epoch: int, seen: int, kept: Path | None) -> Iterator[tuple[int, list[Batch]]]:
        """The batches of an epoch after those `seen`, as many at a time as gradients are added up; and how many have been seen.

        To begin an epoch takes a random number, so chance is set back to that of the checkpoint before it begins, or in its middle.
        """
        loader = self.accelerator.skip_first_batches(self.loader, seen) if seen else self.loader
        loader.set_epoch(epoch)  # another order of the rows, the same one for the same seed
        if kept and not seen:
            checkpoint.set_chance(kept / checkpoint.own(checkpoint.CHANCE, self.spread.world.rank))
        batches = iter(loader)
        if kept and seen:
            batches = itertools.chain([next(batches)], batches)
            checkpoint.set_chance(kept / checkpoint.own(checkpoint.CHANCE, self.spread.world.rank))
        while chunk := list(itertools.islice(batches, self.args.gradient_accumulation_steps)):
            seen += len(chunk)
            yield seen, chunk

    def _step(self, batches: list[Batch]) -> None:
        """One step of the optimizer from the gradients of all `batches`."""
        self.model.train()
        answers, total = self._answers(batches), torch.tensor(0.0, device=self.accelerator.device)
        for index, batch in enumerate(batches):
            last = index == len(batches) - 1
            with self.accelerator.autocast(), self.spread.together(self.model, last):
                loss = self._loss(batch, answers)  # of gradients, processes take the mean
                loss = loss * self.spread.world.feeds if answers is not None else loss / len(batches)
                self.spread.backward(self.model, loss)
            total += loss.detach().to(total.device)
            self.tokens = self.tokens + packing.tokens(batch)
        limit = self.args.max_grad_norm or math.inf
        norm = self.spread.step(self.model, self.optimizer, limit)
        self.callback.on_optimizer_step(self.args, self.state, self.control)
        rate = self.scheduler.get_last_lr()[0]
        if not self.accelerator.optimizer_step_was_skipped:  # fp16 skips a step whose gradients overflow
            self.scheduler.step()
        self.model.zero_grad()
        self.state.global_step += 1
        self.callback.on_step_end(self.args, self.state, self.control)
        self._tell({"loss": self.spread.world.mean(total.item()), "grad_norm": float(norm), "learning_rate": rate})

    def _loss(self, batch: Batch, answers: Any) -> Any:
        """The model's own loss; a batch without padding has its own way (workbench.engine.packing)."""
        if self.own is not None:
            return self.own(self.model(**{**batch, "labels": None}), batch["labels"], answers)
        if packing.is_packed(batch):
            return packing.loss_of(self.model, batch, answers)
        return self.model(**batch, **({"num_items_in_batch": answers} if answers is not None else {})).loss

    def _answers(self, batches: list[Batch]) -> Any:
        """How many labels the loss is the mean of: over all batches of the step, so that short ones weigh no more.

        None for a model that takes the mean itself. A causal model predicts the next token: its first label is no answer.
        """
        if "labels" not in batches[0] or not (self.own or self.counted):
            return None
        model = spread.plain(self.model)
        model = model.get_base_model() if hasattr(model, "get_base_model") else model
        causal = LOSS_MAPPING.get(getattr(model, "loss_type", None)) is ForCausalLMLoss
        shifted = causal and not getattr(model.config, "is_encoder_decoder", False)
        labels = [batch["labels"][..., 1:] if shifted else batch["labels"] for batch in batches]
        return self.spread.answers(sum((each != IGNORED).sum() for each in labels))

    def _look(self) -> None:
        """Evaluate and save when it is time, in this order."""
        args, step, done = self.args, self.state.global_step, self.state.global_step >= self.state.max_steps
        due = step % int(args.eval_steps) == 0 or self.control.should_evaluate
        self.control.should_evaluate = False
        if args.eval_strategy.value != "no" and due:
            self._tell(metrics := {"eval_loss": self.evaluate()})
            self.callback.on_evaluate(args, self.state, self.control, metrics=metrics)
        if step % int(args.save_steps) == 0 and not done:
            self._save()

    def evaluate(self) -> float:
        """Mean loss of the held-out rows, batch by batch; every batch weighs as many rows as it has."""
        self.model.eval()
        losses: list[float] = []
        loader = DataLoader(self.rows[1], self.args.per_device_eval_batch_size, collate_fn=self.pads[1])
        for batch in loader:
            self.callback.on_prediction_step(self.args, self.state, self.control, eval_dataloader=loader)
            placed = {name: value.to(self.accelerator.device) for name, value in batch.items()}
            with torch.no_grad(), self.accelerator.autocast():
                loss = self._loss(placed, None).item()
            losses += [loss] * len(batch["input_ids"])
        return sum(losses) / len(losses)

    def _save(self) -> None:
        """Everything that a later worker needs to take the next step as this one would."""
        standing = loopstate.gather(self)
        self.callback.keep(lambda: loopstate.write(self, standing))

    def _tell(self, logs: dict[str, float]) -> None:
        self.callback.on_log(self.args, self.state, self.control, logs=logs)
        check_numbers(logs, self.state.global_step, self.args.fp16)

    def take_tokens(self) -> int:
        """Tokens since the last call."""
        count, self.tokens = int(self.tokens), torch.tensor(0)
        return count
