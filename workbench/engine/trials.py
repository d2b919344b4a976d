"""What a searcher knows of trials: the recipe and the run of each, how far it is, who has no hope, and what luck is worth."""

from __future__ import annotations

import math
import statistics
from typing import Any

from workbench.core import run as runs
from workbench.core.files import read_json
from workbench.core.metric import METRICS
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import janitor, queue
from workbench.engine.forecast import steps_of
from workbench.engine.search import FEWEST, TRIAL, Plan, Search, Trial, trials
from workbench.engine.search_space import settled

LOOKS = 5
"""Looks at the held-out loss per trial, in equal shares of its steps; trials are compared at equal shares."""
EARLIEST = 2
"""The first look after which a trial may be ended: before, warm-up makes high learning rates look bad."""
WARM = 4
"""Finished trials from which on others are ended."""


def nothing(workspace: Workspace, told: list[Trial]) -> tuple[str, str]:
    """Why there is no winner, with what the last failure said."""
    last = next((each.run for each in reversed(told) if each.run), "")
    said = next((event for event in reversed(runs.find(workspace, last).events()[0]) if event.kind == "failed"), None) if last else None  # fmt: skip
    en, zh = (str(said.get("en", "")), str(said.get("zh", ""))) if said else ("", "")
    return f"No trial came to its end. {en}".strip(), f"没有一次试验完成。{zh}"


def luck(metric: str, scores: list[float], rows: int) -> float | None:
    """By how much the best of so many trials would look better if all were equally good, where a score is a share of right rows."""
    if metric not in METRICS.kinds() or not METRICS.get(metric).percent or rows < 1 or len(scores) < 2:
        return None
    highest = statistics.NormalDist().inv_cdf((len(scores) - 0.375) / (len(scores) + 0.25))
    middle = min(1.0, max(0.0, statistics.mean(scores)))
    return round(highest * math.sqrt(middle * (1 - middle) / rows), 4)


def width(recipe: Recipe) -> int:
    """Trials at once: one per GPU that the queue has."""
    gpus = sum(name != queue.CPU for name in queue.devices())
    return 1 if recipe.compute.device == "cpu" else max(1, gpus)


def pruner(plan: Plan) -> Any:
    """Who decides which trial has no hope."""
    from optuna import pruners

    if plan.pruner == "none" or 0 < plan.trials < FEWEST:
        return pruners.NopPruner()
    if plan.pruner == "asha":
        return pruners.SuccessiveHalvingPruner(min_resource=EARLIEST, reduction_factor=2)
    return pruners.MedianPruner(n_startup_trials=WARM, n_warmup_steps=EARLIEST)


def recipe_of(made: Search, values: dict[str, Any], rows: int, number: int) -> Recipe:
    """The recipe of a trial: its values, about LOOKS looks, scored on the half that selects."""
    recipe = settled(made.plan.recipe, values).replace({"name": made.name(number), "evaluation.part": "selection"})
    return recipe.replace({"training.eval_steps": max(1, steps_of(recipe, rows) // LOOKS)})


def looks(run: Run) -> dict[int, float]:
    """Held-out losses by the share of the planned steps at which they were seen, in LOOKS parts; the last of each."""
    events, total, found = run.events()[0], 0, dict[int, float]()
    for event in events:
        if event.kind == "step":
            total = int(event.get("total") or 0)
        elif event.kind == "eval" and total:
            place, loss = round(LOOKS * int(event.get("step") or 0) / total), event.get("loss")
            if place and isinstance(loss, (int, float)):
                found[place] = float(loss)
    return found


def find_run(workspace: Workspace, made: Search, number: int) -> Run | None:
    """The newest run of a trial."""
    mine = {"search": made.id, "trial": number}
    return next((run for run in runs.all_runs(workspace) if read_json(run.folder / TRIAL) == mine), None)


def tidy(made: Search) -> None:
    """Trials that came to an end need no checkpoints; weights only the best so far."""
    told = trials(made)
    kept = max((each for each in told if each.state == "complete"), key=Trial.rank, default=None)
    for each in told:
        folder = made.workspace.runs / each.run
        if each.state in ("complete", "pruned") and each.run and folder.is_dir():
            janitor.leave_report(Run(folder), weights=kept is not None and each.number == kept.number)
