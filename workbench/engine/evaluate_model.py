"""Score a run or a model on a dataset, in a process of its own (see workbench.engine.ask)."""

from __future__ import annotations

import sys
from typing import Any

from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.task import TASKS, Row, Task
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine.ask import Answer, Question, answer, ask
from workbench.models import catalog


def evaluate_target(workspace: Workspace, target: str, data: str) -> Answer:
    """{"metrics": {name: number}, "rows": n} of a run (its tuned model) or a model id on a dataset's rows."""
    library.find(workspace, data)
    return ask("evaluate_model", workspace, {"target": target, "data": data})


def score(workspace: Workspace, question: Question) -> Answer:
    """Load, predict, score."""
    from workbench.engine.evaluation import Judge

    target = str(question["target"])
    run = _run(workspace, target)
    dataset = library.find(workspace, str(question["data"]))
    recipe = run.recipe if run else _recipe(target, str(dataset.meta.get("task")), dataset.meta["roles"])
    task = TASKS.get(recipe.task.kind)
    made = dataset.convert(task, None)
    rows = made.heldout or made.rows
    model, tokenizer = loaded(workspace, run, recipe, task)
    judge = Judge(model, tokenizer, recipe.task)
    if not task.talks and not run:
        _check_labels(judge, rows, target)
    return {"metrics": task.score(rows, task.predict(rows, judge)), "rows": len(rows)}


def _run(workspace: Workspace, target: str) -> Run | None:
    try:
        return runs.find(workspace, target)
    except UserError:
        return None


def _recipe(target: str, kind: str, roles: dict[str, str]) -> Recipe:
    """A model without a run is asked as the dataset's task wants it."""
    if kind not in TASKS.kinds():
        kind = "text-classification" if "label" in roles.values() else "chat"
    return parse({"task": kind, "method": METHODS.kinds()[0], "model": {"id": target}})


def loaded(workspace: Workspace, run: Run | None, recipe: Recipe, task: Task) -> tuple[Any, Any]:
    """(model, tokenizer): the tuned ones of a run, else those of the model itself."""
    from workbench.models import loading

    located = catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    if run and METHODS.get(recipe.method.kind).stores == "model":
        return loading.load_tuned(run, run.tuned), loading.tuned_tokenizer(run)
    folder = catalog.fetch(workspace, located)
    if run:
        return loading.load_tuned(run, folder), loading.tuned_tokenizer(run)
    return loading.load_model(folder, task, {}), loading.load_tokenizer(folder)


def _check_labels(judge: Any, rows: list[Row], target: str) -> None:
    """A base model has no labels of its own to be scored on."""
    known = judge.labels()
    foreign = "label" in rows[0] and not {str(row["label"]) for row in rows} & set(known)
    if judge.model.fresh_parameters or foreign:
        raise UserError(
            f"“{shorten(target)}” has no head trained for this dataset's answers; evaluate a run trained on it instead.",
            f"“{shorten(target)}”没有针对该数据集答案训练过的任务头；请改为评估一个用它训练过的任务。",
            field="model.id",
        )


if __name__ == "__main__":
    sys.exit(answer(score))
