"""What takes room in a workspace, and what of it may go."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.errors import UserError
from workbench.core.run import ENDED, Run, all_runs, find, remove
from workbench.core.workspace import Workspace

CACHE, TRACKS = "cache", "tensorboard"


@dataclass(frozen=True)
class Room:
    """Bytes somewhere. `kind`: run, datasets, models, cache, rest (searches, shoot-outs, trackers …); `spare`: bytes that can go without losing a result."""

    kind: str
    name: str
    size: int
    spare: int = 0


def rooms(workspace: Workspace) -> list[Room]:
    """Everything that takes room, the largest first."""
    found = [_of_run(run) for run in all_runs(workspace)]
    found += [Room(kind, kind, size(folder)) for kind, folder in (("datasets", workspace.datasets), ("models", workspace.models))]  # fmt: skip
    cache = size(workspace.root / CACHE)
    found.append(Room("cache", CACHE, cache, cache))
    known = {workspace.runs.name, workspace.datasets.name, workspace.models.name, CACHE}
    found += [Room("rest", path.name, size(path)) for path in workspace.root.iterdir() if path.name not in known]
    return sorted((room for room in found if room.size), key=lambda room: -room.size)


def _of_run(run: Run) -> Room:
    spare = size(run.checkpoints) if run.status == "finished" else 0
    return Room("run", run.id, size(run.folder), spare)


def size(folder: Path) -> int:
    """Bytes of a file, or of all files below a folder; links are not followed."""
    if folder.is_file() and not folder.is_symlink():
        return folder.stat().st_size
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    inner = folder.rglob("*") if folder.is_dir() and not folder.is_symlink() else iter(())
    return (path for path in inner if path.is_file() and not path.is_symlink())


def free(workspace: Workspace) -> int:
    """Bytes left on the disk."""
    return shutil.disk_usage(workspace.root).free


def tidy(workspace: Workspace) -> int:
    """Remove what no result needs: checkpoints of finished runs, the cache. The bytes that came free."""
    before = sum(room.spare for room in rooms(workspace))
    for run in all_runs(workspace):
        if run.status == "finished":
            shutil.rmtree(run.checkpoints, ignore_errors=True)
    if not any(run.status == "running" for run in all_runs(workspace)):
        shutil.rmtree(workspace.root / CACHE, ignore_errors=True)
    return before - sum(room.spare for room in rooms(workspace))


def drop_checkpoints(workspace: Workspace, run_id: str) -> int:
    """Remove the checkpoints of a run that has ended: it cannot go on from them any more. The bytes that came free."""
    run = find(workspace, run_id)
    if run.status not in ENDED:
        raise UserError(f"{run.id} is {run.status}; stop it first.", f"{run.id} 尚未结束；请先停止。", field="run")
    freed = size(run.checkpoints)
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    return freed


def leave_report(run: Run, weights: bool) -> None:
    """Of a run that will not go on keep what it found out, and its weights where they are wanted."""
    shutil.rmtree(run.checkpoints, ignore_errors=True)
    if not weights:
        shutil.rmtree(run.tuned, ignore_errors=True)


def drop_run(workspace: Workspace, run_id: str) -> int:
    """Remove a run that has ended, with everything in it. The bytes that came free."""
    run = find(workspace, run_id)
    freed = size(run.folder)
    remove(run)
    return freed
