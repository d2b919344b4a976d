"""A number that is none, wherever it appears: the run ends at that very step, nothing is saved after it, and the last good one is whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engineruns import QUIET, worked
from faults import note
from fewrows import LABELS, write_rows
from tinymodels import copy_with

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.recipe import Recipe
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint

Make = Callable[..., Recipe]
pytestmark = [QUIET, pytest.mark.slow]
SAVED = {
    "training__max_steps": 12, "training__save_steps": 1, "training__save_total_limit": 100, "training__eval_steps": 100,
    "evaluation__baseline": False,
}  # fmt: skip
AT = 4


def trained(reporter: Any) -> Any:
    """The first parameter that is trained."""
    return next(value for value in reporter.trainer.model.parameters() if value.requires_grad)


def spoil_weights(reporter: Any) -> None:
    trained(reporter).data.fill_(math.inf)


def spoil_gradients(reporter: Any) -> None:
    trained(reporter).register_hook(lambda gradient: gradient * math.nan)


@pytest.mark.parametrize("engine", ["trainer", "loop"])
@pytest.mark.parametrize(("act", "step"), [(spoil_weights, AT), (spoil_gradients, AT + 1)], ids=["weights", "gradients"])  # fmt: skip
def test_a_number_that_is_none_ends_the_run_at_that_step(act: Callable[[Any], None], step: int, engine: str, workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run = create(workspace, recipe(**SAVED, training__engine=engine))
    assert worked(run, monkeypatch, AT, act) == "failed"
    ended(run, step)


@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_a_held_out_loss_that_is_none_ends_the_run_too(engine: str, workspace: Workspace, recipe: Make, llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    rows = [{"text": f"film {i}" + "~" * (i > 15), "label": LABELS[i % 2], "split": "test" if i > 15 else "train"} for i in range(20)]  # fmt: skip
    write_rows(workspace, tmp_path / "held.jsonl", rows)
    poisoned = copy_with(llama, tmp_path / "poisoned", byte="~")
    run = create(workspace, recipe(**{**SAVED, "training__eval_steps": AT}, training__engine=engine, model__id=str(poisoned)))  # fmt: skip
    assert worked(run, monkeypatch) == "failed"
    assert "held-out loss became NaN" in str(run.events()[0][-1].get("en"))
    ended(run, AT)


def ended(run: Run, step: int) -> None:
    told = run.events()[0]
    assert told[-1].get("step") == step
    kept = checkpoint.sealed(run.checkpoints)
    late = [path.name for path in kept if int(path.name[5:]) >= step]
    assert late == []
    assert checkpoint.wrong_with(kept[-1], read_json(kept[-1] / checkpoint.MANIFEST)["of"]) is None
    last = max(int(event.get("step")) for event in told if event.kind == "step")
    note("F14", "steps after the number that was none", last - step, most=1)
    note("F14", "checkpoints saved after it", len(late), most=0)


def test_a_rate_that_cannot_be_is_refused_before_anything(recipe: Make) -> None:
    with pytest.raises(UserError, match="learning_rate"):
        recipe(training__learning_rate=1e30)
