"""One training run from its rows to its report card, phase by phase. Everything it finds out goes through events."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from workbench.core.files import write_json
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.task import TASKS, Encoded, learned
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import labelling, places, room, speed, tokens
from workbench.engine.material import Material, gather
from workbench.engine.stage import Stage, Stopped
from workbench.models import catalog

SHOWN_TOKENS = 120
REPORTED = ("main_metric", "rows", "before", "after", "baseline", "verdict")


@dataclass
class Session:
    """What the phases hand to one another."""

    stage: Stage
    workspace: Workspace
    recipe: Recipe
    material: Material
    folder: Path = field(default_factory=Path)
    device: str = "cpu"
    precision: str = "fp32"
    tokenizer: Any = None
    model: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    train: Encoded = field(default_factory=Encoded)
    training: dict[str, Any] = field(default_factory=dict)
    in_order: bool = False
    """Whether the training rows come as they lie, without shuffling."""
    probes: list[Any] = field(default_factory=list)
    undo: list[Callable[[], None]] = field(default_factory=list)
    """Takes back what training changed of how the model computes."""

    @cached_property
    def task(self) -> Any:
        """The recipe's task."""
        return TASKS.get(self.recipe.task.kind)

    @cached_property
    def method(self) -> Any:
        """The recipe's method."""
        return METHODS.get(self.recipe.method.kind)

    @property
    def run(self) -> Run:
        """The run's folder."""
        return self.stage.run

    def fresh(self, extra: dict[str, Any]) -> Any:
        """The model as it lies in its folder, with the head of the task; `extra` arguments of `from_pretrained`."""
        from workbench.engine.hardware import base_dtype
        from workbench.models.loading import load_model

        dtype = base_dtype(self.device, self.precision, self.task, self.method)
        options = {**self.options, **self.method.loading(self.recipe.method), **extra}
        options |= speed.attention(self.recipe.compute, self.device) | places.loading(self.recipe.compute, self.device)
        return load_model(self.folder, self.task, options, self.device, dtype)


def train(stage: Stage) -> None:
    """Every phase in turn."""
    recipe = stage.run.recipe
    stage.phase("prepare")
    workspace = Workspace(stage.run.folder.parent.parent)
    session = Session(stage, workspace, recipe, gather(workspace, recipe))
    session.task.check(session.material.train)
    for note in session.material.notes:
        stage.note(note)
    stage.world.first(lambda: find_model(session))
    load(session)
    before = stage.world.alone(lambda: judge(session))
    fit(session)
    stage.world.alone(lambda: finish(session, before))


def find_model(session: Session) -> None:
    """A folder on this machine; a model of the Hub is fetched into the workspace."""
    stage, model = session.stage, session.recipe.model
    located = catalog.locate(session.workspace, model.id, model.revision)
    if located.path is None:
        stage.phase("download")
    try:
        session.folder = catalog.fetch(
            session.workspace,
            located,
            progress=lambda done, total: stage.write("download", done=done, total=total),
            cancelled=lambda: stage.run.stop_asked,
        )
    except catalog.Cancelled as error:
        raise Stopped from error


def load(session: Session) -> None:
    """Model, tokenizer and encoded rows."""
    session.stage.phase("load")
    set_threads(session.recipe.compute.threads)
    from transformers import set_seed

    from workbench.engine.hardware import device_of, precision_of
    from workbench.models.loading import load_tokenizer

    session.device = device_of(session.recipe.compute)
    session.precision = precision_of(session.recipe.compute, session.device)
    set_seed(session.recipe.training.seed)
    session.tokenizer = load_tokenizer(session.folder)
    settle_template(session)
    session.options = session.task.model_options(session.material.train)
    compute = session.recipe.compute
    for note in speed.left_out(compute, session.device):
        session.stage.note(note)
    speed.set_tf32(compute, session.device)
    session.model = session.fresh({})
    session.stage.world.first(lambda: encode(session))


def settle_template(session: Session) -> None:
    """How conversations are written, decided once for training, saving and answering."""
    from workbench.models.chat_template import ensure_chat_template, knows_markers

    wanted = getattr(session.recipe.task, "chat_template", None)
    if wanted and ensure_chat_template(session.tokenizer, wanted) and wanted == "auto":
        session.stage.write("template", markers=knows_markers(session.tokenizer))
        session.stage.note(
            Text(
                "This model brings no chat template; plain words are used (System: / User: / Assistant:).",
                "该模型没有自带对话模板；已使用简单文字（System: / User: / Assistant:）。",
            )
        )


def set_threads(wanted: int) -> None:
    """CPU threads of torch; 0 leaves what the machine and OMP_NUM_THREADS say."""
    import torch

    if wanted:
        torch.set_num_threads(wanted)
    elif "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def encode(session: Session) -> None:
    """Training rows as the model will see them; the first is shown token by token."""
    stage, rows = session.stage, session.material.train
    section, model = session.recipe.task, session.model
    session.train = tokens.encoded(
        session.workspace.root / "cache" / "tokens",
        tokens.key_of(rows, section, model.config, session.folder) if len(rows) >= tokens.WORTH else "",
        len(rows),
        lambda: session.task.encode(rows, session.tokenizer, section, model),
    )
    for note in session.train.notes:
        stage.note(note)
    if not session.train.inputs:
        raise tokens.nothing_left(session)
    count = sum(len(row["input_ids"]) for row in session.train.inputs)
    held = len(session.material.heldout)
    if (labels := labelling.told(session.workspace, session.recipe, session.material)) is not None:
        stage.write("labels", **labels)
    stage.write("data", train=len(session.train.inputs), heldout=held, cut=session.train.cut, tokens=count)
    stage.write("sample", tokens=shown(session.train.inputs[0], session.tokenizer))


def shown(row: dict[str, Any], tokenizer: Any) -> list[list[Any]]:
    """The first tokens of a row and whether each is trained on."""
    ids = row["input_ids"][:SHOWN_TOKENS]
    pieces, told = [], ""
    for count, mark in enumerate(learned(row)[: len(ids)], start=1):
        text = tokenizer.decode(ids[:count]).rstrip("\ufffd")  # half a character is shown with its other half
        pieces.append([text[len(told) :], mark])
        told = text
    return pieces


def judge(session: Session) -> Any:
    """What the model says of the held-out rows now."""
    from workbench.engine import probe
    from workbench.engine.evaluation import asking

    session.stage.phase("evaluate")
    asked = asking(session)
    session.probes.append(probe.read(asked) if session.recipe.evaluation.probe else None)
    return session.task.predict(session.material.heldout, asked)


def fit(session: Session) -> None:
    """Train; on a wish to stop keep what was learned and end."""
    stage, recipe = session.stage, session.recipe
    stage.phase("train")
    from transformers import set_seed

    from workbench.engine import checkpoint, goingon, loops, preference, spread
    from workbench.engine.best import Best
    from workbench.engine.callback import Reporter

    set_seed(recipe.training.seed)
    session.model = session.method.apply(session.model, session.task, recipe.method)
    session.model.train()
    tell_model(session)
    session.undo += speed.shift_up(session.model, recipe.compute, session.device)
    spread.over(session)
    keeper = checkpoint.Keeper(stage, recipe.training.save_total_limit, goingon.mark_of(session))
    reporter = Reporter(stage, session.device, keeper)
    kept = goingon.begin(session, keeper)
    reporter.plan = lambda steps: goingon.planned(session, steps, kept)
    reporter.memory = lambda: session.method.memory(session.model)
    reporter.after_step = lambda step: session.method.after_step(session.model, step)
    training = recipe.training
    reporter.best = Best(stage.run.checkpoints, training.early_stopping_patience, training.keep_best)
    reporter.best.main, reporter.best.stage = stage.world.main, stage
    loop = loops.looped(session, reporter)
    loop.method_groups = session.method.groups(
        session.model, recipe.method, recipe.training.learning_rate, recipe.training.weight_decay
    )
    if kept:
        reporter.go_on(kept)
    if kept and checkpoint.done(kept):
        checkpoint.lay(session.model, kept / checkpoint.TRAINED)
    else:
        loop.train(resume_from_checkpoint=str(kept) if kept else None)
    for undo in reversed(session.undo):
        undo()
    preference.forget_reference(session.model)
    settle(session, reporter)


def settle(session: Session, reporter: Any) -> None:
    """What was learned, whole again, the best of it where that is wanted; saved at once when a person wants the run to end."""
    from workbench.engine import spread, trainer
    from workbench.engine.saving import save

    stage = session.stage
    session.model = spread.whole(session)
    if stage.world.main and not reporter.stopped and (said := reporter.best.restore(session.model)):
        stage.note(said)
    if stage.world.main:
        trainer.check_weights(session.model, stage.step)
    seconds = max(reporter.last - reporter.began, 1e-9)
    session.training["tokens_per_second"] = round(reporter.tokens / seconds, 1)
    if reporter.stopped:
        stage.world.alone(lambda: save(session))
        raise Stopped


def tell_model(session: Session) -> None:
    """How many parameters are trained, of how many."""
    counts = [(value.numel(), value.requires_grad) for value in session.model.parameters()]
    trainable = sum(count for count, wanted in counts if wanted)
    facts = {"trainable": trainable, "total": sum(count for count, _ in counts)}
    world = session.stage.world
    over = {"strategy": world.strategy, "processes": world.size} if world.many else places.told(session.model)
    session.stage.write("model", **facts, device=session.device, precision=session.precision, **over)
    session.training.update(facts)
    room.look_ahead(session.stage, facts["total"], trainable)


def told_at_last(run: Run, report: dict[str, Any]) -> None:
    """The report and the model card."""
    from workbench.engine.card import write_card

    write_json(run.result / "report.json", report)
    write_card(run, report)


def finish(session: Session, before: Any) -> None:
    """Save first, so that nothing learned is lost; then score, report and the model card."""
    from workbench.engine import onebyone
    from workbench.engine.evaluation import asking
    from workbench.engine.report import build
    from workbench.engine.room import patiently
    from workbench.engine.saving import save

    save(session)
    after = judge(session)
    report = build(session, before, after, session.training)
    report["alone"] = onebyone.asked_again(session.task, session.material.heldout, after, asking(session))
    patiently(session.stage, session.run.folder, 0, lambda: told_at_last(session.run, report), lambda: None)
    for best in session.run.checkpoints.glob("best-*"):
        best.unlink()
    session.stage.write("report", **{key: report[key] for key in REPORTED})
