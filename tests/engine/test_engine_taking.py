"""Exports are reloaded and compared with the run; what does not say the same is never called done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import exporting
import matrix
import pytest
from engineruns import run_with
from places import ROOT

from workbench import cli
from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import parity_word, taking
from workbench.engine.ask import Asked
from workbench.engine.taking import EXPORTS

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
pytestmark = [QUIET, pytest.mark.slow]
FAMILY = {"summarization": "t5", "translation": "bart", "fill-mask": "roberta", "text-classification": "bert", "token-classification": "bert", "question-answering": "bert"}  # fmt: skip
CELLS = [(task.kind, "lora", FAMILY.get(task.kind, "llama")) for task in TASKS.all()]
CELLS += [("text-classification", method.kind, "bert") for method in METHODS.all() if method.kind != "lora"]
CELLS += [("chat", kind, "llama") for kind in ("adapter", "full", "qlora", "prefix-tuning")]


def possible(task: str, method: str, family: str) -> bool:
    return matrix.reason(TASKS.get(task), METHODS.get(method), family) is None


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A whole run with a report."""
    return run_with(tmp_path_factory.mktemp("chat"), "trainer", {"max_steps": 4}, task="chat")


@pytest.mark.parametrize(
    ("task", "method", "family"), [each for each in CELLS if possible(*each)], ids=lambda each: str(each)
)
def test_adapter_and_merged_say_what_the_run_says(task: str, method: str, family: str, tmp_path: Path) -> None:
    run = exporting.tuned(task, method, family, tmp_path)
    for kind in ("adapter", "merged"):
        why = taking.refusal(exporting.workspace_of(run), run, EXPORTS.get(kind))
        if why is not None:
            assert len(why.en) > 30
            assert len(why.zh) > 10
            assert method == "full" or METHODS.get(method).unmergeable is not None
            continue
        done = exporting.take(run, kind)
        assert done["word"] == "equal", done
        assert done["prompts"] >= 12
        assert done["max_delta"] < 1e-4


def test_an_adapter_loads_in_plain_peft_with_parameters_that_started_at_random(tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForMaskedLM

    run = exporting.tuned("fill-mask", "lora", "bert", tmp_path)
    done = exporting.take(run, "adapter")
    assert (run.tuned / "fresh.safetensors").exists()
    assert not Path(done["folder"], "fresh.safetensors").exists()
    ours = exporting.source(run).tuned()
    base = AutoModelForMaskedLM.from_pretrained(run.recipe.model.id)
    plain = PeftModel.from_pretrained(base, done["folder"]).eval()
    batch = matrix.batch_of(run.recipe, ours)
    assert torch.equal(matrix.logits(plain, batch), matrix.logits(ours, batch))


@pytest.mark.parametrize(("knobs", "share"), [({"dtype": "bf16"}, 0.55), ({"bits": 8}, 0.9), ({"bits": 4}, 0.85)])
def test_fewer_bits_are_close_and_smaller(chat: Run, knobs: dict[str, Any], share: float, tmp_path: Path) -> None:
    whole = exporting.take(chat, "merged", tmp_path / "whole")
    done = exporting.take(chat, "merged" if "dtype" in knobs else "quantized", tmp_path / "small", **knobs)
    assert done["word"] == "close"
    assert done["max_delta"] > whole["max_delta"]
    weights = [
        sum(path.stat().st_size for path in Path(each["folder"]).glob("*.safetensors")) for each in (whole, done)
    ]
    assert weights[1] < share * weights[0]


def test_qlora_is_merged_onto_the_base_in_full_and_scored_as_it_was_trained(tmp_path: Path) -> None:
    run = exporting.tuned("chat", "qlora", "llama", tmp_path)
    done = exporting.take(run, "merged")
    assert done["word"] == "equal"
    assert set(done["trained"]) == {"perplexity", "token_accuracy", "bits_per_byte"}
    assert done["trained"]["perplexity"] != pytest.approx(done["before"], rel=1e-6)
    assert "quantization_config" not in json.loads(Path(done["folder"], "config.json").read_text())


def test_damaged_weights_are_broken_labelled_and_an_exit_status(chat: Run, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:  # fmt: skip
    from safetensors.torch import load_file, save_file

    real = type(EXPORTS.get("merged")).write

    def damaging(self: Any, source: Any, section: Any, folder: Path) -> None:
        real(self, source, section, folder)
        state = load_file(folder / "model.safetensors")
        name = next(name for name in state if "down_proj" in name)
        save_file({**state, name: state[name] * 1.5}, folder / "model.safetensors", {"format": "pt"})

    monkeypatch.setattr(type(EXPORTS.get("merged")), "write", damaging)
    monkeypatch.setattr(taking, "ask", exporting.here)
    workspace = exporting.workspace_of(chat)
    words = ["export", chat.id, "--to", "merged", "--out", str(tmp_path / "x"), "--workspace", str(workspace.root)]
    assert cli.main([*words, "--json"]) == 1
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["word"] == "broken"
    assert "logits differ" in said["sentence"]["en"]
    assert "相差" in (tmp_path / "x" / "BROKEN.txt").read_text()
    assert (tmp_path / "x" / "model.safetensors").exists()
    monkeypatch.undo()
    monkeypatch.setattr(taking, "ask", exporting.here)
    assert cli.main([*words, "--json"]) == 0
    assert not (tmp_path / "x" / "BROKEN.txt").exists()


def test_another_tokenizer_is_broken(chat: Run, tmp_path: Path, monkeypatch: Any) -> None:
    real = type(EXPORTS.get("merged")).reload

    def other(self: Any, source: Any, section: Any, folder: Path) -> tuple[Any, Any]:
        model, tokenizer = real(self, source, section, folder)
        tokenizer.chat_template = tokenizer.chat_template.replace("Assistant", "Helper").replace("assistant", "helper")
        return model, tokenizer

    monkeypatch.setattr(type(EXPORTS.get("merged")), "reload", other)
    done = exporting.take(chat, "merged", tmp_path / "x")
    assert (done["word"], done["tokens"]) == ("broken", False)
    assert "词元" in done["sentence"]["zh"]


def test_a_score_that_fell_is_broken_and_noise_is_not() -> None:
    facts: dict[str, Any] = {"metric": "accuracy", "before": 0.9, "after": 0.8, "p": 0.01, "margin": 0.02}
    assert parity_word.worse(facts)
    assert not parity_word.worse({**facts, "p": 0.3})
    assert not parity_word.worse({**facts, "after": 0.89})
    assert not parity_word.worse({**facts, "after": 0.95})
    perplexity = {**facts, "metric": "perplexity", "before": 100.0, "after": 101.0}
    assert not parity_word.worse(perplexity)
    assert parity_word.worse({**perplexity, "after": 110.0})
    assert parity_word.worse({**perplexity, "after": float("nan")})


def test_an_archive_and_a_card(chat: Run, tmp_path: Path) -> None:
    packed = exporting.take(chat, "zip", tmp_path / "z")
    assert packed["word"] == "equal"
    names = zipfile.ZipFile(tmp_path / "z" / f"{chat.id}.zip").namelist()
    assert {"recipe.yaml", "report.json", "README.md", "adapter_model.safetensors", "tokenizer.json"} <= set(names)
    assert sorted(path.name for path in (tmp_path / "z").iterdir()) == [f"{chat.id}.zip", "parity.json"]
    card = exporting.take(chat, "card")
    text = Path(card["folder"], "README.md").read_text()
    assert card["word"] == "equal"
    assert "model-index:" in text
    assert "perplexity" in text
    assert [each["to"] for each in taking.taken(chat)] == ["card"]


def test_from_the_command_line_in_processes_of_its_own(chat: Run, tmp_path: Path) -> None:
    workspace = exporting.workspace_of(chat)
    words = ["export", chat.id, "--to", "merged", "--set", "dtype=bf16", "--out", str(tmp_path / "m"), "--json"]
    command = [sys.executable, "-m", "workbench.cli", "--workspace", str(workspace.root), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "WORKBENCH_LANG": "en"}, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["word"], said["knobs"]["dtype"]) == ("close", "bf16")
    assert json.loads((tmp_path / "m" / "parity.json").read_text())["max_delta"] == said["max_delta"]
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_taken_is_one_sentence(chat: Run, tmp_path: Path) -> None:
    workspace = exporting.workspace_of(chat)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="no earlier export"):
        taking.wish(workspace, chat, "merged", {}, tmp_path / "mine")
    with pytest.raises(UserError, match="dtype"):
        taking.wish(workspace, chat, "merged", {"dtype": "fp8"}, tmp_path / "x")
    with pytest.raises(UserError, match="no such setting"):
        taking.wish(workspace, chat, "merged", {"colour": 1}, tmp_path / "x")
    fresh = create(Workspace(tmp_path / "w"), chat.recipe)
    with pytest.raises(UserError, match="no tuned model yet"):
        taking.wish(Workspace(tmp_path / "w"), fresh, "adapter", {})


def test_a_cancelled_export_leaves_nothing(chat: Run, tmp_path: Path) -> None:
    workspace, asked = exporting.workspace_of(chat), Asked()
    asked.cancelled = True
    with pytest.raises(UserError, match="Cancelled"):
        taking.take(workspace, taking.wish(workspace, chat, "merged", {}, tmp_path / "x"), asked)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("export", EXPORTS.all(), ids=lambda export: export.kind)
def test_every_target_is_told_in_both_languages(export: Any) -> None:
    assert export.label.en
    assert len(export.help.en) > 20
    assert any("\u4e00" <= char <= "\u9fff" for char in export.help.zh)
    assert not export.packages or export.extra
