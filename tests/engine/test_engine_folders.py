"""Folders that are locked, taken away or replaced by links: refused before a start, or ended cleanly with the last good checkpoint named."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engineruns import QUIET, worked
from faults import note
from fewrows import kinds, wait
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.recipe import Recipe
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, queue, supervisor

Make = Callable[..., Recipe]
pytestmark = QUIET
LONG = {"training__max_steps": 100_000, "training__save_steps": 5, "evaluation__baseline": False}
DROP, OVERRIDE, SEARCH = 24, 1, 2
"""prctl's PR_CAPBSET_DROP; the two capabilities by which root passes every permission."""


def as_anybody() -> None:
    """Root passes every permission; what is started after this does not."""
    if os.name == "posix" and os.geteuid() == 0:
        for capability in (OVERRIDE, SEARCH):
            ctypes.CDLL(None).prctl(DROP, capability, 0, 0, 0)


@pytest.fixture
def lock() -> Iterator[Callable[[Path, int], None]]:
    """Change what may be done with a folder; it is given back afterwards."""
    changed: dict[Path, int] = {}

    def make(path: Path, mode: int) -> None:
        changed.setdefault(path, path.stat().st_mode & 0o777)
        path.chmod(mode)

    yield make
    for path, mode in changed.items():
        if path.exists():
            path.chmod(mode)


def start_as_anybody(workspace: Workspace, recipe: Recipe, folder: Path) -> subprocess.CompletedProcess[str]:
    """`run … --detach` of the command line, by somebody whom permissions bind."""
    recipe.save(folder / "asked.yaml")
    command = [
        sys.executable,
        "-m",
        "workbench.cli",
        "run",
        str(folder / "asked.yaml"),
        "--detach",
        "--workspace",
        str(workspace.root),
    ]
    return subprocess.run(
        command, cwd=ROOT, preexec_fn=as_anybody, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_workspace_that_may_not_be_written_to_refuses_a_run_with_one_sentence(workspace: Workspace, recipe: Make, tmp_path: Path, lock: Callable[[Path, int], None]) -> None:  # fmt: skip
    lock(workspace.runs, 0o555)
    done = start_as_anybody(workspace, recipe(), tmp_path)
    assert (done.returncode, "cannot be written to" in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert all_runs(workspace) == []
    assert list(workspace.runs.iterdir()) == []


def test_a_refusal_is_quick_and_leaves_nothing(
    workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(path: Path, *given: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    asked = recipe()
    monkeypatch.setattr(Path, "mkdir", locked)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"cannot be written to \(runs/.*Permission denied"):
        supervisor.start(workspace, asked)
    note("F8", "refused before the start", time.monotonic() - began, "s", 1)


def test_a_folder_that_is_locked_keeps_no_other_run_from_starting(workspace: Workspace, recipe: Make, tmp_path: Path, lock: Callable[[Path, int], None]) -> None:  # fmt: skip
    first = create(workspace, recipe(name="first"))
    lock(first.folder, 0o555)
    done = start_as_anybody(workspace, recipe(name="second", evaluation__baseline=False), tmp_path)
    assert done.returncode == 0, done.stderr
    second = next(run for run in all_runs(workspace) if run != first)
    assert (first.status, sorted(path.name for path in first.folder.iterdir())) == ("queued", ["recipe.yaml"])
    supervisor.cancel(second)


def test_the_queue_says_what_is_locked_or_of_another_release(workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run, newer = create(workspace, recipe()), create(workspace, recipe(name="newer"))
    (newer.folder / "recipe.yaml").write_text("from_the_future: 1\n")
    assert [queue.reason(workspace, each) for each in (run, newer)] == ["next", "unreadable"]
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert queue.reason(workspace, run) == "locked"


@pytest.mark.slow
def test_a_right_that_is_taken_away_ends_the_run_with_the_last_good_checkpoint_named(workspace: Workspace, recipe: Make, tmp_path: Path, lock: Callable[[Path, int], None]) -> None:  # fmt: skip
    done = start_as_anybody(workspace, recipe(**{**LONG, "training__max_steps": 400}), tmp_path)
    run = Run(workspace.runs / done.stdout.strip())
    wait(run, lambda: "checkpoint" in kinds(run))
    lock(run.checkpoints, 0o555)
    assert wait(run) == "failed"
    said = str(run.events()[0][-1].get("en"))
    kept = checkpoint.sealed(run.checkpoints)[-1]
    assert f"The last whole checkpoint is {kept.name}" in said
    assert checkpoint.wrong_with(kept, checkpoint.read_json(kept / checkpoint.MANIFEST)["of"]) is None
    run.checkpoints.chmod(0o755)
    supervisor.resume(run)
    wait(run, lambda: "resumed" in kinds(run))
    assert next(each for each in run.events()[0] if each.kind == "resumed").get("step") == int(kept.name[5:])
    supervisor.cancel(run)


def in_the_place(folder: Path, elsewhere: Path) -> None:
    """The folder is moved away, and a link put in its place."""
    elsewhere.mkdir()
    folder.rename(elsewhere.with_name("moved"))
    folder.symlink_to(elsewhere)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_nothing_is_written_through_a_link_put_in_the_place_of_a_folder(engine: str, workspace: Workspace, recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run, elsewhere = create(workspace, recipe(**LONG, training__engine=engine)), tmp_path / "elsewhere"
    assert worked(run, monkeypatch, 7, lambda reporter: in_the_place(run.checkpoints, elsewhere)) == "failed"
    assert "has become a link" in str(run.events()[0][-1].get("en"))
    assert list(elsewhere.iterdir()) == []
    assert checkpoint.sealed(tmp_path / "moved")


@pytest.mark.slow
def test_a_run_whose_whole_folder_becomes_a_link_ends(workspace: Workspace, recipe: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    run, elsewhere = create(workspace, recipe(**LONG)), tmp_path / "elsewhere"
    worked(run, monkeypatch, 7, lambda reporter: in_the_place(run.folder, elsewhere))
    assert list(elsewhere.iterdir()) == []
    run.folder.unlink()
    shutil.move(tmp_path / "moved", run.folder)
    assert run.status == "stopped"
    assert checkpoint.sealed(run.checkpoints)


def test_a_folder_nobody_may_look_into_breaks_no_list(
    workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut, open_ = create(workspace, recipe(name="shut")), create(workspace, recipe(name="open"))
    plain = Path.exists

    def exists(path: Path, **named: bool) -> bool:
        if shut.folder in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, **named)

    monkeypatch.setattr(Path, "exists", exists)
    assert all_runs(workspace) == [open_]
    assert shut.stop_asked is False
