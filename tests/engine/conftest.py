"""Tiny models made from config and datasets of a few rows, made once; recipes over them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tinymodels import tiny_llama

from workbench.core.recipe import Recipe, parse
from workbench.core.run import ENDED, Run
from workbench.core.workspace import Workspace
from workbench.data import library

LABELS = ("good", "bad")


def write_rows(workspace: Workspace, path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as a dataset called `few`."""
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    library.import_file(workspace, path, "few")


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


def wait(run: Run, until: Callable[[], bool] | None = None, seconds: float = 90) -> str:
    """Wait until the run has ended (or `until` holds); the status."""
    deadline = time.monotonic() + seconds
    while not (until() if until else run.status in ENDED):
        assert time.monotonic() < deadline, (run.folder / "worker.log").read_text()
        assert until is None or run.status not in ENDED, (run.folder / "worker.log").read_text()
        time.sleep(0.05)
    return run.status


def kinds(run: Run) -> list[str]:
    """What happened, in order."""
    return [event.kind for event in run.events()[0]]
