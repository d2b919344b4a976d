"""Who yields the cores to whom: the page to nobody; training, and a model that its owner talks with, to the page; a model that guests talk with, to all.

WORKBENCH_NICE is the most that anybody yields: 0, and all are equal.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

TRAINING, GUESTS = 10, 19
"""Nice levels. Of a core that both want, the first gets seven eighths; on one that nobody else wants they cost nothing."""
MOST = "WORKBENCH_NICE"
GROUP = Path("/proc/self/autogroup")
"""Linux: the nice level of a whole session (sched(7), "The autogroup feature"). Where that is on, levels of single processes count within a
session only, and every process of ours has a session of its own."""

BELOW_NORMAL, IDLE = 0x4000, 0x40
"""Windows' priority classes of these names."""


def bounded(level: int) -> int:
    """No more than a person allows."""
    told = os.environ.get(MOST, "")
    return min(level, int(told)) if told.isdigit() else level


def give_way(level: int) -> None:
    """Be as nice as `level` (1 to 19) from now on, with the threads and processes that are made after this; the session too, if it is our own."""
    level = bounded(level)
    if not level:
        return
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().nice(level if os.name == "posix" else IDLE if level > 15 else BELOW_NORMAL)
    with contextlib.suppress(OSError, AttributeError):
        if os.getsid(0) == os.getpid():
            GROUP.write_text(str(level))
