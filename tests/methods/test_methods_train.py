"""Every method with every task: two steps in a real worker, and a saved result that answers as it did before saving."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from tinymodels import tiny_bert, tiny_llama

from workbench.core.method import METHODS
from workbench.core.recipe import Recipe, parse
from workbench.core.run import ENDED, Run, create
from workbench.core.task import TASKS, Row, Task
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine import supervisor

PAIRS = [(task, method) for task in TASKS.all() for method in METHODS.all() if method.fits(task) is None]
NAMES = [f"{task.kind}-{method.kind}" for task, method in PAIRS]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """An encoder for what classifies, a causal model for what talks."""
    root = tmp_path_factory.mktemp("models")
    return {False: tiny_bert(root / "bert"), True: tiny_llama(root / "llama")}


def rows_of(task: Task, count: int = 12) -> list[dict[str, Any]]:
    """Columns that the task's roles are guessed from."""
    if task.talks:
        return [{"prompt": f"say {i}", "response": f"I say {i}."} for i in range(count)]
    return [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(count)]


def recipe_of(workspace: Workspace, task: Task, method: str, model: Path) -> Recipe:
    path = workspace.root / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows_of(task)), encoding="utf-8")
    library.import_file(workspace, path, "rows")
    return parse(
        {
            "task": {"kind": task.kind, "max_length": 64}, "method": method, "model": {"id": str(model)},
            "data": {"dataset": "rows"}, "training": {"max_steps": 2, "per_device_train_batch_size": 4},
            "evaluation": {"samples": 1, "max_new_tokens": 2}, "compute": {"threads": 1},
        }
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("task", "method"), PAIRS, ids=NAMES)
def test_two_steps_in_a_worker(task: Task, method: Any, models: dict[bool, Path], workspace: Workspace) -> None:
    run = supervisor.start(workspace, recipe_of(workspace, task, method.kind, models[task.talks]))
    deadline = time.monotonic() + 120
    while run.status not in ENDED and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.status == "finished", (run.folder / "worker.log").read_text()
    losses = [event.get("loss") for event in run.events()[0] if event.kind == "step"]
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    assert run.report
    assert run.report["trainable"] <= run.report["total"]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("task", "method"), PAIRS, ids=NAMES)
def test_only_the_trained_parameters_change_and_a_reload_answers_alike(
    task: Task, method: Any, models: dict[bool, Path], workspace: Workspace
) -> None:
    import torch

    from workbench.models import loading

    recipe = recipe_of(workspace, task, method.kind, models[task.talks])
    run, rows = create(workspace, recipe), library.find(workspace, "rows").task_rows(task, None)[0]
    options, tokenizer = task.model_options(rows), loading.load_tokenizer(models[task.talks])
    torch.manual_seed(0)
    model = method.apply(loading.load_model(models[task.talks], task, options), task, recipe.method).train()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    batch = batch_of(task, rows, tokenizer, recipe, model)
    step(model, batch)
    changed = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert changed
    assert changed <= {name for name, value in model.named_parameters() if value.requires_grad}
    loading.save_tuned(run, model, tokenizer, options)
    assert same_answers(model.eval(), loading.load_tuned(run, models[task.talks]), batch)


def batch_of(task: Task, rows: list[Row], tokenizer: Any, recipe: Recipe, model: Any) -> dict[str, Any]:
    return task.collator(tokenizer)(task.encode(rows[:4], tokenizer, recipe.task, model).inputs)


def step(model: Any, batch: dict[str, Any]) -> None:
    import torch

    chosen = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(chosen, lr=0.01)
    for _ in range(2):
        model(**batch).loss.backward()
        optimizer.step()


def same_answers(model: Any, again: Any, batch: dict[str, Any]) -> bool:
    import torch

    with torch.no_grad():
        return bool(torch.allclose(model(**batch).logits, again(**batch).logits, atol=1e-6))


def test_a_run_without_a_result_says_so(workspace: Workspace, models: dict[bool, Path]) -> None:
    from workbench.core.errors import UserError
    from workbench.models import loading

    with pytest.raises(UserError, match="no tuned model yet"):
        loading.load_tuned(Run(workspace.runs / "none"), models[True])
