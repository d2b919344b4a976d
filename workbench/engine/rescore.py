"""Score a run once more, on the held-out rows that no trial was scored on; in a process of its own (see workbench.engine.ask)."""

from __future__ import annotations

import sys

from workbench.core import run as runs
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.ask import Answer, Question, answer, ask
from workbench.engine.material import gather
from workbench.models import catalog


def rescored(workspace: Workspace, run: Run, part: str = "untouched") -> Answer:
    """{"metric", "score", "metrics", "rows", "interval"} of a run's tuned model on the untouched half."""
    return ask("rescore", workspace, {"run": run.id, "part": part})


def score(workspace: Workspace, question: Question) -> Answer:
    """Load as it was trained, predict, score."""
    from workbench.engine.evaluation import Judge
    from workbench.engine.hardware import base_dtype, device_of, precision_of
    from workbench.engine.interval import interval
    from workbench.engine.session import set_threads
    from workbench.models import loading

    run = runs.find(workspace, str(question["run"]))
    recipe = run.recipe.replace({"evaluation.part": str(question["part"])})
    task, method, asked = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind), recipe.evaluation
    rows, device = gather(workspace, recipe).heldout, device_of(recipe.compute)
    set_threads(recipe.compute.threads)
    located = catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    folder = run.tuned if method.stores == "model" else catalog.fetch(workspace, located)
    dtype = base_dtype(device, precision_of(recipe.compute, device), task, method)
    judge = Judge(
        loading.load_tuned(run, folder, device, dtype), loading.tuned_tokenizer(run), recipe.task, device,
        max(8, recipe.training.per_device_train_batch_size), asked.samples, asked.generated, asked.max_new_tokens,
    )  # fmt: skip
    said = task.predict(rows, judge)
    scores = task.score(rows, said)
    main = task.headline(scores)
    return {"metric": main, "score": scores[main], "metrics": scores, "rows": len(rows), "interval": interval(task, rows, said, scores)}  # fmt: skip


if __name__ == "__main__":
    sys.exit(answer(score))
