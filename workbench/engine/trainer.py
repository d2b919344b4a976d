"""Recipe → Hugging Face Trainer. The loop is the Trainer's own; here are only its settings and two refusals."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from transformers import Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import EvalLoopOutput

from workbench.core.recipe import Recipe
from workbench.core.task import TASKS
from workbench.engine import checkpoint, packing
from workbench.engine.callback import NEVER
from workbench.engine.stage import NonFinite

Collator = Callable[[list[dict[str, Any]]], dict[str, Any]]
OURS = {
    "engine",
    "eval_steps",
    "save_total_limit",
    "gradient_checkpointing",
    "keep_best",
    "padding_free",
    "early_stopping_patience",
    "report_to",
}
"""Training knobs that TrainingArguments has not, or not under this meaning."""


class Rows(torch.utils.data.Dataset):
    """Encoded rows in a list, in the order of `sampler` where one is given."""

    def __init__(self, rows: list[dict[str, Any]], sampler: Any = None) -> None:
        self.rows, self.sampler = rows, sampler

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]


class Watchful(Trainer if TYPE_CHECKING else object):  # type: ignore[misc]
    """Beside a Trainer: counts tokens on the device and ends at the very step at which a number is not finite."""

    tokens: Any = 0
    reporter: Any = None
    method_groups: list[dict[str, Any]] | None = None
    """Parameter groups the method wants instead of one learning rate for all."""

    def create_optimizer(self, *given: Any, **named: Any) -> Any:
        """As ever, but with the method's own groups where it has some."""
        if self.method_groups is not None:
            made, settings = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            self.optimizer: Any = made(self.method_groups, **settings)
        return super().create_optimizer(*given, **named)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """One forward and backward pass; the count stays on the device, so that nothing waits for it."""
        self.tokens = self.tokens + packing.tokens(inputs)
        return super().training_step(model, inputs, num_items_in_batch)

    def take_tokens(self) -> int:
        """Tokens since the last call."""
        count, self.tokens = int(self.tokens), 0
        return count

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Look before anybody is told: this comes before evaluation and before saving. The events are the history: a second one in
        the state would make every checkpoint larger than the one before."""
        self.state.log_history.clear()
        try:
            check_numbers(logs, self.state.global_step, self.args.fp16)
        except NonFinite:
            self.callback_handler.on_log(self.args, self.state, self.control, logs)
            raise
        super().log(logs, start_time)

    def evaluation_loop(self, dataloader: Any, *given: Any, **named: Any) -> Any:
        """Each of several processes looks at all held-out rows, so that their loss is that of one process: shares come out uneven, and
        rows would be counted twice."""
        if self.args.world_size == 1:
            return super().evaluation_loop(dataloader, *given, **named)
        self.model.eval()
        pad = getattr(self, "pad", None) or self.data_collator
        losses: list[float] = []
        loader = torch.utils.data.DataLoader(self.eval_dataset, self.args.eval_batch_size, collate_fn=pad)
        for batch in loader:
            self.reporter.on_prediction_step(self.args, self.state, self.control, eval_dataloader=loader)
            rows = len(next(iter(batch.values())))
            with torch.no_grad(), self.compute_loss_context_manager():
                losses += [self.compute_loss(self.model, self._prepare_inputs(batch)).item()] * rows
        return EvalLoopOutput(None, None, {"eval_loss": sum(losses) / len(losses)}, len(losses))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Damaged weights are never saved over good ones."""
        check_weights(self.model, self.state.global_step)
        self.reporter.keep(lambda: super(Watchful, self)._save_checkpoint(model, trial))

    def store_flos(self) -> None:
        """Nobody asks for them, and counting them together would need every process at a moment of its own."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """What is trained, and nothing else."""
        folder = Path(output_dir or self.args.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(checkpoint.trained(self.model), str(folder / checkpoint.TRAINED))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The same, back."""
        checkpoint.lay(self.model, Path(resume_from_checkpoint) / checkpoint.TRAINED)


class WatchfulTrainer(Watchful, Trainer):
    """Hugging Face's, watched; with padding-free batches where they were made, and batches of like lengths elsewhere."""

    pad: Any = None
    """Pads held-out rows: their loss is always that of padded batches."""

    def compute_loss(self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:  # fmt: skip
        """A packed batch knows its loss by itself."""
        if return_outputs or not packing.is_packed(inputs):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        share = self.args.world_size if num_items_in_batch is not None else 1  # of gradients, processes take the mean
        return packing.loss_of(model, inputs, num_items_in_batch) * share

    def get_eval_dataloader(self, *given: Any, **named: Any) -> Any:
        """Held-out rows are padded."""
        was = vars(self)["data_collator"]
        self.data_collator = self.pad or was
        try:
            return super().get_eval_dataloader(*given, **named)
        finally:
            self.data_collator = was

    def _get_train_sampler(self, *given: Any, **named: Any) -> Any:
        """Rows of like lengths together, where the data says so."""
        return self.train_dataset.sampler or super()._get_train_sampler(*given, **named)


def check_numbers(logs: dict[str, float], step: int, fp16: bool) -> None:
    """Raise NonFinite when a loss or a gradient is no number; with fp16 the scaler skips overflowing steps by itself."""
    for name, what in (("loss", "loss"), ("grad_norm", "gradient"), ("eval_loss", "held-out loss")):
        value = logs.get(name)
        if value is not None and not math.isfinite(value) and not (fp16 and name == "grad_norm"):
            raise NonFinite(step, what)


def check_weights(model: Any, step: int) -> None:
    """Raise NonFinite when a trained parameter holds NaN or infinity."""
    if not all(bool(torch.isfinite(value).all()) for value in model.parameters() if value.requires_grad):
        raise NonFinite(step, "weights")


def settings(recipe: Recipe, folder: Path, device: str, precision: str, evaluate: bool) -> dict[str, Any]:
    """Values of TrainingArguments; names are the same wherever they can be."""
    training = recipe.training
    same = training.model_dump(exclude=OURS)
    if training.gradient_checkpointing:
        same[_checkpointing_name()] = True
    return dict(
        **same,
        output_dir=str(folder),
        per_device_eval_batch_size=max(8, training.per_device_train_batch_size),
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device == "cpu",
        eval_strategy="steps" if evaluate else "no",  # at the end of an epoch and of the run by Reporter.on_step_end
        eval_steps=training.eval_steps or NEVER,
        save_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        prediction_loss_only=True,
        label_names=list(TASKS.get(recipe.task.kind).label_names),
        remove_unused_columns=False,
        dataloader_pin_memory=device == "cuda",
        disable_tqdm=True,
        report_to="none",
    )


def _checkpointing_name() -> str:
    """It was renamed in the transformers 5 series."""
    names = {field.name for field in dataclasses.fields(TrainingArguments)}
    return "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"


def build(model: Any, settings: dict[str, Any], rows: tuple[Rows, Rows | None], pads: tuple[Collator, Collator], callback: Any, loss: Any = None) -> WatchfulTrainer:  # fmt: skip
    """A trainer that tells `callback` and nobody else. `pads` make batches of training rows and of held-out rows; `loss` takes the
    place of the model's own (see Task.loss)."""
    trainer = WatchfulTrainer(
        model=model,
        args=TrainingArguments(**settings),
        train_dataset=rows[0],
        eval_dataset=rows[1],
        data_collator=pads[0],
        callbacks=[callback],
        compute_loss_func=loss,
    )
    trainer.pad = pads[1]
    trainer.remove_callback(PrinterCallback)
    callback.trainer, trainer.reporter = trainer, callback
    return trainer
