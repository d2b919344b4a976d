"""Pause, cancel, a full disk, room that is made: nothing is lost by any of them."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from fewrows import kinds, wait

from workbench.core import events
from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, janitor, room, supervisor
from workbench.engine.stage import Stage, Stopped

Make = Callable[..., Recipe]
LONG = {"training__max_steps": 100_000, "training__save_steps": 5, "evaluation__baseline": False}


@pytest.mark.slow
def test_pause_continue_cancel_and_go_on(workspace: Workspace, recipe: Make) -> None:
    run = supervisor.start(workspace, recipe(**LONG))
    wait(run, lambda: "checkpoint" in kinds(run))
    run.ask_to_pause()
    wait(run, lambda: kinds(run)[-1] == "paused")
    count = len(kinds(run))
    time.sleep(0.6)
    assert len(kinds(run)) == count
    run.ask_to_pause(False)
    wait(run, lambda: len(kinds(run)) > count + 2)
    worker = run.worker()
    began = time.monotonic()
    supervisor.cancel(run)
    print(f"cancelled and gone after {time.monotonic() - began:.2f} s (aim 10 s)")
    assert run.status == "stopped"
    assert worker is not None
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    kept = checkpoint.sealed(run.checkpoints)
    assert kept
    supervisor.resume(run)
    wait(run, lambda: "resumed" in kinds(run))
    resumed = next(event for event in run.events()[0] if event.kind == "resumed")
    assert resumed.get("step") == int(kept[-1].name.removeprefix("step-"))
    supervisor.stop(run)
    assert wait(run) == "stopped"
    assert run.tuned.is_dir()


@pytest.fixture
def stage(workspace: Workspace, recipe: Make) -> Iterator[Stage]:
    run = create(workspace, recipe())
    run.checkpoints.mkdir()
    made = Stage(run, EventWriter(run.events_path))
    yield made
    made.writer.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes free, as a list of what is told one look after another; the last stays."""
    told = [1 << 40]
    monkeypatch.setattr(room, "free", lambda folder: told.pop(0) if len(told) > 1 else told[0])
    monkeypatch.setattr(room, "EVERY", 0.01)
    return told


def test_a_full_disk_is_waited_out_and_told(stage: Stage, disk: list[int]) -> None:
    disk[:] = [0, 0, 0, 0, 1 << 40]
    keeper = checkpoint.Keeper(stage, 2, {"recipe": "r"})
    keeper.need = 1000

    def write() -> None:
        folder = keeper.folder / "checkpoint-3"
        folder.mkdir(parents=True)
        (folder / checkpoint.TRAINED).write_bytes(b"x" * 1000)
        (folder / checkpoint.STATE).write_text("{}")

    keeper.save(3, write, {}, {})
    assert [kind for kind in kinds(stage.run) if kind in ("paused", "continued", "checkpoint")] == ["paused", "continued", "checkpoint"]  # fmt: skip
    assert checkpoint.newest(keeper.folder, {"recipe": "r"})[0] == keeper.folder / "step-3"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_every_write_that_fails_for_want_of_room_is_done_again(stage: Stage, disk: list[int], code: int) -> None:
    """The Nth write fails, for N = 1, 2, 3 …: what was kept before stays whole, and the new one comes."""
    keeper = checkpoint.Keeper(stage, 3, {"recipe": "r"})
    for number in range(1, 6):
        failures = iter([True] * number + [False])

        def write(step: int = number, failures: Any = failures) -> None:
            folder = keeper.folder / f"checkpoint-{step}"
            folder.mkdir(parents=True)
            (folder / checkpoint.TRAINED).write_bytes(b"x")
            if next(failures):
                raise OSError(code, "No space left on device")
            (folder / checkpoint.STATE).write_text("{}")

        keeper.save(number, write, {}, {})
        assert checkpoint.newest(keeper.folder, {"recipe": "r"})[0] == keeper.folder / f"step-{number}"
        assert not list(keeper.folder.glob("checkpoint-*"))


def test_a_wait_for_room_can_be_ended(stage: Stage, disk: list[int]) -> None:
    disk[:] = [0]
    stage.run.ask_to_stop()
    with pytest.raises(Stopped):
        room.await_room(stage, stage.run.folder, 10)


def test_another_error_is_not_taken_for_a_full_disk(stage: Stage, disk: list[int]) -> None:
    def write() -> None:
        raise OSError(errno.EIO, "input/output error")

    with pytest.raises(OSError, match="input/output"):
        room.patiently(stage, stage.run.folder, 0, write, lambda: None)


def test_events_wait_in_order_while_the_disk_is_full(tmp_path: Path) -> None:
    class Full:
        """A file that takes three bytes at a time, and nothing at all while full."""

        def __init__(self, path: Path) -> None:
            self.file, self.full = path.open("ab", buffering=0), False

        def write(self, data: bytes) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(data[:3])

        def fileno(self) -> int:
            return self.file.fileno()

        def close(self) -> None:
            self.file.close()

    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer._stream.close()
    writer._stream = full = Full(path)  # type: ignore[assignment]
    writer.write("started", pid=1)
    full.full = True
    for step in range(3):
        writer.write("step", step=step)
    writer.write("finished")
    full.full = False
    writer.close(patience=1)
    assert [event.kind for event in events.read(path)[0]] == ["started", "step", "step", "step", "finished"]


def filled(run: Run, size: int) -> None:
    (run.checkpoints / "step-1").mkdir(parents=True)
    (run.checkpoints / "step-1" / "x").write_bytes(b"x" * size)


def test_room_is_told_and_made_without_losing_a_result(workspace: Workspace, recipe: Make) -> None:
    done, lost = (create(workspace, recipe(name=name)) for name in ("done", "lost"))
    for run, size in ((done, 4000), (lost, 2000)):
        filled(run, size)
    (done.tuned).mkdir(parents=True)
    writer = EventWriter(done.events_path)
    writer.write("finished")
    writer.close()
    (lost.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    (workspace.root / "cache").mkdir()
    (workspace.root / "cache" / "x").write_bytes(b"x" * 500)
    found = {room_.name: room_ for room_ in janitor.rooms(workspace)}
    assert (found[done.id].spare, found[lost.id].spare, found["cache"].spare) == (4000, 0, 500)
    assert found["datasets"].size > 0
    assert janitor.tidy(workspace) == 4500
    assert (done.tuned.is_dir(), lost.checkpoints.is_dir(), done.checkpoints.is_dir()) == (True, True, False)
    assert janitor.drop_checkpoints(workspace, lost.id) == 2000
    assert janitor.drop_run(workspace, lost.id) > 0
    assert not lost.folder.exists()
    waiting = create(workspace, recipe(name="waits"))
    with pytest.raises(UserError, match="stop it first"):
        janitor.drop_checkpoints(workspace, waiting.id)
