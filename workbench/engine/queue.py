"""The queue of a workspace: which run comes next on which device, and when. One file, queue.json; every process agrees through a lock.

Runs that are queued start in the order they came, or in the one given by hand; one at a time per device. The whole queue may be held, or
work within hours of the day only ("overnight"); a run that is wanted now passes both.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json, write_json, writing
from workbench.core.run import Run, all_runs, find
from workbench.core.sections import DEVICE_MAP
from workbench.core.workspace import Workspace

FILE = "queue.json"
CPU = "cpu"
_HOUR = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Queue:
    """What was arranged by hand. `hours`: ("22:00", "07:00"), or None for any time; `now`: runs that wait for neither."""

    order: tuple[str, ...] = ()
    held: bool = False
    hours: tuple[str, str] | None = None
    now: frozenset[str] = field(default_factory=frozenset)

    def sorted(self, runs: list[Run]) -> list[Run]:
        """Queued runs as they will start; `runs` as they came."""
        place = {run_id: at for at, run_id in enumerate(self.order)}
        ordered = sorted(runs, key=lambda run: place.get(run.id, len(place)))
        return sorted(ordered, key=lambda run: run.id not in self.now)

    def open(self, run: Run, clock: float | None = None) -> bool:
        """Whether a run may start at this time."""
        if run.id in self.now:
            return True
        return not self.held and (self.hours is None or within(*self.hours, time.time() if clock is None else clock))


def read(workspace: Workspace) -> Queue:
    """The queue as it stands; a damaged file is an empty one."""
    found = read_json(workspace.root / FILE)
    found = found if isinstance(found, dict) else {}
    order, now, hours = (_texts(found.get(key)) for key in ("order", "now", "hours"))
    valid = len(hours) == 2 and all(_HOUR.fullmatch(hour) for hour in hours)
    return Queue(order, bool(found.get("held")), (hours[0], hours[1]) if valid else None, frozenset(now))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _write(workspace: Workspace, queue: Queue) -> None:
    waiting = {run.id for run in queued(workspace)}
    told: dict[str, Any] = {
        "order": [run_id for run_id in queue.order if run_id in waiting], "held": queue.held,
        "hours": list(queue.hours) if queue.hours else None, "now": sorted(queue.now & waiting),
    }  # fmt: skip
    with writing(workspace.root):
        write_json(workspace.root / FILE, told)


def queued(workspace: Workspace) -> list[Run]:
    """Every run that waits, in the order it will start."""
    return read(workspace).sorted([run for run in reversed(all_runs(workspace)) if run.status == "queued"])


def move(workspace: Workspace, run_id: str, by: int) -> None:
    """A waiting run so many places later (or earlier)."""
    with workspace.lock("queue"):
        run, waiting = find(workspace, run_id), queued(workspace)
        order = [each.id for each in waiting]
        if run.id not in order:
            raise UserError(f"{run.id} does not wait in the queue.", f"{run.id} 不在队列中。", field="run")
        place = order.index(run.id)
        order.insert(max(0, min(len(order) - 1, place + by)), order.pop(place))
        known = read(workspace)
        _write(workspace, replace(known, order=tuple(order), now=known.now - {run.id}))


def want_now(workspace: Workspace, run_id: str) -> None:
    """A waiting run before all others, whatever the hour, as soon as its device is free."""
    with workspace.lock("queue"):
        known = read(workspace)
        _write(workspace, replace(known, now=known.now | {find(workspace, run_id).id}))


def arrange(workspace: Workspace, held: bool, hours: tuple[str, str] | None) -> None:
    """Hold the queue, or let it work, at any time or within hours of the day. UserError for hours that are none."""
    for hour in hours or ():
        if not _HOUR.fullmatch(hour.strip()):
            raise UserError(
                f"“{shorten(hour, 20)}” is no time of day; write it like 22:00.",
                f"“{shorten(hour, 20)}”不是有效时间；请写成 22:00 这样的形式。",
                field="hours",
            )
    with workspace.lock("queue"):
        told = (hours[0].strip(), hours[1].strip()) if hours else None
        _write(workspace, replace(read(workspace), held=held, hours=told))


def within(begin: str, end: str, clock: float) -> bool:
    """Whether a time of day lies in these hours, which may go over midnight; equal ones are the whole day."""
    here = time.localtime(clock)
    now, first, last = here.tm_hour * 60 + here.tm_min, _minutes(begin), _minutes(end)
    if first < last:
        return first <= now < last
    return now >= first or now < last


def _minutes(hour: str) -> int:
    hours, _, minutes = hour.partition(":")
    return int(hours) * 60 + int(minutes)


@cache
def devices() -> tuple[str, ...]:
    """The devices of this machine, each with a queue of its own: GPUs as CUDA_VISIBLE_DEVICES and nvidia-smi tell, and the CPU."""
    program, told = shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        found = [name.strip() for name in told.split(",") if name.strip() and name.strip() != "-1"]
    elif program:
        answer = subprocess.run([program, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, timeout=20, check=False)  # fmt: skip
        found = answer.stdout.split() if answer.returncode == 0 else []
    else:
        found = []
    return (*(f"cuda:{name}" for name in found), CPU)


def device_for(run: Run, taken: set[str]) -> str | None:
    """A free device for a run (of several processes: a GPU for each, "cuda:0,cuda:1"; by device-map: all); None when too few that suit
    it are free."""
    gpus = [name for name in devices() if name != CPU]
    compute = run.recipe.compute
    if compute.device == "cpu" or not gpus:
        return None if CPU in taken else CPU
    free = [name for name in gpus if name not in taken]
    count = len(gpus) if compute.strategy == DEVICE_MAP else compute.processes
    return ",".join(free[:count]) if len(free) >= count else None


def kept_for(run: Run, taken: set[str]) -> set[str]:
    """The free GPUs that wait for a run whose turn it is and that needs more of them: else one-GPU runs behind it would take each as it
    comes free, and its turn would never come."""
    if run.recipe.compute.device == "cpu":
        return set()
    return {name for name in devices() if name not in (*taken, CPU)}


def taken(runs: Iterable[Run]) -> set[str]:
    """The devices of running runs."""
    return {name for run in runs for name in run.device.split(",")}


def reason(workspace: Workspace, run: Run) -> str:
    """Why a queued run has not started: "locked", "unreadable", "held", "hours", "busy", or "next"."""
    queue = read(workspace)
    if not os.access(run.folder, os.W_OK | os.X_OK):
        return "locked"
    if run.unreadable is not None:
        return "unreadable"
    if not queue.open(run):
        return "held" if queue.held else "hours"
    busy = taken(each for each in all_runs(workspace) if each.status == "running")
    return "next" if device_for(run, busy) else "busy"
