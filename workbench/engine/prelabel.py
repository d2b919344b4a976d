"""A trained run labels a dataset's rows before a person does, in a process of its own (see workbench.engine.ask)."""

from __future__ import annotations

import sys

from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data.clean import view_of
from workbench.data.mode import column_of
from workbench.data.thoughts import LOOKED_AT, keep_of_run
from workbench.data.values import as_text
from workbench.data.working import working
from workbench.engine.ask import Answer, Asked, Question, answer, ask

KIND = "text-classification"


def prelabel(workspace: Workspace, run: str, name: str, asked: Asked | None = None) -> Answer:
    """{"rows": how many were labelled}; the labels lie beside the dataset and order its board."""
    working(workspace, name)
    return ask("prelabel", workspace, {"run": run, "name": name}, asked)


def work(workspace: Workspace, question: Question) -> Answer:
    """Load, predict, write down."""
    run = runs.find(workspace, str(question["run"]))
    if run.recipe.task.kind != KIND or not run.tuned.exists():
        raise UserError(
            f"{run.id} is no finished text classification; choose another run.",
            f"{run.id} 不是已完成的文本分类训练；请另选一个。",
            field="run",
        )
    from workbench.engine.evaluate_model import loaded
    from workbench.engine.evaluation import Judge

    dataset, task = working(workspace, str(question["name"]), labels=False), TASKS.get(KIND)
    view, rows = view_of(dataset), dataset.rows(0, LOOKED_AT)
    text, pair = view.column("text"), column_of(view, "text_pair")
    asked = [{"text": as_text(row.get(text)), "text_pair": as_text(row.get(pair or ""))} for row in rows]
    found = task.predict(asked, Judge(*loaded(workspace, run, run.recipe, task), run.recipe.task))
    labels = list(zip(dataset.ids, map(str, found["chosen"]), map(float, found["scores"]), strict=False))
    keep_of_run(workspace.dataset_folder(dataset.name), dataset.meta["root"], run.id, labels)
    return {"rows": len(labels)}


if __name__ == "__main__":
    sys.exit(answer(work))
