"""Two loops, one recipe: our own loop gives the Trainer's losses, step by step, and learns the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engineruns import run_with, told

from workbench.core.run import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
SETTINGS: list[dict[str, Any]] = [
    {"lr_scheduler_type": "linear"},
    {"lr_scheduler_type": "cosine", "gradient_accumulation_steps": 3, "weight_decay": 0.1},
    {"lr_scheduler_type": "constant_with_warmup", "max_grad_norm": 0.05, "optim": "adamw_torch"},
    {"lr_scheduler_type": "constant", "gradient_checkpointing": True, "max_grad_norm": 0},
]


def same(one: Run, other: Run, within: float = 1e-5) -> None:
    """The same curves."""
    for kind, key, near in (("step", "loss", within), ("step", "learning_rate", 1e-12), ("eval", "loss", within)):
        a, b = told(one, kind, key), told(other, kind, key)
        assert len(a) == len(b) > 0
        assert max(abs(x - y) for x, y in zip(a, b, strict=True)) <= near, (kind, key)


@pytest.mark.parametrize("training", SETTINGS, ids=lambda training: training["lr_scheduler_type"])
def test_fifty_steps_of_both_loops_agree(training: dict[str, Any], tmp_path: Path) -> None:
    same(run_with(tmp_path, "trainer", training), run_with(tmp_path, "loop", training))


@pytest.mark.parametrize(
    ("task", "family", "method"),
    [("text-classification", "bert", "full"), ("question-answering", "bert", "lora"), ("translation", "t5", "lora"), ("token-classification", "roberta", "bitfit")],
)  # fmt: skip
def test_other_tasks_agree_too(task: str, family: str, method: str, tmp_path: Path) -> None:
    changes = {"task": task, "family": family, "method": method}
    training = {"max_steps": 12, "eval_steps": 6, "gradient_accumulation_steps": 2}
    same(run_with(tmp_path, "trainer", training, **changes), run_with(tmp_path, "loop", training, **changes))


def test_weighed_labels_agree(tmp_path: Path) -> None:
    training = {"max_steps": 12, "eval_steps": 6, "gradient_accumulation_steps": 2}
    changes: dict[str, Any] = {"task": "text-classification", "family": "bert", "method": "full"}
    weighed = {**changes, "knobs": {"class_weights": True}}
    one = run_with(tmp_path, "trainer", training, **weighed)
    same(one, run_with(tmp_path, "loop", training, **weighed))


@pytest.mark.parametrize("engine", ["trainer", "loop"])
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_two_batches_added_up_are_one_of_twice_the_rows(family: str, engine: str, tmp_path: Path) -> None:
    """Also where a model takes the number of answers and ignores it, as BERT's heads do: sums of means would be twice as large."""
    task = "text-classification" if family == "bert" else "chat"
    changes = {"task": task, "family": family, "method": "full"}
    training = {"max_steps": 8, "eval_steps": 4, "padding_free": False}
    whole = run_with(tmp_path / "whole", engine, training, **changes)
    halves = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    same(whole, run_with(tmp_path / "halves", engine, {**training, **halves}, **changes))


def test_mixed_precision_agrees(tmp_path: Path) -> None:
    training, compute = {"max_steps": 20}, {"compute": {"precision": "bf16"}}
    same(run_with(tmp_path, "trainer", training, **compute), run_with(tmp_path, "loop", training, **compute))


@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_early_stopping_keeps_the_best_weights(engine: str, tmp_path: Path) -> None:
    run = run_with(tmp_path, engine, {"early_stopping_patience": 2, "eval_steps": 2, "learning_rate": 0.3})
    losses, steps = told(run, "eval", "loss"), told(run, "step", "step")
    best = losses.index(min(losses))
    assert len(losses) == best + 3
    assert steps[-1] < 50
    assert f"step {2 * (best + 1)}" in " ".join(
        str(event.get("en")) for event in run.events()[0] if event.kind == "note"
    )
    assert not list(run.checkpoints.glob("best*"))


def test_the_loop_saves_checkpoints_that_are_sealed(tmp_path: Path) -> None:
    run = run_with(tmp_path, "loop", {"max_steps": 6, "save_steps": 3})
    kept = sorted(path.name for path in run.checkpoints.iterdir())
    assert kept == ["step-3", "step-6"]
    assert (run.checkpoints / "step-6" / "manifest.json").is_file()


def test_the_loop_is_short_enough_to_be_read() -> None:
    from workbench.engine import loop

    assert len(Path(loop.__file__ or "").read_text(encoding="utf-8").splitlines()) <= 200
