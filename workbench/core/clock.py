"""Time that no change of the clock can move, and who a process is by it.

The clock of the day may jump: it is set, a virtual machine wakes up, summer time ends. Silence, pace and the identity of a process are
told by the seconds since the machine was switched on. What it does not know: time across a restart of the machine.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil

SAME = 0.05
"""Seconds by which two readings of one process's start may differ, where nothing better than the clock of the day is known."""
BOOT = Path("/proc/sys/kernel/random/boot_id")


def up() -> float:
    """Seconds since the machine was switched on (sleep left out): the same for every process of the machine."""
    return time.monotonic()


def identity(process: psutil.Process) -> dict[str, Any]:
    """Who a process is: its number, its start by the clock of the day, and on Linux its start in ticks since this very boot."""
    return {"pid": process.pid, "started": process.create_time(), **_since_boot(process.pid)}


def is_same(process: psutil.Process, known: dict[str, Any]) -> bool:
    """Whether this is the process that was written down: a number that another program was given later is not. A start by the clock
    moves with the clock; ticks since boot do not. psutil.Error, KeyError, TypeError, ValueError where what was written is none."""
    here = _since_boot(process.pid)
    if here and known.keys() >= here.keys():
        return all(known[name] == value for name, value in here.items())
    return abs(process.create_time() - float(known["started"])) < SAME


def _since_boot(pid: int) -> dict[str, Any]:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return {"boot": BOOT.read_text().strip(), "ticks": int(words[19])}
    except (OSError, IndexError, ValueError):
        return {}
