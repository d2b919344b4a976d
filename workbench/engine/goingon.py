"""How a worker takes up a run that an earlier one began: whose checkpoints are looked for, which one is taken, what is said of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from workbench.core.files import sha256
from workbench.core.text import Text
from workbench.engine import checkpoint, trackers


def mark_of(session: Any) -> dict[str, str]:
    """Whose checkpoints these are: recipe, data and model."""
    files = sorted((path.name, path.stat().st_size) for path in session.folder.glob("*") if path.is_file())
    world = session.stage.world
    over = {"spread": f"{world.strategy} × {world.size}"} if world.many else dict[str, str]()
    return {
        **over,
        "recipe": sha256(session.run.folder / "recipe.yaml"),
        "data": str(session.material.dataset.meta.get("sha256")),
        "model": hashlib.sha256(json.dumps(files).encode()).hexdigest(),
    }


def begin(session: Any, keeper: checkpoint.Keeper) -> Path | None:
    """The checkpoint an interrupted run goes on from; None at a first beginning, or when there is none that can be trusted. The first
    process looks, the others take the same."""
    world = session.stage.world
    found = _found(session, keeper) if world.main else None
    step = int(world.agree(int(found.name.removeprefix(checkpoint.PLACE)) if found else -1))
    return keeper.folder / f"{checkpoint.PLACE}{step}" if step >= 0 else None


def _found(session: Any, keeper: checkpoint.Keeper) -> Path | None:
    keeper.begin()
    if not session.stage.again:
        trackers.follow(session.stage, 0)
        return None
    kept, notes = checkpoint.newest(keeper.folder, keeper.mark)
    for note in notes:
        session.stage.note(note)
    step = int(kept.name.removeprefix(checkpoint.PLACE)) if kept else 0
    keeper.set_aside(step)
    session.stage.write("resumed", step=step)
    trackers.follow(session.stage, step)
    session.stage.note(
        Text(f"Goes on after step {step}.", f"从第 {step} 步之后继续。")
        if kept
        else Text("There is no checkpoint to go on from: the run begins anew.", "没有可用的检查点：从头开始。")
    )
    return kept


def planned(session: Any, steps: int, kept: Path | None) -> None:
    """The method learns how many steps there will be, and what it had in mind."""
    session.method.plan(session.model, steps)
    if kept and (kept / checkpoint.METHOD).is_file():
        session.method.remember(session.model, load_file(str(kept / checkpoint.METHOD)))
