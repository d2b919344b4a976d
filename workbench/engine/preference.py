"""Preference and reward runs: TRL's trainers, watched like any other (see workbench.engine.trainer)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.task import Row
from workbench.core.text import Text
from workbench.engine.trainer import Watchful

Settings = dict[str, Any]


def build(session: Any, settings: Settings, rows: Sequence[Row], held: Sequence[Row], callback: Any) -> Any:
    """A TRL trainer for the session's task; `settings` are TrainingArguments' values."""
    from datasets import Dataset
    from transformers.trainer_callback import PrinterCallback

    section = session.recipe.task
    kind = getattr(section, "loss", "reward")
    made, config, form = KINDS[kind]()
    same = {name: value for name, value in settings.items() if name not in ("label_names", "remove_unused_columns")}
    beta = {"beta": section.beta} if hasattr(section, "beta") else {}
    limit = {"max_length": section.max_length}
    arguments = config(**same, **beta, **limit, gradient_checkpointing=False)
    watched = type(f"Watchful{made.__name__}", (Watchful, made), {})
    data = [Dataset.from_list(form(session.task.pairs(part))) for part in (rows, held) if part]
    start = {"ref_model": _reference(session)} if kind in COMPARING and not _held_twice(session) else {}
    trainer = watched(
        model=session.model,
        **start,
        args=arguments,
        train_dataset=data[0],
        eval_dataset=data[1] if len(data) > 1 else None,
        processing_class=session.tokenizer,
        callbacks=[callback],
    )
    _count(session, len(data[0]), len(trainer.train_dataset))
    trainer.remove_callback(PrinterCallback)
    callback.trainer, trainer.reporter = trainer, callback
    for value in session.model.parameters():
        if value.requires_grad and session.precision == "fp32":
            value.data = value.data.float()  # TRL holds what is trained beside 4-bit weights in bf16
    return trainer


def _count(session: Any, given: int, kept: int) -> None:
    """TRL leaves pairs out that are longer than the limit (a reward must read the whole answer); that is said."""
    from workbench.engine.tokens import nothing_left

    if not kept:
        raise nothing_left(session)
    if kept < given:
        limit = session.recipe.task.max_length
        session.stage.note(
            Text(
                f"{given - kept} of {given} pairs are longer than {limit} tokens and are left out; a larger task.max_length keeps them.",
                f"{given} 对中有 {given - kept} 对超过 {limit} 个词元，已略过；调大 task.max_length 即可保留。",
            )
        )


def _held_twice(session: Any) -> bool:
    """Whether the model as it was is its adapter's other copy; otherwise it is loaded once more."""
    return bool(session.method.adapter and session.method.twice)


def _reference(session: Any) -> Any:
    """The model as it was, by our own loader: TRL's would open whatever the folder holds."""
    from workbench.models.loading import load_model

    dtype = str(next(session.model.parameters()).dtype).removeprefix("torch.")
    options = {**session.options, **session.method.loading(session.recipe.method)}
    return load_model(session.folder, session.task, options, session.device, "bf16" if dtype == "bfloat16" else "fp32")


def forget_reference(model: Any) -> None:
    """TRL keeps the adapter as it was beside the one that is trained; a result is the trained one alone."""
    if "ref" in getattr(model, "peft_config", {}):
        model.delete_adapter("ref")


def _apart(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """KTO judges every answer by itself."""
    return [
        {"prompt": pair["prompt"], "completion": pair[side], "label": side == "chosen"}
        for pair in pairs
        for side in ("chosen", "rejected")
    ]


def _same(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return pairs


def _dpo() -> tuple[Any, Any, Callable[..., Any]]:
    from trl import DPOConfig, DPOTrainer

    return DPOTrainer, DPOConfig, _same


def _kto() -> tuple[Any, Any, Callable[..., Any]]:
    from trl import KTOConfig, KTOTrainer

    return KTOTrainer, KTOConfig, _apart


def _orpo() -> tuple[Any, Any, Callable[..., Any]]:
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    return ORPOTrainer, ORPOConfig, _same


def _reward() -> tuple[Any, Any, Callable[..., Any]]:
    from trl import RewardConfig, RewardTrainer

    return RewardTrainer, RewardConfig, _same


COMPARING = ("dpo", "kto")
"""Losses that compare with the model as it was."""
KINDS: dict[str, Callable[[], tuple[Any, Any, Callable[..., Any]]]] = {
    "dpo": _dpo,
    "kto": _kto,
    "orpo": _orpo,
    "reward": _reward,
}
