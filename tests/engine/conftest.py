"""A tiny model made from config, once, and recipes over a few rows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fewrows import LABELS, write_rows
from places import ROOT
from tinymodels import tiny_llama

from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import launcher


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny causal model."""
    return tiny_llama(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Workers started from now on are spoiled: "module:name:count=act" (tests/spoiled.py); nothing named, and they are sound again."""
    plain = launcher.command_of

    def make(*acts: str) -> None:
        def command(run: Run, machine: int, port: int) -> list[str]:
            return (
                [sys.executable, str(ROOT / "tests" / "spoiled.py"), str(run.folder), *acts]
                if acts
                else plain(run, machine, port)
            )

        monkeypatch.setattr(launcher, "command_of", command)

    return make


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
