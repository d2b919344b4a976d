"""A run is a folder on disk. Its status is derived from what lies there, never stored.

recipe.yaml (written once) · events.jsonl (append-only, one writer: the worker) · worker.json (pid, process start time)
worker.log · exit.json (how the worker ended, where somebody saw it) · stop, pause (requests) · checkpoints/ · result/
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import psutil

from workbench.core import clock, events
from workbench.core.errors import UserError, shorten
from workbench.core.files import entries, read_json, there, write_json, writing
from workbench.core.recipe import Recipe, read
from workbench.core.text import Text
from workbench.core.workspace import Workspace

Status = Literal["queued", "running", "finished", "stopped", "failed", "lost"]

STATUS: dict[Status, Text] = {
    "queued": Text("queued", "排队中"),
    "running": Text("running", "运行中"),
    "finished": Text("finished", "已完成"),
    "stopped": Text("stopped", "已停止"),
    "failed": Text("failed", "失败"),
    "lost": Text("interrupted", "已中断"),
}
GIVEN = "WORKBENCH_DEVICE"
"""Tells a worker the device it was given."""
UNREADABLE = "?"
"""In lists, for what a recipe that cannot be read would have said."""
ENDED = ("finished", "stopped", "failed", "lost")


@lru_cache(maxsize=1024)
def _read(path: Path, stamp: tuple[int, int]) -> Recipe:
    """Written once and frozen, so read once: lists of runs ask for every recipe again and again."""
    return read(path)


@dataclass(frozen=True)
class Run:
    """One run folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def events_path(self) -> Path:
        """The event log."""
        return self.folder / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints, a folder each."""
        return self.folder / "checkpoints"

    @property
    def result(self) -> Path:
        """The outcome: the tuned adapter or model, report.json, predictions, model card."""
        return self.folder / "result"

    @property
    def tuned(self) -> Path:
        """The saved adapter or whole model."""
        return self.result / "model"

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe it was started with."""
        path = self.folder / "recipe.yaml"
        try:
            found = path.stat()
        except OSError:
            return read(path)
        return _read(path, (found.st_mtime_ns, found.st_size))

    @property
    def unreadable(self) -> UserError | None:
        """Why its recipe cannot be read here (another release made it, it is damaged), if that is so."""
        try:
            _ = self.recipe
        except UserError as error:
            return error
        return None

    @property
    def report(self) -> dict[str, Any] | None:
        """The report card, once there is one."""
        found = read_json(self.result / "report.json")
        return found if isinstance(found, dict) else None

    def events(self, offset: int = 0) -> tuple[list[events.Event], int]:
        """Whole events after a byte offset, and the next offset."""
        return events.read(self.events_path, offset)

    def worker(self) -> psutil.Process | None:
        """The living worker process: same pid *and* same start, so that a reused pid is never taken for it."""
        known = read_json(self.folder / "worker.json")
        if not isinstance(known, dict):
            return None
        try:
            process = psutil.Process(int(known["pid"]))
            same = clock.is_same(process, known)
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.Error, KeyError, TypeError, ValueError):
            return None

    @property
    def status(self) -> Status:
        """Derived: from the last lifecycle event and whether the worker lives."""
        claimed = there(self.folder / "worker.json")  # first: a run that is claimed while we look is not lost
        if self.worker() is not None:
            return "running"
        last = events.last_lifecycle(self.events_path)
        if last is not None and last.kind in events.TERMINAL:
            return last.kind  # type: ignore[return-value]
        # a run that was put back into the queue has no worker.json until it is started again
        return "lost" if claimed else "queued"

    def claim(self, process: psutil.Process, device: str = "") -> None:
        """Write down which process works on this run, and the device it was given."""
        device = device or os.environ.get(GIVEN) or self.device
        write_json(self.folder / "worker.json", {**clock.identity(process), "device": device})

    @property
    def device(self) -> str:
        """The device its worker was given, by its name in the queue: "cpu", "cuda:0" …"""
        known = read_json(self.folder / "worker.json")
        return str(known.get("device") or "cpu") if isinstance(known, dict) else "cpu"

    def ask_to_stop(self) -> None:
        """Ask the worker to save and end; it looks at every step."""
        with writing(self.folder):
            (self.folder / "stop").touch()  # an empty file takes no room: a full disk must not be in its way

    @property
    def stop_asked(self) -> bool:
        """Whether a stop was asked for."""
        return there(self.folder / "stop")

    def ask_to_pause(self, wanted: bool = True) -> None:
        """Ask the worker to hold still at the next step, or to go on."""
        with writing(self.folder):
            if wanted:
                (self.folder / "pause").touch()
            else:
                (self.folder / "pause").unlink(missing_ok=True)

    @property
    def pause_asked(self) -> bool:
        """Whether a pause was asked for."""
        return there(self.folder / "pause")

    @property
    def resumable(self) -> bool:
        """Whether it ended before its end: it can go on from its newest checkpoint, or begin anew where there is none."""
        return self.status in ("stopped", "failed", "lost")

    def put_back(self) -> None:
        """Into the queue again, to go on where it ended. Only for who holds the queue's lock."""
        with writing(self.folder):
            for name in ("stop", "pause", "worker.json", "exit.json"):
                (self.folder / name).unlink(missing_ok=True)
            writer = events.EventWriter(self.events_path)
            writer.write("queued")
            writer.close()

    @property
    def started(self) -> float:
        """When the folder was made, in seconds since the epoch; later than that of every run made before it (`create` sees to that)."""
        try:
            return (self.folder / "recipe.yaml").stat().st_mtime
        except OSError:
            return 0.0

    def summary(self) -> dict[str, Any]:
        """One line of `runs list`."""
        chosen = (UNREADABLE,) * 4  # it is listed all the same
        if self.unreadable is None:
            recipe = self.recipe
            chosen = recipe.task.kind, recipe.method.kind, recipe.model.id, recipe.data.dataset
        return {
            "run": self.id,
            "status": self.status,
            **dict(zip(("task", "method", "model", "dataset"), chosen, strict=True)),
            "started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started)),
        }


def create(workspace: Workspace, recipe: Recipe, beside: dict[str, Any] | None = None) -> Run:
    """A new run folder: built beside its place and renamed, so that nobody ever sees half of one. `beside`: JSON files to lie in it from
    the first moment on, by name (whose trial it is, for instance)."""
    words = "".join(char if char.isalnum() else "-" for char in (recipe.name or recipe.data.dataset)).strip("-")
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    run_id = f"{stamp}-{words[:24] or 'run'}-{recipe.method.kind}-{secrets.token_hex(2)}"
    folder = workspace.runs / run_id
    staged = workspace.runs / f".{run_id}.part"
    staged.mkdir(parents=True)
    recipe.save(staged / "recipe.yaml")
    _after_all_others(workspace, staged / "recipe.yaml")
    for name, facts in (beside or {}).items():
        write_json(staged / name, facts)
    staged.rename(folder)
    return Run(folder)


def _after_all_others(workspace: Workspace, path: Path) -> None:
    """A clock that was set back does not put a new run before older ones: the order is that in which runs were made."""
    newest = max((run.started for run in all_runs(workspace)), default=0.0)
    if newest >= path.stat().st_mtime:
        os.utime(path, (newest + 0.001, newest + 0.001))


def find(workspace: Workspace, run_id: str) -> Run:
    """A run by its id, or by a unique beginning of it; "last" is the newest."""
    runs = all_runs(workspace)
    if run_id == "last" and runs:
        return runs[0]
    matching = [run for run in runs if run.id == run_id] or [run for run in runs if run.id.startswith(run_id)]
    if run_id and len(matching) == 1:
        return matching[0]
    raise UserError(
        f"There is no run “{shorten(run_id)}” here; `runs list` shows those there are.",
        f"这里没有名为“{shorten(run_id)}”的训练任务；`runs list` 可列出全部。",
        field="run",
    )


def all_runs(workspace: Workspace) -> list[Run]:
    """Every run, newest first."""
    found = [Run(path) for path in entries(workspace.runs, "recipe.yaml")]
    return sorted(found, key=lambda run: (run.started, run.id), reverse=True)


def remove(run: Run) -> None:
    """Delete a run that has ended."""
    if run.status not in ENDED and run.status != "queued":
        raise UserError(f"{run.id} is running; stop it first.", f"{run.id} 正在运行；请先停止。", field="run")
    with writing(run.folder.parent):
        shutil.rmtree(run.folder)
