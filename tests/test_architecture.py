"""The rules of the house, held by looking at the source and at a started page."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from functools import cache
from pathlib import Path

import bans
import pytest
from faults import note
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
def test_nothing_dangerous_is_said(path: Path) -> None:
    inside = path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else path.name
    assert bans.found(path.read_text(encoding="utf-8"), inside) == []


SAMPLES = [
    "eval(x)", "exec(x)", "import os; os.system(x)", "from os import popen as p; p(x)", "import subprocess; subprocess.run(x, shell=True)",
    "import subprocess as s; s.Popen(x, shell=loud)", "subprocess.getoutput(x)", "import pickle as p; p.load(x)", "from pickle import loads; loads(x)",
    "import joblib; joblib.load(x)", "import dill; dill.loads(x)", "shelve.open(x)", "marshal.loads(x)", "torch.load(x, weights_only=True)",
    "from torch import load; load(x)", "import yaml; yaml.load(x, yaml.SafeLoader)", "yaml.unsafe_load(x)", "import pandas as pd; pd.read_pickle(x)",
    "import numpy as np; np.load(x)", "np.load(x, allow_pickle=True)", "from numpy import load; load(x, allow_pickle=y)",
    "AutoModel.from_pretrained(x, trust_remote_code=True)", "AutoModel.from_pretrained(x, trust_remote_code=knob)", "{'trust_remote_code': True}",
    "AutoModel.from_pretrained(x, code_revision='main')", "import evaluate; evaluate.load(x)", "from datasets import load_dataset; load_dataset(x)",
    "gr.HTML(f'<b>{name}</b>')", "gr.HTML(value='<b>' + name)", "gr.Markdown('{}'.format(name))", "from huggingface_hub import snapshot_download; snapshot_download(x)",
    "import tempfile; tempfile.mktemp()", "httpx.get(x, verify=False)", "assert allowed", "zipfile.ZipFile(x).extractall(y)", "shutil.unpack_archive(x)",
    "safe(x, weights_only=False)", "torch.hub.load(x, y)", "import gradio; gradio.load(x)",
]  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_ban_catches_its_sample(sample: str) -> None:
    assert bans.found(sample)


@pytest.mark.parametrize("sample", ["gr.HTML(f'<b>{esc(name)}</b>')", "np.load(x, allow_pickle=False)", "run(x, shell=False)", "AutoModel.from_pretrained(x, trust_remote_code=False)", "yaml.safe_load(x)", "model.eval()", "re.compile(x)"])  # fmt: skip
def test_what_is_allowed_is_not_caught(sample: str) -> None:
    assert bans.found(sample) == []


def test_every_call_that_is_banned_has_a_sample() -> None:
    caught = " ".join(finding for sample in SAMPLES for finding in bans.found(sample))
    kinds = ("load_dataset", "read_pickle", "extractall", "unpack_archive", "shell=", "verify=", "weights_only=", "allow_pickle", bans.TRUST, "code_revision", "assert", "HTML", "Markdown")  # fmt: skip
    assert [kind for kind in kinds if kind not in caught] == []
    note("S9", "things banned", len(bans.CALLS) + len(bans.ENDINGS) + len(bans.NEVER) + 5)
    note("S9", "found in the source", sum(len(bans.found(path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix())) for path in MODULES), "", 0)  # fmt: skip


def test_code_is_trusted_at_one_place() -> None:
    text = (PACKAGE / bans.TRUSTED).read_text(encoding="utf-8")
    said = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant) and node.value == bans.TRUST]
    given = [word for call in calls(PACKAGE / bans.TRUSTED) for word in call.keywords if word.arg == bans.TRUST]
    note("S3", "call sites where code may be trusted", text.count(f'"{bans.TRUST}": consent.allowed('), "", 1)
    assert text.count(f'"{bans.TRUST}": consent.allowed(') == 1
    assert len(said) == 2, "said once, and read once by what builds a model from a configuration"
    assert [ast.unparse(word.value) for word in given] == ["local(folder)['trust_remote_code']"]


NETWORK = {
    "httpx",
    "requests",
    "urllib.request",
    "urllib3",
    "aiohttp",
    "socket",
    "huggingface_hub",
    "ftplib",
    "smtplib",
}
CALLERS = {
    "models/hub.py", "models/modelscope.py", "models/shelf.py", "data/hubset.py", "engine/export/hub.py",  # the Hub, by its endpoint
    "engine/judging.py",  # a judge that the owner named
    "serve/client.py", "serve/server.py", "door/wire.py", "door/peer.py", "ui/guest/asking.py", "ui/app.py", "engine/launcher.py", "engine/machine.py",  # this machine, and a run's own machines
}  # fmt: skip


def test_the_network_is_asked_in_few_places() -> None:
    asking = {path.relative_to(PACKAGE).as_posix() for path in MODULES if NETWORK & {".".join(name.split(".")[:size]) for name in imports(tree(path)) for size in (1, 2)}}  # fmt: skip
    assert asking <= CALLERS, asking - CALLERS


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
