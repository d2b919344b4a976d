"""Training goes before chat. When the models a server holds must leave their device, and why.

The rule: on a GPU, as soon as a run works on that GPU. On a CPU both share it (core/polite: guests yield to training; their server also rests, `share`),
until less than `FLOOR` of the memory is free while a run works; then the models leave until no run works. Questions wait meanwhile, and are
told for whom.
"""

from __future__ import annotations

import psutil

from workbench.core import polite
from workbench.core.run import Run, all_runs
from workbench.core.workspace import Workspace
from workbench.engine import queue

FLOOR = 0.06
"""Share of the machine's memory."""
GUESTS = 0.1
"""Share of its time that a server for guests works while a run trains on the same processor. A nice level is not enough: 20 guests at level 19
slowed training by 42 % on two cores, with this share by less than a tenth of that (BENCHMARKS, F18)."""
LOOKED_AT = 50
EVERY = 1.0
"""Seconds between two looks."""


def device_name(device: str) -> str:
    """The queue's name for the device a server uses, which is the first it sees."""
    return next((name for name in queue.devices() if name != queue.CPU), queue.CPU) if device == "cuda" else queue.CPU


def working(workspace: Workspace) -> list[Run]:
    """Runs that work now."""
    return [run for run in all_runs(workspace)[:LOOKED_AT] if run.worker() is not None]


def wanted_by(workspace: Workspace, device: str, away: str, floor: float = FLOOR) -> str:
    """The run the device must be left to, or "". `away`: for whom it was left already."""
    runs = working(workspace)
    if device != queue.CPU:
        return next((run.id for run in runs if device in run.device.split(",")), "")
    if not runs:
        return ""
    memory = psutil.virtual_memory()
    if away or memory.available < floor * memory.total:
        return away if away in [run.id for run in runs] else runs[0].id
    return ""


def share(workspace: Workspace, device: str) -> float:
    """How much of its time a server for guests may work: all, beside runs that pause or work on GPUs, and where a person said that all are equal."""
    if device != queue.CPU or not polite.bounded(polite.GUESTS):
        return 1.0
    training = [run for run in working(workspace) if not run.pause_asked and "cuda" not in run.device]
    return GUESTS if training else 1.0
