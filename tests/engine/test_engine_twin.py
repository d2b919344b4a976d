"""The plain twin: for every task and method a script that is Python, and where it is run the losses are the run's."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import exporting
import matrix
import pytest
from engineruns import run_with
from places import ROOT

from workbench.core.files import write_json
from workbench.core.method import METHODS
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import twin, twin_check, twin_method
from workbench.engine.export import notebook

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
pytestmark = [QUIET, pytest.mark.slow]
FAMILY = {"text-classification": "bert", "token-classification": "bert", "question-answering": "bert", "fill-mask": "bert", "summarization": "t5", "translation": "bart"}  # fmt: skip
CELLS = [(task.kind, "lora") for task in TASKS.all()] + [("chat", kind) for kind in METHODS.kinds() if kind != "lora"]
CELLS += [("text-classification", "bitfit")]
LONG = pytest.mark.long
RUN = [
    ("text-classification", "bert", "lora", {}, {"gradient_accumulation_steps": 2}),
    ("chat", "llama", "lora", {}, {}),
    ("chat", "llama", "adapter", {}, {}),
    ("question-answering", "bert", "bitfit", {"max_length": 128}, {}),
    ("summarization", "t5", "ia3", {}, {}),
    ("fill-mask", "bert", "full", {}, {}),
    ("preference", "llama", "lora", {"max_length": 128}, {}),
    *(
        pytest.param(*each, marks=LONG)
        for each in [
            ("text-classification", "bert", "full", {"class_weights": True}, {}),
            ("text-classification", "roberta", "p-tuning", {}, {}),
            ("token-classification", "bert", "lora", {}, {}),
            ("translation", "llama", "lora", {}, {}),
            ("text-generation", "llama", {"kind": "freeze", "num_trainable_layers": 1}, {}, {}),
            ("preference", "llama", "full", {"max_length": 128, "loss": "dpo"}, {}),
            ("preference", "llama", "lora", {"max_length": 128, "loss": "kto"}, {}),
            ("preference", "llama", "lora", {"max_length": 128, "loss": "orpo"}, {}),
            ("reward", "bert", "lora", {"max_length": 128}, {}),
            ("chat", "llama", "adalora", {}, {}),
            ("chat", "llama", {"kind": "lora", "loraplus_lr_ratio": 8}, {}, {}),
            ("chat", "llama", {"kind": "lora", "init_lora_weights": "pissa"}, {}, {}),
            ("chat", "llama", "qlora", {}, {}),
            ("chat", "qwen", "prefix-tuning", {}, {}),
            ("chat", "llama", "prompt-tuning", {}, {}),
            ("chat", "mistral", {"kind": "oft", "oft_block_size": 8}, {"chat_template": "chatml", "max_length": 400}, {}),
        ]
    ),
]  # fmt: skip
SAME = 1e-5
"""Largest relative difference of a step's loss."""


def fits(task: str, method: str) -> bool:
    return matrix.reason(TASKS.get(task), METHODS.get(method), FAMILY.get(task, "llama")) is None


def script_of(run: Run) -> tuple[twin.Twin, str]:
    made = twin.Twin(exporting.source(run))
    return made, twin.script(twin.pieces(made, str(made.source.start)), twin.about(made.source))


@pytest.mark.parametrize(("task", "method"), [each for each in CELLS if fits(*each)], ids=str)
def test_every_task_and_method_has_a_script_or_a_reason(task: str, method: str, tmp_path: Path) -> None:
    recipe = matrix.recipe_of(TASKS.get(task), METHODS.get(method), FAMILY.get(task, "llama")).replace(
        {"data.max_rows": 12}
    )
    why = twin.refusal(recipe)
    if why is not None:
        assert len(why.en) > 30
        assert len(why.zh) > 10
        return
    code = script_of(create(Workspace(tmp_path), recipe))[1]
    tree = ast.parse(code)
    assert "workbench" not in {name.split(".")[0] for name in exporting.imported(tree)}
    assert "AutoTokenizer.from_pretrained(MODEL)" in code
    head = ast.get_docstring(tree) or ""
    assert TASKS.get(task).label.zh in head
    assert METHODS.get(method).label.en in head
    assert code.count("\n") < 230


@pytest.mark.parametrize(("task", "family", "method", "knobs", "training"), RUN, ids=str)
def test_it_has_the_losses_of_the_run(task: str, family: str, method: Any, knobs: dict[str, Any], training: dict[str, Any], tmp_path: Path, monkeypatch: Any) -> None:  # fmt: skip
    run = run_with(
        tmp_path, "trainer", {"max_steps": 4, **training}, task=task, family=family, method=method, knobs=knobs
    )
    made, code = script_of(run)
    place = tmp_path / "elsewhere"
    place.mkdir()
    twin.write(made, place)
    monkeypatch.chdir(place)
    monkeypatch.setenv("STEPS", "0")
    exec(compile(code, "train.py", "exec"), {"__name__": "__main__"})  # noqa: S102 (what is tested)
    wanted, found = twin_check.losses_of(run), json.loads((place / "tuned" / "losses.json").read_text())
    assert len(wanted) == len(found) == 4
    assert all(math.isclose(old, new, rel_tol=SAME) for old, new in zip(wanted, found, strict=True)), (wanted, found)
    assert list((place / "tuned").glob("*.safetensors"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_with(tmp_path_factory.mktemp("twin"), "trainer", {"max_steps": 4}, task="chat", family="llama")


@pytest.mark.parametrize("kind", ["script", "notebook"])
def test_script_and_notebook_are_started_and_compared(kind: str, run: Run, tmp_path: Path) -> None:
    done = exporting.take(run, kind, tmp_path / "x", check_steps=2)
    assert done["word"] == "equal", done
    assert [line["what"][0] for line in done["further"]] == ["Loss of step 1", "Loss of step 2"]
    assert {path.name for path in (tmp_path / "x").iterdir()} == {
        "script": {"train.py", "train.jsonl", "requirements.txt", "parity.json"},
        "notebook": {"train.ipynb", "parity.json"},
    }[kind]


def test_other_losses_and_a_script_that_falls_are_noticed(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    def other(source: Any, script: Path, steps: int) -> Any:
        (script.parent / "tuned").mkdir()
        write_json(script.parent / "tuned" / "losses.json", [loss * 1.05 for loss in twin_check.losses_of(run)[:steps]])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(twin_check, "started", other)
    done = exporting.take(run, "script", tmp_path / "x", check_steps=2)
    assert done["word"] == "broken"
    assert "Loss of step 1; Loss of step 2" in done["sentence"]["en"]
    monkeypatch.setattr(
        twin_check, "started", lambda *given: SimpleNamespace(returncode=1, stderr="Traceback\nKeyError: 'x'")
    )
    done = exporting.take(run, "script", tmp_path / "x", check_steps=2)
    assert done["word"] == "broken"
    assert "KeyError: 'x'" in done["sentence"]["zh"]


def test_a_notebook_is_one(run: Run, tmp_path: Path) -> None:
    exporting.take(run, "notebook", tmp_path / "x", check_steps=0)
    path = tmp_path / "x" / "train.ipynb"
    told = json.loads(path.read_text(encoding="utf-8"))
    assert (told["nbformat"], len({cell["id"] for cell in told["cells"]})) == (4, len(told["cells"]))
    tags = [tag for cell in told["cells"] for tag in cell["metadata"].get("tags", ())]
    assert tags == ["install", "data"]
    install = next(cell for cell in told["cells"] if "install" in cell["metadata"].get("tags", ()))
    assert "transformers==" in "".join(install["source"])
    assert "lies on the machine where this was exported" in path.read_text(encoding="utf-8")
    ast.parse(notebook.cells_of(path))


def test_many_rows_lie_beside_the_notebook(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(notebook, "INSIDE", 100)
    exporting.take(run, "notebook", tmp_path / "x", check_steps=0)
    assert (tmp_path / "x" / "train.jsonl").stat().st_size > 100
    assert "colab" in (tmp_path / "x" / "train.ipynb").read_text()


def test_a_run_of_several_processes_has_no_plain_script() -> None:
    recipe = matrix.recipe_of(TASKS.get("chat"), METHODS.get("lora"), "llama").replace({"compute.strategy": "ddp", "compute.processes": 2})  # fmt: skip
    why = twin.refusal(recipe)
    assert why is not None
    assert "one process" in why.en


def test_names_of_what_is_trained_are_told_shortly_where_that_means_the_same() -> None:
    every = [f"h.{layer}.{part}" for layer in range(3) for part in ("w", "bias")]
    assert twin_method.patterns([f"h.{layer}.bias" for layer in range(3)], every) == ["h.*.bias"]
    assert twin_method.patterns(["h.2.bias", "h.2.w"], every) == ["h.2.bias", "h.2.w"]


@pytest.mark.parametrize("path", sorted((ROOT / "assets" / "twin").glob("*.py")), ids=lambda path: path.stem)
def test_every_text_is_used_and_is_python(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"))
    names = {*TASKS.kinds(), *twin.FILES.values(), "chat.marked", "chat.prefix", "judged", "pad", "lengths", "bottleneck", "weights"}  # fmt: skip
    assert path.stem in names


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of packages that are not ours, and not among those the tests install
def test_the_notebook_runs_in_a_real_kernel(run: Run, tmp_path: Path) -> None:
    """Where nbclient and ipykernel are installed; elsewhere its cells run one after the other in a process, as above."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    exporting.take(run, "notebook", tmp_path / "x", check_steps=0)
    told = nbformat.read(str(tmp_path / "x" / "train.ipynb"), as_version=4)
    told.cells = [cell for cell in told.cells if "install" not in cell.metadata.get("tags", ())]
    told.metadata.kernelspec.name = "python3"
    nbclient.NotebookClient(told, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    found = json.loads((tmp_path / "tuned" / "losses.json").read_text())
    assert all(math.isclose(old, new, rel_tol=SAME) for old, new in zip(twin_check.losses_of(run), found, strict=True))
