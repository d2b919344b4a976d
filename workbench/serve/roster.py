"""Which models a server can answer as: its base, every run on that very base, and the runs' checkpoints. No torch here.

Names: `base`; `tuned` (the run it was started for); a run's id; RUN@step-N for a checkpoint.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.method import METHODS
from workbench.core.run import Run, all_runs
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.models import catalog
from workbench.models.facts import read_config

BASE, TUNED = "base", "tuned"
FRESH_FOR = 1.0
"""Seconds for which the list of runs is not looked at again."""
NEWEST = 100
"""Runs that are looked at."""
GENERATING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True)
class Part:
    """One model there is: the base where `run` is None; a checkpoint where `step` is given."""

    run: Run | None = None
    step: int | None = None

    @property
    def key(self) -> str:
        """Its one name, whatever it was called by."""
        if self.run is None:
            return BASE
        return self.run.id if self.step is None else f"{self.run.id}@step-{self.step}"


def base_of(workspace: Workspace, run: Run) -> tuple[str, ...]:
    """What must be the same for two runs to share a loaded base: files, head, chat template, labels, quantisation."""
    recipe = run.recipe
    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    located = catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    head = task.head(read_config(located.path)) if located.path else task.auto_class
    options = {**(read_json(run.tuned / "options.json") or {}), **method.loading(recipe.method)}
    template = getattr(recipe.task, "chat_template", "auto")
    return located.id, located.revision, head, template, json.dumps(options, sort_keys=True, default=str)


def base_of_model(workspace: Workspace, model_id: str) -> tuple[str, ...]:
    """The same for a model as it is, which must be one that generates text."""
    located = catalog.locate(workspace, model_id)
    folder = catalog.fetch(workspace, located)
    check_generates(folder, model_id)
    head = next(task for task in TASKS.all() if task.talks).head(read_config(folder))
    return located.id, located.revision, head, "auto", json.dumps({})


def check_generates(folder: Path, model_id: str) -> None:
    """UserError for a model that does not generate text."""
    architecture = catalog.facts(folder).architecture
    if not architecture.endswith(GENERATING):
        raise UserError(
            f"{model_id} is {architecture}: it does not generate text. Choose a causal language model.",
            f"{model_id} 是 {architecture}，不能生成文字。请选择因果语言模型。",
            field="model.id",
        )


def steps(run: Run) -> list[int]:
    """Steps of the whole checkpoints that can be laid over the base as it is."""
    if getattr(run.recipe.method, "init_lora_weights", "default") != "default":
        return []  # a PiSSA run changes its base while it trains
    found = [path.parent.name.removeprefix("step-") for path in run.checkpoints.glob("step-*/manifest.json")]
    return sorted(int(step) for step in found if step.isdigit())


def siblings(workspace: Workspace, base: tuple[str, ...]) -> list[Run]:
    """Every run that has a result on this base, newest first."""
    return [run for run in all_runs(workspace)[:NEWEST] if run.tuned.is_dir() and _on(workspace, run, base)]


def _on(workspace: Workspace, run: Run, base: tuple[str, ...]) -> bool:
    try:
        return base_of(workspace, run) == base
    except (UserError, OSError):
        return False


class Roster:
    """The names of one server, kept up to date: a run that finishes later is there, too."""

    def __init__(self, workspace: Workspace, base: tuple[str, ...], target: Run | None) -> None:
        self.workspace, self.base, self.target = workspace, base, target
        self._known: dict[str, bool] = {}
        self._names: list[str] = []
        self._looked = 0.0

    def names(self) -> list[str]:
        """Every name, the base first."""
        if time.monotonic() - self._looked > FRESH_FOR:
            found = [BASE, *([TUNED] if self.target else [])]
            for run in self._runs():
                found += [run.id, *(f"{run.id}@step-{step}" for step in steps(run))]
            self._names, self._looked = found, time.monotonic()
        return self._names

    def _runs(self) -> list[Run]:
        """Whether a run fits is found out once: neither recipe nor head changes."""
        runs = [run for run in all_runs(self.workspace)[:NEWEST] if run.tuned.is_dir()]
        for run in runs:
            if run.id not in self._known:
                self._known[run.id] = _on(self.workspace, run, self.base)
        return [run for run in runs if self._known[run.id]]

    def part(self, name: str) -> Part:
        """What a name of `names` stands for."""
        if name == BASE:
            return Part()
        if name == TUNED and self.target:
            return Part(self.target)
        run_id, _, step = name.partition("@step-")
        return Part(Run(self.workspace.run_folder(run_id)), int(step) if step else None)

    def recipe(self, part: Part) -> Any:
        """The recipe a part is asked by: its run's, else the target's; None for a bare model."""
        run = part.run or self.target
        return run.recipe if run else None
