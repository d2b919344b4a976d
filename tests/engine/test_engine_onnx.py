"""ONNX: what ONNX Runtime says is what the run says, at any batch and length."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import exporting
import pytest

from workbench.core.method import METHODS
from workbench.core.task import TASKS
from workbench.engine import onnx_file, taking
from workbench.engine.taking import EXPORTS

if not all(importlib.util.find_spec(name) for name in EXPORTS.get("onnx").packages) and not os.environ.get("CI"):
    pytest.skip("onnx, onnxscript or onnxruntime is not here; `pip install -e .[onnx]`", allow_module_level=True)
QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
pytestmark = [QUIET, pytest.mark.slow]
LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("task", "method", "family"),
    [
        ("text-classification", "lora", "bert"),
        ("question-answering", "adapter", "roberta"),
        pytest.param("token-classification", "bitfit", "roberta", marks=LONG),
        pytest.param("fill-mask", "full", "bert", marks=LONG),
        pytest.param("reward", "lora", "bert", marks=LONG),
    ],
)
def test_the_graph_says_what_the_run_says(task: str, method: str, family: str, tmp_path: Path) -> None:
    done = exporting.take(exporting.tuned(task, method, family, tmp_path), "onnx")
    assert done["word"] == "equal", str(done)
    assert done["further"][0]["export"] == str(len(onnx_file.SHAPES))
    files = {path.name for path in Path(done["folder"]).iterdir()}
    assert {"model.onnx", "config.json", "tokenizer.json", "README.md"} <= files
    assert not list(Path(done["folder"]).glob("*.data"))


def test_eight_bits_are_smaller_and_close(tmp_path: Path) -> None:
    run = exporting.tuned("text-classification", "lora", "bert", tmp_path)
    whole, small = (exporting.take(run, "onnx", tmp_path / str(int8), int8=int8) for int8 in (False, True))
    assert small["word"] == "close"
    sizes = [(Path(each["folder"]) / "model.onnx").stat().st_size for each in (whole, small)]
    assert sizes[1] < 0.6 * sizes[0]


def test_a_frozen_axis_is_noticed(tmp_path: Path, monkeypatch: Any) -> None:
    run = exporting.tuned("text-classification", "lora", "bert", tmp_path)
    monkeypatch.setattr(onnx_file, "shapes", lambda session, near: (5, 2))
    done = exporting.take(run, "onnx")
    assert done["word"] == "broken"
    assert "Shapes of batches" in done["sentence"]["en"]


def test_a_model_that_writes_is_refused(tmp_path: Path) -> None:
    run = exporting.tuned("chat", "lora", "llama", tmp_path)
    why = taking.refusal(exporting.workspace_of(run), run, EXPORTS.get("onnx"))
    assert why is not None
    assert "encoders" in why.en
    assert METHODS.get("prefix-tuning").unmergeable is not None
    assert TASKS.get("chat").peft_type not in ("SEQ_CLS", "")
