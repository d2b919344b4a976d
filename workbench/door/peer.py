"""Which user a connection from this machine comes from. On Linux the kernel's table of connections says so; elsewhere nobody does.

A page on 127.0.0.1 is open to every user of the machine; on a shared server that is not the owner alone.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
GOOD = 2
"""Seconds for which an answer is good: a connection keeps its user, a port may get another."""


def is_ours(port: int) -> bool:
    """Whether the program at that port of loopback is run by this user (or the administrator); True where nobody can tell."""
    return _is_ours(port, int(time.monotonic() / GOOD))


@lru_cache(maxsize=4096)
def _is_ours(port: int, moment: int) -> bool:
    user = user_of(port)
    return user is None or user in (0, os.getuid())


def user_of(port: int) -> int | None:
    """The number of the user whose connection has this port on this machine; None where that cannot be known."""
    wanted = f":{port:04X}"
    for name in TABLES:
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 7 and fields[1].endswith(wanted) and fields[3] == ESTABLISHED and _is_loopback(fields[1]):
                return int(fields[7])
    return None


ESTABLISHED = "01"


def _is_loopback(address: str) -> bool:
    digits = address.partition(":")[0]
    return (
        digits.endswith("7F") if len(digits) == 8 else digits in ("0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F")
    )
