"""A search for good settings: a folder searches/<id>/ that says what to try, how much, and what came of it.

search.yaml (written once: recipe, ranges, budget) · trials.jsonl (Optuna's journal) · events.jsonl · worker.json, worker.log, stop as in a
run folder · result.json. Trials are ordinary runs; a file trial.json in each says whose it is. The process that searches is
workbench.engine.searcher; nothing here needs torch, and Optuna is imported only where trials are read.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import yaml

import workbench
from workbench.core import recipe as recipes
from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.events import EventWriter
from workbench.core.files import entries, read_json, write_text
from workbench.core.recipe import Recipe
from workbench.core.run import ENDED, Run, Status
from workbench.core.workspace import Workspace
from workbench.engine import search_space, supervisor
from workbench.engine.material import gather
from workbench.engine.search_space import Range, settled, value_of
from workbench.models import catalog
from workbench.models.facts import read_config

PRUNERS = ("median", "asha", "none")
FEWEST = 8
"""Trials below which nothing is pruned: there is too little to compare with."""
PIECES = ("training.per_device_train_batch_size", "training.gradient_accumulation_steps", "training.gradient_checkpointing")  # fmt: skip
"""What may change within a trial when memory runs out: nothing of what is learned."""
TRIAL = "trial.json"


@dataclass(frozen=True)
class Plan:
    """What to search. A budget of 0 is no limit; one of the two must be given."""

    recipe: Recipe
    knobs: tuple[Range, ...]
    trials: int = 12
    hours: float = 0.0
    seed: int = 42
    pruner: str = "median"

    def dump(self) -> dict[str, Any]:
        """Plain values, as they go into YAML."""
        told = [{name: list(value) if name == "choices" else value for name, value in asdict(each).items()} for each in self.knobs]  # fmt: skip
        rest = {name: getattr(self, name) for name in ("trials", "hours", "seed", "pruner")}
        return {"recipe": self.recipe.dump(), "knobs": told, **rest}


def _planned(found: dict[str, Any]) -> Plan:
    told = tuple(Range(**{**each, "choices": tuple(each["choices"])}) for each in found.pop("knobs"))
    return Plan(recipes.parse(found.pop("recipe")), told, **found)


@dataclass(frozen=True)
class Search:
    """One search folder. Its life is told as a run's is: by its last lifecycle event, and whether its process lives."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @cached_property
    def plan(self) -> Plan:
        """What it was started with."""
        return _planned(yaml.safe_load((self.folder / "search.yaml").read_text(encoding="utf-8")))

    @property
    def process(self) -> Run:
        """The folder as a run's: claim, stop, events and status work the same."""
        return Run(self.folder)

    @property
    def status(self) -> Status:
        """Derived."""
        return self.process.status

    @property
    def workspace(self) -> Workspace:
        """Where it lies."""
        return Workspace(self.folder.parent.parent)

    @property
    def result(self) -> dict[str, Any] | None:
        """The best and what it is worth, once there is one."""
        found = read_json(self.folder / "result.json")
        return found if isinstance(found, dict) else None

    def name(self, number: int) -> str:
        """What a trial's run is called."""
        return f"search-{self.id[-4:]}-t{number}"

    def summary(self) -> dict[str, Any]:
        """One line of `search list`."""
        plan, told = self.plan, trials(self)
        return {
            "search": self.id, "status": self.status, "model": plan.recipe.model.id, "dataset": plan.recipe.data.dataset,
            "knobs": [each.path for each in plan.knobs], "trials": len(told), "of": plan.trials or None,
            "best": max((each for each in told if each.goodness is not None), key=Trial.rank, default=_NONE).score,
        }  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One trial as it stands. `state`: running, complete, pruned, fail; `goodness`: the score, turned so that more is better."""

    number: int
    state: str
    values: dict[str, Any]
    run: str = ""
    score: float | None = None
    goodness: float | None = None
    looks: dict[int, float] = field(default_factory=dict)

    def rank(self) -> tuple[float, int]:
        """The best has the highest; of equal ones the first."""
        return (-math.inf if self.goodness is None else self.goodness, -self.number)


_NONE = Trial(-1, "none", {})


def trials(search: Search) -> list[Trial]:
    """Every trial that was begun."""
    from workbench.engine import journal

    study = journal.looked_into(search.folder)
    found = study.get_trials(deepcopy=False) if study else []
    return [
        Trial(
            each.number, each.state.name.lower(), dict(each.params), str(each.user_attrs.get("run", "")), each.user_attrs.get("score"),
            each.value if each.state.name == "COMPLETE" else None, {step: -value for step, value in each.intermediate_values.items()},
        )
        for each in found if each.state.name != "WAITING"
    ]  # fmt: skip


def importance(search: Search) -> dict[str, float]:
    """How much of the differences between trials each setting explains; empty where there are too few to tell."""
    import optuna

    from workbench.engine import journal

    study = journal.looked_into(search.folder)
    complete = [each for each in study.get_trials(deepcopy=False) if each.state.name == "COMPLETE"] if study else []
    if len(complete) < 4 or len({each.value for each in complete}) < 2:
        return {}
    return dict(optuna.importance.get_param_importances(study))


def offered(workspace: Workspace, recipe: Recipe) -> list[Range]:
    """The ranges that suit the recipe, and its model where that is known here."""
    located = catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    return search_space.offered(recipe, read_config(located.path) if located.path is not None else None)


def check(workspace: Workspace, plan: Plan) -> Plan:
    """The plan as it will be worked through, after every check of the first trial. UserError before anything is written."""
    if not plan.knobs:
        raise UserError("Choose at least one setting to search.", "请至少选择一个要搜索的设置。", field="knob")
    if plan.pruner not in PRUNERS:
        raise UserError(f"There is no pruner “{shorten(plan.pruner)}”; choose {', '.join(PRUNERS)}.", f"没有名为“{shorten(plan.pruner)}”的剪枝方式；可选 {'、'.join(PRUNERS)}。", field="pruner")  # fmt: skip
    if plan.trials < 0 or plan.hours < 0 or not (plan.trials or plan.hours):
        raise UserError(
            "Give a budget: how many trials, or how many hours.", "请给出预算：多少次试验，或多少小时。", field="trials"
        )
    checked = supervisor.check(workspace, plan.recipe.replace({"evaluation.part": "all"}))
    halves = [gather(workspace, checked.replace({"evaluation.part": part})).heldout for part in ("selection", "untouched")]  # fmt: skip
    if min(map(len, halves)) < 2:
        held = sum(map(len, halves))
        raise UserError(
            f"A search needs held-out rows for choosing and others for the final word; {held} are too few to halve. Hold out more.",
            f"搜索需要一部分留出行用于挑选、另一部分用于最终评判；{held} 行太少，无法对半分。请留出更多行。",
            field="data.validation",
        )
    return Plan(checked, plan.knobs, plan.trials, plan.hours, plan.seed, plan.pruner)


def first(plan: Plan) -> dict[str, Any]:
    """The first trial: the recipe as it stands, as near as the ranges allow."""
    return {each.path: each.near(value_of(plan.recipe, each.path)) for each in plan.knobs}


def start(workspace: Workspace, plan: Plan) -> Search:
    """Check, make the folder, start the process."""
    checked = check(workspace, plan)
    home, words = workspace.root / "searches", "".join(char if char.isalnum() else "-" for char in checked.recipe.data.dataset)  # fmt: skip
    made = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{words[:24]}-{secrets.token_hex(2)}"
    staged = home / f".{made}.part"
    staged.mkdir(parents=True)
    text = yaml.safe_dump(checked.dump(), allow_unicode=True, sort_keys=False)
    write_text(staged / "search.yaml", text)
    staged.rename(home / made)
    search = Search(home / made)
    launch(search)
    return search


def launch(search: Search) -> None:
    """A process in a session of its own, as a run's worker is; nothing ties it to this one."""
    command = [sys.executable, "-m", "workbench.engine.searcher", str(search.folder)]
    with (search.folder / "worker.log").open("ab") as log:
        made = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, cwd=workbench.ROOT)  # fmt: skip
    with contextlib.suppress(psutil.NoSuchProcess):
        search.process.claim(psutil.Process(made.pid))
    supervisor.reap(made, search.process)


def stop(search: Search) -> None:
    """Ask the search to end; its running trial saves and ends with it, and both can go on."""
    with search.workspace.lock("queue"):
        status = search.status
        if status not in ENDED:
            search.process.ask_to_stop()
        if status not in ("running", *ENDED):
            writer = EventWriter(search.process.events_path)
            writer.write("stopped")
            writer.close()


def resume(search: Search) -> None:
    """Go on where it ended; a running trial is found again, and none is done twice."""
    with search.workspace.lock("queue"):
        if not search.process.resumable:
            state = runs.STATUS[search.status]
            raise UserError(
                f"{search.id} is {state.en}: only a stopped, failed or interrupted search can go on.",
                f"{search.id} 当前状态为{state.zh}：只有已停止、失败或中断的搜索可以继续。",
                field="search",
            )
        search.process.put_back()
        launch(search)


def remove(search: Search) -> None:
    """Delete a search that has ended; its trials stay, as the runs they are."""
    if search.status == "running":
        raise UserError(f"{search.id} is running; stop it first.", f"{search.id} 正在运行；请先停止。", field="search")
    shutil.rmtree(search.folder)


def all_searches(workspace: Workspace) -> list[Search]:
    """Every search, newest first."""
    return [Search(path) for path in sorted(entries(workspace.root / "searches", "search.yaml"), reverse=True)]


def find(workspace: Workspace, search_id: str) -> Search:
    """A search by its id, or by a unique beginning of it; "last" is the newest."""
    known = all_searches(workspace)
    if search_id == "last" and known:
        return known[0]
    matching = [each for each in known if each.id == search_id] or [each for each in known if each.id.startswith(search_id)]  # fmt: skip
    if search_id and len(matching) == 1:
        return matching[0]
    raise UserError(
        f"There is no search “{shorten(search_id)}” here; `search list` shows those there are.",
        f"这里没有名为“{shorten(search_id)}”的搜索；`search list` 可列出全部。",
        field="search",
    )


def best(search: Search) -> Trial:
    """The best trial so far. UserError while there is none."""
    found = [each for each in trials(search) if each.state == "complete" and each.goodness is not None]
    if not found:
        raise UserError("No trial has finished yet.", "还没有完成的试验。", field="search")
    return max(found, key=Trial.rank)


def promoted(search: Search) -> Recipe:
    """The search's recipe with the settings of its best trial, in pieces that fit: its run may have had to make them smaller."""
    winner = best(search)
    made, file = settled(search.plan.recipe, winner.values), search.workspace.runs / winner.run / "recipe.yaml"
    ran = recipes.read(file) if winner.run and file.is_file() else made  # somebody may have removed it
    return made.replace({path: value_of(ran, path) for path in PIECES})
