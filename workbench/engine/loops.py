"""Which loop a run takes, how its rows become batches, and in which order."""

from __future__ import annotations

from typing import Any

from workbench.core.sections import DEVICE_MAP, TENSOR
from workbench.engine import packing, preference, spread, trainer
from workbench.engine.answers import counted
from workbench.engine.hardware import autocast_of, base_dtype
from workbench.engine.material import sample
from workbench.engine.order import LikeLengths

CURVE_ROWS = 200
"""Held-out rows behind the loss curve: enough for its shape, cheap enough for every epoch."""


def looped(session: Any, reporter: Any) -> Any:
    """The trainer of the recipe's task."""
    recipe, material = session.recipe, session.material
    rows = sample(material.heldout, CURVE_ROWS, recipe.training.seed)
    base = base_dtype(session.device, session.precision, session.task, session.method)
    mixed = autocast_of(session.device, session.precision, base)
    values = trainer.settings(recipe, session.run.checkpoints, session.device, mixed, bool(rows))
    values |= spread.arguments(session.stage.world, session.device)
    if session.task.loop == "preference":
        return preference.build(session, values, material.train, rows, reporter)
    held = session.task.encode(rows, session.tokenizer, recipe.task, session.model).inputs
    if not held:
        values["eval_strategy"] = "no"
    pads, sampler = batches(session)
    if session.in_order:
        sampler = range(len(session.train.inputs))
    data = trainer.Rows(session.train.inputs, sampler), trainer.Rows(held) if held else None
    own = session.task.loss(material.train, recipe.task, session.model)
    takes = own is not None or counted(session.model, session.train.inputs, pads[1], session.device)
    if recipe.training.engine == "loop":
        from workbench.engine.loop import Loop

        loop = Loop(session.model, values, data, pads, reporter, own)
        loop.counted = takes
        return loop
    made = trainer.build(session.model, values, data, pads, reporter, own)
    made.model_accepts_loss_kwargs = takes
    return made


def batches(session: Any) -> tuple[Any, Any]:
    """How training and held-out rows become batches, and the order of the training rows."""
    training, inputs = session.recipe.training, session.train.inputs
    pad = session.task.collator(session.tokenizer)
    if not training.padding_free:
        return (pad, pad), None
    world = session.stage.world
    if world.strategy not in (TENSOR, DEVICE_MAP) and packing.packable(session.model, inputs):
        undo = packing.enable(session.model)
        if world.many:
            packing.go_inside(session.model)
        if packing.same_loss(session.model, inputs, pad, session.device):
            session.undo.append(undo)
            return (packing.pack, pad), None
        undo()
    lengths = [len(row["input_ids"]) for row in inputs]
    return (pad, pad), LikeLengths(lengths, training.per_device_train_batch_size * world.feeds, training.seed)
