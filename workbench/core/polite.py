"""Who yields the cores to whom: the page to nobody, training (10) to the page, models that answer beside a training (19) to both."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

GROUP = Path("/proc/self/autogroup")
"""Linux: the nice level of a whole session (sched(7), "The autogroup feature"). Where that is on, levels of single processes count within a
session only, and every process of ours has a session of its own."""

BELOW_NORMAL, IDLE = 0x4000, 0x40
"""Windows' priority classes of these names."""


def give_way(level: int) -> None:
    """Be as nice as `level` (1 to 19) from now on, with the threads and processes that are made after this; the session too, if it is our own."""
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().nice(level if os.name == "posix" else IDLE if level > 15 else BELOW_NORMAL)
    with contextlib.suppress(OSError, AttributeError):
        if os.getsid(0) == os.getpid():
            GROUP.write_text(str(level))
