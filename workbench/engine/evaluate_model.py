"""Score a run or a model on a dataset, in a process of its own (see workbench.engine.ask)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.method import METHODS
from workbench.core.metric import METRICS
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.task import TASKS, Row, Task
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine import evidence, unseen
from workbench.engine.ask import Answer, Question, answer, ask
from workbench.engine.material import at_most
from workbench.models import catalog

SEED = 42
"""Of the rows that are picked where not all are wanted: the same for every model."""


def evaluate_target(workspace: Workspace, target: str, data: str, rows: int = 0) -> Answer:
    """{"metrics": {name: number}, "rows": n, …} of a run (its tuned model) or a model id on a dataset's rows; at most `rows` (0: all)."""
    check_rows(rows)
    library.find(workspace, data)
    return ask("evaluate_model", workspace, {"target": target, "data": data, "rows": rows})


def check_rows(rows: int) -> None:
    """UserError for a number of rows that is none."""
    if rows < 0:
        raise UserError(f"rows: “{rows}” is not possible; expected 0 (all) or more.", f"rows：“{rows}”不可用；应为 0（全部）或更大的整数。", field="rows")  # fmt: skip


def score(workspace: Workspace, question: Question) -> Answer:
    """Load, predict, score, on rows that none of the targets ("beside") was trained on; with "keep" in the question the rows and what
    the metric is made of are kept in that folder."""
    from workbench.engine.evaluation import Judge

    target = str(question["target"])
    run = _run(workspace, target)
    dataset = library.find(workspace, str(question["data"]), int(question.get("version") or 0))
    recipe = run.recipe if run else _recipe(target, str(dataset.meta.get("task")), dataset.meta["roles"])
    task = TASKS.get(recipe.task.kind)
    made = dataset.convert(task, None)
    whole = made.heldout or made.rows
    fresh = unseen.left(task, whole, unseen.trained_on(workspace, task, question.get("beside") or [target]))
    rows = at_most(fresh, int(question.get("rows") or 0), SEED, task)
    model, tokenizer = loaded(workspace, run, recipe, task)
    asked = recipe.evaluation
    judge = Judge(model, tokenizer, recipe.task, samples=asked.samples, generated=asked.generated, max_new_tokens=asked.max_new_tokens)  # fmt: skip
    if not task.talks and not run:
        _check_labels(judge, rows, target)
    found = told(task, rows, task.predict(rows, judge), question.get("keep"))
    return {**found, "left_out": len(whole) - len(fresh), "version": dataset.version}


def told(task: Task, rows: list[Row], said: Any, keep: str | None) -> Answer:
    """Metrics with their intervals and signatures."""
    from workbench.engine.interval import reach, units_of

    given = task.inputs(rows, said)
    scores = {kind: METRICS.get(kind).compute(**each) for kind, each in given.items()}
    main = task.headline(scores)
    units = {kind: units_of(task, rows, said, kind) for kind in given}
    signatures = {kind: METRICS.get(kind).signature(each["references"]) for kind, each in given.items()}
    if keep:
        evidence.keep(Path(keep), evidence.told(task, rows, said), evidence.scored(main, given[main], None, units[main]))  # fmt: skip
    return {
        "metrics": scores, "rows": len(rows), "task": task.kind, "main_metric": main,
        "intervals": {kind: reach(METRICS.get(kind), each, units[kind]) for kind, each in given.items() if METRICS.get(kind).directed},
        "signatures": {kind: name for kind, name in signatures.items() if name},
    }  # fmt: skip


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
