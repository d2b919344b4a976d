"""The Nth write fails, for N = 1, 2, 3 … until none is left to fail: nothing that is kept is ever torn, and the run ends as if it never had."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from engineruns import QUIET, worked
from faults import note

from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.files import read_json
from workbench.core.recipe import Recipe
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, loopstate, queue, room, supervisor, trainer

Make = Callable[..., Recipe]
pytestmark = [QUIET, pytest.mark.slow]
CODES = {"ENOSPC": errno.ENOSPC, "EDQUOT": errno.EDQUOT, "EIO": errno.EIO}
SHORT = {"training__max_steps": 4, "training__save_steps": 2, "training__eval_steps": 2, "evaluation__baseline": False, "training__keep_best": True}  # fmt: skip
FEW = 4
"""Writes that fail in the quick set, evenly spread over all of a run."""


class Faulty:
    """Counts writes, and lets one fail."""

    def __init__(self) -> None:
        self.count, self.at, self.code, self.where = 0, 0, 0, ""

    def around(self, plain: Callable[..., Any], where: str) -> Callable[..., Any]:
        def write(*given: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                self.where = where
                raise OSError(self.code, os.strerror(self.code))
            return plain(*given, **named)

        return write

    def arm(self, at: int, code: int) -> None:
        self.count, self.at, self.code, self.where = 0, at, code, ""


class Stream:
    """An event log's file whose writes are counted."""

    def __init__(self, stream: Any, faulty: Faulty) -> None:
        self.write = faulty.around(stream.write, "an event")
        self.fileno, self.close = stream.fileno, stream.close


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Faulty:
    made = Faulty()
    plain = EventWriter.__init__

    def opened(self: EventWriter, path: Path) -> None:
        plain(self, path)
        self._stream = Stream(self._stream, made)  # type: ignore[assignment]

    monkeypatch.setattr(EventWriter, "__init__", opened)
    for place, name in ((os, "fsync"), (Path, "rename"), (Path, "replace"), (torch, "save")):
        monkeypatch.setattr(place, name, made.around(getattr(place, name), name))
    save_file = made.around(checkpoint.save_file, "tensors")
    for place in (checkpoint, trainer, loopstate, safetensors.torch):
        monkeypatch.setattr(place, "save_file", save_file)
    monkeypatch.setattr(room, "EVERY", 0.01)
    return made


def sound(run: Run) -> list[str]:
    """What holds whatever failed: no event is mixed up, the status can be told. The torn checkpoints that are offered: none, it is hoped."""
    assert all(event.kind != "text" for event in run.events()[0])
    assert run.status in ("finished", "failed", "lost", "queued")
    return [path.name for path in checkpoint.sealed(run.checkpoints) if checkpoint.wrong_with(path, read_json(path / checkpoint.MANIFEST)["of"])]  # fmt: skip


def outcome(run: Run) -> tuple[dict[Any, Any], bytes]:
    steps = {event.get("step"): event.get("loss") for event in run.events()[0] if event.kind == "step"}
    return steps, (run.tuned / "adapter_model.safetensors").read_bytes()


def broken_at(at: int, code: int, run: Run, faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One run with one failing write; then, where that ended it, on to its end. The torn checkpoints it offered."""
    faulty.arm(at, code)
    with contextlib.suppress(OSError):  # not even the failure could be told
        worked(run, monkeypatch)
    torn = sound(run)
    if code in room.FULL:
        assert run.status == "finished", f"{faulty.where} {at}: {run.events()[0][-1]}"
    faulty.arm(0, 0)
    if run.status != "finished":
        assert worked(run, monkeypatch, again=True) == "finished"
    return torn + sound(run)


@pytest.fixture
def unbroken(workspace: Workspace, recipe: Make, faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    """What a run with every write in order comes to, and how many there are."""
    return plain(create(workspace, recipe(**SHORT)), faulty, monkeypatch)


def plain(run: Run, faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, int]:
    faulty.arm(0, 0)
    assert worked(run, monkeypatch) == "finished"
    return outcome(run), faulty.count


def every(codes: list[str], places: list[int], workspace: Workspace, recipe: Recipe, faulty: Faulty, unbroken: tuple[Any, int], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    wrong, tried = list[str](), 0
    for tried, (code, at) in enumerate(itertools.product(codes, places), 1):  # noqa: B007 (told below)
        run = create(workspace, recipe)
        wrong += broken_at(at, CODES[code], run, faulty, monkeypatch)
        wrong += [f"{code} {at}"] if outcome(run) != unbroken[0] else []
        shutil.rmtree(run.folder)
    note("F7", f"writes of a run made to fail in turn ({'all' if len(places) > FEW else 'a sample'}), of {unbroken[1]}", tried)  # fmt: skip
    note("F7", "torn checkpoints offered, or ends that differ", len(wrong), most=0)
    assert wrong == []


@pytest.mark.parametrize("code", CODES)
def test_a_run_whose_nth_write_fails_ends_as_if_it_had_not(code: str, workspace: Workspace, recipe: Make, faulty: Faulty, unbroken: tuple[Any, int], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    total = unbroken[1]
    places = [1 + round(at * (total - 1) / (FEW - 1)) for at in range(FEW)]
    every([code], places, workspace, recipe(**SHORT), faulty, unbroken, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_every_write_of_a_run_may_fail(engine: str, workspace: Workspace, recipe: Make, faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    chosen = recipe(**SHORT, training__engine=engine)
    whole = plain(create(workspace, chosen), faulty, monkeypatch)
    every(list(CODES), list(range(1, whole[1] + 1)), workspace, chosen, faulty, whole, monkeypatch)


@pytest.mark.parametrize("code", CODES)
def test_every_write_of_a_start_and_of_the_queue_may_fail(code: str, workspace: Workspace, recipe: Make, faulty: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Making a run and arranging the queue: a half of either is never seen."""
    monkeypatch.setattr(supervisor, "launch_next", lambda workspace: None)
    chosen, at, fired = recipe(), 0, True
    first, second = create(workspace, chosen), create(workspace, chosen)
    while fired:
        at, known = at + 1, len(all_runs(workspace))
        before = queue.read(workspace).order
        faulty.arm(at, CODES[code])
        with contextlib.suppress(UserError):  # anything else is no sentence
            queue.move(workspace, first.id, 1 if at % 2 else -1)
            supervisor.start(workspace, chosen)
        fired = bool(faulty.where)
        faulty.arm(0, 0)
        order = queue.read(workspace).order
        assert order == before or {first.id, second.id} <= set(order)
        assert len(all_runs(workspace)) in (known, known + 1)
        assert all(each.unreadable is None for each in all_runs(workspace))
    note("F7", "writes of a start and a move made to fail in turn", at - 1)
