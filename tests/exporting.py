"""Exports in the test's own process: what `take` does, without two more starts of torch."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any
from unittest import mock

import matrix

from workbench.core.method import METHODS
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import taker, taking
from workbench.engine.source import Source
from workbench.models import loading
from workbench.models.chat_template import ensure_chat_template


def workspace_of(run: Run) -> Workspace:
    """Where a run lies."""
    return Workspace(run.folder.parent.parent)


def here(module: str, workspace: Workspace, question: dict[str, Any], asked: Any = None) -> dict[str, Any]:
    """Instead of `ask`."""
    return taker.work(workspace, question)


def take(run: Run, kind: str, out: Path | None = None, **knobs: Any) -> dict[str, Any]:
    """Export a run and check it."""
    workspace = workspace_of(run)
    wanted = taking.wish(workspace, run, kind, knobs, out)
    with mock.patch.object(taking, "ask", here):
        return taking.take(workspace, wanted)


def tuned(task: str, method: str, family: str, folder: Path, knobs: dict[str, Any] | None = None) -> Run:
    """A run that learned two steps and was saved, without its evaluation."""
    cell = TASKS.get(task), METHODS.get(method)
    recipe = matrix.recipe_of(*cell, family, knobs).replace({"data.max_rows": 40, "evaluation.max_rows": 12, "compute.threads": 1})  # fmt: skip
    run, model = create(Workspace(folder), recipe), matrix.applied(recipe)
    cell[1].plan(model, 10)
    matrix.step(model, cell[1], matrix.batch_of(recipe, model))
    tokenizer = loading.load_tokenizer(Path(recipe.model.id))
    if wanted := getattr(recipe.task, "chat_template", None):
        ensure_chat_template(tokenizer, wanted)
    loading.save_tuned(run, model, tokenizer, cell[0].model_options(list(matrix.rows(task))))
    return run


def source(run: Run) -> Source:
    """What its exports are made from."""
    return Source(workspace_of(run), run)


def imported(tree: ast.Module) -> set[str]:
    """What a script imports."""
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return found | {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def untrained(base: Path, folder: Path, dataset: str = "persona") -> Run:
    """A run of LoRA whose second matrices are no longer zero."""
    import torch

    recipe = parse({"task": {"kind": "chat", "max_length": 64}, "model": {"id": str(base)}, "method": "lora", "data": {"dataset": dataset}, "evaluation": {"max_rows": 12}, "compute": {"threads": 1}})  # fmt: skip
    run = create(Workspace(folder), recipe)
    torch.manual_seed(0)
    model = METHODS.get("lora").apply(loading.load_model(base, TASKS.get("chat"), {}), TASKS.get("chat"), recipe.method)
    for name, value in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.02)
    loading.save_tuned(run, model, loading.load_tokenizer(base), {})
    return run
