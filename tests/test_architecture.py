"""The rules of the house, held by looking at the source and at a started page."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "workbench"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {"torch", "transformers", "peft", "datasets", "evaluate", "trl", "accelerate"}
LAYERS = [
    {"core"}, {"data", "models"}, {"methods", "tasks", "metrics"}, {"engine", "serve"}, {"starter", "learn"},
    {"ui", "cli", "commands", "commands_ahead", "commands_data"},
]  # fmt: skip
SIBLINGS = (
    "methods",
    "tasks",
    "metrics",
    "data/readers",
    "data/cleaning",
    "data/modes",
    "ui/tabs",
    "engine/export",
    "learn",
)


@cache
def tree(path: Path) -> ast.Module:
    """Finalizers that run while Python 3.11 builds a tree can spoil it (python/cpython#106905), so none may."""
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports(node: ast.AST) -> set[str]:
    names = set()
    for item in ast.walk(node):
        if isinstance(item, ast.Import):
            names |= {alias.name for alias in item.names}
        elif isinstance(item, ast.ImportFrom) and item.module and item.level == 0:
            names |= {item.module} | {f"{item.module}.{alias.name}" for alias in item.names}
    return names


def layer(name: str) -> int:
    return next((index for index, rooms in enumerate(LAYERS) if name in rooms), -1)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    own = layer(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    for name in imports(tree(path)):
        parts = name.split(".")
        if parts[0] == "workbench" and len(parts) > 1 and own >= 0:
            assert layer(parts[1]) <= own, f"{path.name} imports {name}"


@pytest.mark.parametrize("room", SIBLINGS)
def test_siblings_do_not_import_one_another(room: str) -> None:
    folder = PACKAGE / room
    names = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    prefix = "workbench." + room.replace("/", ".") + "."
    for path in folder.glob("*.py"):
        if path.stem in names:
            others = {prefix + name for name in names - {path.stem}}
            assert not others & imports(tree(path)), path


def test_gradio_is_imported_only_by_the_page() -> None:
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in MODULES
        for name in imports(tree(path))
        if name.split(".")[0] == "gradio"
    }
    assert users == {"ui"}


def test_what_the_page_imports_leaves_torch_alone() -> None:
    code = (
        "import sys; import workbench.cli, workbench.ui.app, workbench.ui.page, workbench.ui.tabs.chat, workbench.ui.tabs.data\n"
        "from workbench.core.task import TASKS; from workbench.core.method import METHODS; from workbench.core.metric import METRICS\n"
        "from workbench.engine.taking import EXPORTS\n"
        "from workbench.core.lab import LABS\n"
        "TASKS.all(); METHODS.all(); METRICS.all(); EXPORTS.all(); LABS.all()\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", [*MODULES, ROOT / "launch.py"], ids=lambda path: path.name)
def test_nothing_dangerous_is_called(path: Path) -> None:
    banned = {
        "os.system",
        "eval",
        "exec",
        "pickle.load",
        "pickle.loads",
        "yaml.load",
        "evaluate.load",
        "joblib.load",
        "torch.load",
    }
    for call in calls(path):
        assert ast.unparse(call.func) not in banned, f"{path}:{call.lineno}"
        for word in call.keywords:
            true = isinstance(word.value, ast.Constant) and word.value.value is True
            assert not (word.arg in {"shell", "trust_remote_code", "allow_pickle"} and true), f"{path}:{call.lineno}"


def test_weights_are_loaded_in_one_place() -> None:
    found = set()
    for path in MODULES:
        for call in calls(path):
            name = ast.unparse(call.func)
            if name.endswith(".from_pretrained") and "Tokenizer" not in name and "Config" not in name:
                found.add(path.relative_to(PACKAGE).as_posix())
    assert found == {"models/loading.py"}


def test_sizes_stay_readable() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 300, f"{path} has {text.count(chr(10))} lines"
        for node in ast.walk(tree(path)):
            assert not isinstance(node, ast.Global), path
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert (node.end_lineno or 0) - node.lineno < 50, f"{path}:{node.name}"
