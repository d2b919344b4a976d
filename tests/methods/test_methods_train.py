"""Every method in a real worker; see test_methods_matrix for every combination."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from families import save_family

from workbench.core.recipe import Recipe, parse
from workbench.core.run import ENDED, Run
from workbench.core.task import TASKS, Task
from workbench.core.workspace import Workspace
from workbench.data import intake
from workbench.engine import supervisor


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """An encoder for what classifies, a causal model for what talks."""
    root = tmp_path_factory.mktemp("models")
    return {False: save_family("bert", root / "bert"), True: save_family("llama", root / "llama")}


def rows_of(task: Task, count: int = 12) -> list[dict[str, Any]]:
    """Columns that the task's roles are guessed from."""
    if task.talks:
        return [{"prompt": f"say {i}", "response": f"I say {i}."} for i in range(count)]
    return [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(count)]


def recipe_of(workspace: Workspace, task: Task, method: str, model: Path) -> Recipe:
    path = workspace.root / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows_of(task)), encoding="utf-8")
    intake.import_file(workspace, path, "rows")
    return parse(
        {
            "task": {"kind": task.kind, "max_length": 64}, "method": method, "model": {"id": str(model)},
            "data": {"dataset": "rows"}, "training": {"max_steps": 2, "per_device_train_batch_size": 4},
            "evaluation": {"samples": 1, "max_new_tokens": 2}, "compute": {"threads": 1},
        }
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "qlora", "adalora", "prefix-tuning", "adapter"])
def test_two_steps_in_a_worker(method: str, models: dict[bool, Path], workspace: Workspace) -> None:
    task = TASKS.get("text-classification")
    run = supervisor.start(workspace, recipe_of(workspace, task, method, models[task.talks]))
    deadline = time.monotonic() + 120
    while run.status not in ENDED and time.monotonic() < deadline:
        time.sleep(0.05)
    assert run.status == "finished", (run.folder / "worker.log").read_text()
    losses = [event.get("loss") for event in run.events()[0] if event.kind == "step"]
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    assert run.report
    assert run.report["trainable"] <= run.report["total"]


def test_a_run_without_a_result_says_so(workspace: Workspace, models: dict[bool, Path]) -> None:
    from workbench.core.errors import UserError
    from workbench.models import loading

    with pytest.raises(UserError, match="no tuned model yet"):
        loading.load_tuned(Run(workspace.runs / "none"), models[True])
