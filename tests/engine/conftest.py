"""A tiny model made from config, once, and recipes over a few rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fewrows import LABELS, write_rows
from tinymodels import tiny_llama

from workbench.core.recipe import Recipe, parse
from workbench.core.workspace import Workspace


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny causal model."""
    return tiny_llama(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def recipe(workspace: Workspace, llama: Path, tmp_path: Path) -> Callable[..., Recipe]:
    """A recipe over 20 rows; dotted settings change it."""
    rows = [{"text": f"{LABELS[i % 2]} film {i}", "label": LABELS[i % 2]} for i in range(20)]
    write_rows(workspace, tmp_path / "few.jsonl", rows)
    values = {
        "task": {"kind": "text-classification", "max_length": 32}, "method": "lora", "model": {"id": str(llama)},
        "data": {"dataset": "few"}, "training": {"max_steps": 2, "per_device_train_batch_size": 4},
        "compute": {"threads": 1},
    }  # fmt: skip
    return lambda **changes: parse(values).replace({key.replace("__", "."): value for key, value in changes.items()})
