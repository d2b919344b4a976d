"""What a run will take of the disk is told before it begins, and about right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engineruns import run_with, told

from workbench.engine import janitor, room

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
SAVES = {"max_steps": 12, "save_steps": 3, "save_total_limit": 2}


@QUIET
@pytest.mark.slow
@pytest.mark.parametrize(("method", "more"), [("full", {}), ("lora", {"keep_best": True})])
def test_the_disk_a_run_takes_is_known_before(tmp_path: Path, method: str, more: dict[str, Any]) -> None:
    run = run_with(tmp_path, "loop", {**SAVES, **more}, method=method)
    (model,) = [event for event in run.events()[0] if event.kind == "model"]
    guess = room.ahead(run.recipe, model.get("total"), model.get("trainable")) - room.SPARE
    taken = janitor.size(run.checkpoints) + sum(path.stat().st_size for path in run.tuned.glob("*.safetensors"))
    one_being_written = janitor.size(run.checkpoints) / SAVES["save_total_limit"]
    print(f"{method}: {guess / 1e6:.2f} MB told, {(taken + one_being_written) / 1e6:.2f} MB taken")
    assert 0.7 <= (taken + one_being_written) / guess <= 1.3


@QUIET
@pytest.mark.slow
def test_too_little_disk_is_said_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free", lambda folder: room.SPARE + 1)
    monkeypatch.setattr(room, "await_room", lambda *given: False)
    run = run_with(tmp_path, "loop", {"max_steps": 2})
    order = [event.kind for event in run.events()[0]]
    (note,) = [text for text in told(run, "note", "en") if "free" in text]
    assert "save_total_limit" in note
    assert order.index("note") < order.index("step")
