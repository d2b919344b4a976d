"""A really full disk, a file system of a few megabytes: the run waits, says how much it needs, and ends as if nothing had been."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import note
from fewrows import kinds, wait

from workbench.core.recipe import Recipe
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, room, supervisor
from workbench.engine.diagnosis import diagnose
from workbench.ui.feed import Feed

Make = Callable[..., Recipe]
pytestmark = pytest.mark.slow
SMALL = 40
"""Megabytes of the file system: little more than what must stay free beside a checkpoint."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, or a skipped test where none may be mounted; the injected failures are tested everywhere."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}m", "tmpfs", str(place)], capture_output=True, check=False)  # fmt: skip
    if done.returncode:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=False)


def fill(place: Path, leave: int) -> Path:
    """Take all room but so many bytes."""
    path, block = place / "ballast", bytes(1 << 16)
    with path.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while room.free(place) > leave:
            stream.write(block)
    return path


@pytest.fixture
def workspace(small: Path) -> Workspace:
    """A workspace on it."""
    return Workspace(small)


def test_a_disk_that_is_really_full_is_waited_out(small: Path, workspace: Workspace, recipe: Make) -> None:
    run = supervisor.start(
        workspace, recipe(training__max_steps=60, training__save_steps=5, evaluation__baseline=False)
    )
    wait(run, lambda: "checkpoint" in kinds(run))
    ballast = fill(small, leave=200_000)
    wait(run, lambda: [each.kind for each in diagnose(run)] == ["disk_full"])
    kept = checkpoint.sealed(run.checkpoints)
    assert checkpoint.wrong_with(kept[-1], checkpoint.read_json(kept[-1] / checkpoint.MANIFEST)["of"]) is None
    paused = Feed().view(run).paused
    assert paused is not None
    assert paused["need_mb"] > room.SPARE / 1e6
    ballast.unlink()
    assert wait(run) == "finished"
    told = [event.get("step") for event in run.events()[0] if event.kind == "step"]
    assert told == list(range(1, 61))
    note("F6", f"steps lost to a file system of {SMALL} MB that was full", 60 - len(told), most=0)
