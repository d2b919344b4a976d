"""Before training: memory and minutes from the real rows, then measured by training a few steps that are thrown away.

In a process of its own (see workbench.engine.ask). Among the measured steps is one with the largest batch that the run
would meet, so that what fits here fits there.
"""

from __future__ import annotations

import itertools
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from workbench.core.events import EventWriter
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import room
from workbench.engine.ask import Answer, Asked, Question, answer, ask
from workbench.models import catalog
from workbench.models.facts import read_config
from workbench.models.forecast import Load, parts, shape

STEPS = 3
SIMULATED = 2000
"""Batches drawn to find the largest."""
HELD = 8
ROOM = 0.92
"""Share of the free memory that a run may fill."""


def forecast(workspace: Workspace, recipe: Recipe, measure: bool = True, asked: Asked | None = None) -> Answer:
    """{"memory_mb", "minutes", "fits", "advice": […], "parts_mb", "free_mb", "disk_mb", "disk_free_mb", "measured", "steps"}."""
    return ask("forecast", workspace, {"recipe": recipe.dump(), "measure": measure}, asked)


def look(workspace: Workspace, question: Question) -> Answer:
    """The answer, made here."""
    from workbench.engine.material import gather
    from workbench.engine.session import Session, find_model, load

    recipe = parse(question["recipe"])
    with tempfile.TemporaryDirectory(prefix="forecast-") as folder:
        run = Run(Path(folder))
        recipe.save(run.folder / "recipe.yaml")
        writer = EventWriter(run.events_path)
        catalog.here(workspace, recipe.model.id, recipe.model.revision)
        session = Session(_stage(run, writer), workspace, recipe, gather(workspace, recipe))
        session.task.check(session.material.train)
        find_model(session)
        load(session)
        rows = list(session.train.inputs)
        found = measured(session, largest(rows, recipe)) if question.get("measure", True) else {}
        session.recipe = recipe
        found |= arithmetic(session, rows)
        found["disk_mb"] = round(room.ahead(recipe, *trained(session)) / 1e6, 1)
        writer.close()
    free = free_mb(session.device)
    memory = found.get("measured", {}).get("memory_mb") or found["estimated_mb"]
    fits = memory <= ROOM * free
    found["disk_free_mb"] = round(room.free(workspace.root) / 1e6, 1)
    return {"memory_mb": memory, "minutes": found.pop("minutes", None), "fits": fits, "free_mb": free, **found}


def _stage(run: Run, writer: EventWriter) -> Any:
    from workbench.engine.stage import Stage

    return Stage(run, writer)


def steps_of(recipe: Recipe, rows: int) -> int:
    """Optimizer steps of the whole run."""
    training = recipe.training
    if training.max_steps > 0:
        return training.max_steps
    batches = -(-rows // training.per_device_train_batch_size)
    return max(1, round(-(-batches // training.gradient_accumulation_steps) * training.num_train_epochs))


def largest(inputs: list[dict[str, Any]], recipe: Recipe) -> list[dict[str, Any]]:
    """The batch with the most tokens among those that the run's own order, or shuffling, would make."""
    size = recipe.training.per_device_train_batch_size
    wanted = min(SIMULATED, steps_of(recipe, len(inputs)) * recipe.training.gradient_accumulation_steps)
    drawn = (
        inputs[start : start + size] for inputs in _orders(inputs, recipe) for start in range(0, len(inputs), size)
    )
    return max(itertools.islice(drawn, max(1, wanted)), key=lambda batch: carried(batch, recipe).tokens)


def _orders(inputs: list[dict[str, Any]], recipe: Recipe) -> Iterator[list[dict[str, Any]]]:
    """The rows in the order of each epoch, without end."""
    from workbench.engine.order import LikeLengths

    size, seed = recipe.training.per_device_train_batch_size, recipe.training.seed
    if not recipe.training.padding_free or end_to_end(inputs, recipe):
        dice = random.Random(seed)
        while True:
            yield dice.sample(inputs, len(inputs))
    alike = LikeLengths([len(row["input_ids"]) for row in inputs], size, seed)
    for epoch in itertools.count():
        alike.set_epoch(epoch)
        yield [inputs[place] for place in alike]


def end_to_end(inputs: list[dict[str, Any]], recipe: Recipe) -> bool:
    """Whether rows are laid end to end, as far as it can be told without the model (see workbench.engine.packing)."""
    aligned = all(isinstance(row.get("labels"), list) and len(row["labels"]) == len(row["input_ids"]) for row in inputs)
    causal = TASKS.get(recipe.task.kind).families == ("decoder",)
    return recipe.training.padding_free and aligned and causal


def arithmetic(session: Any, rows: list[dict[str, Any]]) -> Answer:
    """The estimate by parts, and what would make it smaller."""
    recipe, batch = session.recipe, largest(rows, session.recipe)
    form = shape(read_config(session.folder), session.task.peft_type in ("CAUSAL_LM", "SEQ_2_SEQ_LM"))
    counts = trained(session)
    found = parts(form, counts, carried(batch, recipe), settings(session))
    advice = []
    for change, text in options(recipe, rows):
        other = recipe.replace(change)
        mine = largest(shortened(rows, other), other)
        small = parts(form, counts, carried(mine, other), {**settings(session), **_of(other)})
        if small.total_mb < 0.92 * found.total_mb:
            advice.append({"change": change, "memory_mb": small.total_mb, "saves_mb": round(found.total_mb - small.total_mb, 1), "en": text.en, "zh": text.zh})  # fmt: skip
    return {"estimated_mb": found.total_mb, "parts_mb": found.mb(), "advice": advice}


def trained(session: Any) -> tuple[int, int]:
    """(all parameters, trained parameters); the method is applied here when nothing was measured."""
    from workbench.engine.session import tell_model

    if "trainable" not in session.training:
        session.model = session.method.apply(session.model, session.task, session.recipe.method)
        tell_model(session)
    return session.training["total"], session.training["trainable"]


def carried(batch: list[dict[str, Any]], recipe: Recipe) -> Load:
    """A batch as the arithmetic wants it."""
    longest = max(len(row["input_ids"]) for row in batch)
    learned = sum(label != -100 for row in batch if isinstance(row.get("labels"), list) for label in row["labels"])
    if end_to_end(batch, recipe):
        return Load(len(batch), longest, sum(len(row["input_ids"]) for row in batch), learned)
    return Load(len(batch), longest, longest * len(batch), longest * len(batch))


def settings(session: Any) -> dict[str, Any]:
    """What the arithmetic needs of a session."""
    from workbench.engine.hardware import base_dtype

    base = base_dtype(session.device, session.precision, session.task, session.method)
    return {
        "device": session.device, "precision": session.precision, "base_dtype": base,
        "adapter": session.method.adapter, **_of(session.recipe),
    }  # fmt: skip


def _of(recipe: Recipe) -> dict[str, Any]:
    training = recipe.training
    return {"optim": training.optim, "gradient_checkpointing": training.gradient_checkpointing}


def shortened(inputs: list[dict[str, Any]], recipe: Recipe) -> list[dict[str, Any]]:
    """Rows as a smaller maximum length would leave them."""
    limit = recipe.task.max_length
    return [{**row, "input_ids": row["input_ids"][:limit]} for row in inputs]


def options(recipe: Recipe, rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Text]]:
    """Changes that need less memory, gentlest first, and what each costs."""
    training, found = recipe.training, []
    size = training.per_device_train_batch_size
    if size > 1:
        small = {"training.per_device_train_batch_size": size // 2, "training.gradient_accumulation_steps": training.gradient_accumulation_steps * 2}  # fmt: skip
        found.append((small, Text(f"Batch {size // 2} with twice the accumulation: the same steps, on a GPU somewhat slower.", f"批大小 {size // 2}，梯度累积加倍：步子不变，在 GPU 上稍慢。")))  # fmt: skip
    if not training.gradient_checkpointing:
        found.append(({"training.gradient_checkpointing": True}, Text("Gradient checkpointing: the same result, about a third slower.", "激活重算：结果不变，约慢三分之一。")))  # fmt: skip
    lengths = sorted(len(row["input_ids"]) for row in rows)
    limit = max(8, lengths[int(0.95 * (len(lengths) - 1))])
    if limit < 0.8 * min(recipe.task.max_length, lengths[-1]):
        found.append(({"task.max_length": limit}, Text(f"Maximum length {limit}: one row in twenty is cut.", f"最大长度 {limit}：二十行里有一行被截断。")))  # fmt: skip
    return found


def measured(session: Any, batch: list[dict[str, Any]]) -> Answer:
    """Answer a few held-out rows, then train STEPS steps, one on the largest batch; peak memory and minutes of the whole run."""
    import time

    from workbench.engine.hardware import peak_memory_mb
    from workbench.engine.session import fit, judge

    recipe, rows, held = session.recipe, session.train.inputs, session.material.heldout
    steps, accumulation = steps_of(recipe, len(rows)), recipe.training.gradient_accumulation_steps
    mean, questions = sum(len(row["input_ids"]) for row in rows) / len(rows), len(held)
    held[:] = sorted(held, key=lambda row: len(str(row)), reverse=True)[:HELD]
    begin = time.monotonic()
    judge(session)
    asked = (time.monotonic() - begin) / max(1, len(held))
    sizes = {"per_device_train_batch_size": len(batch), "max_steps": STEPS, "eval_steps": 10**6, "save_steps": 10**6}
    session.recipe = recipe.replace({f"training.{name}": value for name, value in sizes.items()})
    planned = [usual(rows, len(batch))] * (STEPS * accumulation)
    planned[accumulation] = batch  # the optimizer has its state by then
    session.train.inputs, session.in_order = [row for part in planned for row in part], True
    fit(session)
    times = [event.get("seconds") for event in session.run.events()[0] if event.kind == "step"]
    carried_then = sum(carried(part, recipe).tokens for part in planned[accumulation:])
    pace = (times[-1] - times[0]) / carried_then * mean * len(batch) * accumulation
    return {
        "minutes": round((steps * pace + 2 * asked * questions) / 60, 2),
        "steps": steps,
        "measured": {"memory_mb": peak_memory_mb(session.device), "seconds_per_step": round(pace, 4)},
    }


def usual(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """A batch of rows of middling length."""
    ordered = sorted(rows, key=lambda row: len(row["input_ids"]))
    start = (len(ordered) - size) // 2
    return ordered[start : start + size]


def free_mb(device: str) -> float:
    """Memory that a run could take now."""
    if device == "cuda":
        import torch

        return round(torch.cuda.mem_get_info()[0] / 1e6, 1)
    mine = psutil.Process().memory_info().rss
    return round((psutil.virtual_memory().available + mine) / 1e6, 1)


if __name__ == "__main__":
    sys.exit(answer(look))
