"""Score a run or a model on a dataset, in a process of its own: `python -m workbench.engine.evaluate_model …`.

The command line calls `evaluate_target`, which starts that process; it answers with one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from typing import Any

import workbench
from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.task import TASKS, Row, Task
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.models import catalog

Answer = dict[str, Any]


def evaluate_target(workspace: Workspace, target: str, data: str) -> Answer:
    """{"metrics": {name: number}, "rows": n} of a run (its tuned model) or a model id on a dataset's rows."""
    library.find(workspace, data)
    command = [sys.executable, "-m", "workbench.engine.evaluate_model", str(workspace.root), target, data]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=workbench.ROOT, check=False)
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        reason = shorten(done.stderr.strip().rsplit("\n", 1)[-1], 200)
        raise UserError(f"The evaluation broke off: {reason}", f"评估中断：{reason}") from None
    if "error" in answer:
        raise UserError(answer["error"]["en"], answer["error"]["zh"], answer["error"]["field"])
    return dict(answer)


def main(argv: list[str]) -> int:
    """The process: one line of JSON on stdout in any case."""
    from workbench.engine.worker import be_polite, explain

    be_polite()
    try:
        answer = score(Workspace(argv[0]), argv[1], argv[2])
    except UserError as error:
        answer = {"error": {"en": error.text.en, "zh": error.text.zh, "field": error.field}}
    except Exception as error:  # the edge of the process
        traceback.print_exc()
        text = explain(error)
        answer = {"error": {"en": text.en, "zh": text.zh, "field": None}}
    print(json.dumps(answer, ensure_ascii=False))
    return 2 if "error" in answer else 0


def score(workspace: Workspace, target: str, data: str) -> Answer:
    """Load, predict, score."""
    from workbench.engine.evaluation import Judge

    run = _run(workspace, target)
    dataset = library.find(workspace, data)
    recipe = run.recipe if run else _recipe(target, str(dataset.meta.get("task")), dataset.meta["roles"])
    task = TASKS.get(recipe.task.kind)
    made = dataset.convert(task, None)
    rows = made.heldout or made.rows
    model, tokenizer = _load(workspace, run, recipe, task)
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


def _load(workspace: Workspace, run: Run | None, recipe: Recipe, task: Task) -> tuple[Any, Any]:
    from workbench.models import loading

    located = catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    if run and not METHODS.get(recipe.method.kind).adapter:
        return loading.load_tuned(run, run.tuned), loading.tuned_tokenizer(run)
    folder = catalog.fetch(workspace, located)
    if run:
        return loading.load_tuned(run, folder), loading.tuned_tokenizer(run)
    return loading.load_model(folder, task, {}), loading.load_tokenizer(folder)


def _check_labels(judge: Any, rows: list[Row], target: str) -> None:
    """A base model has no labels of its own to be scored on."""
    known = judge.labels()
    if judge.model.fresh_parameters or not {str(row["label"]) for row in rows} & set(known):
        raise UserError(
            f"“{shorten(target)}” has no classification head that knows the labels of this dataset; evaluate a run "
            "trained on it instead.",
            f"“{shorten(target)}”没有认识该数据集标签的分类头；请改为评估一个用它训练过的任务。",
            field="model.id",
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
