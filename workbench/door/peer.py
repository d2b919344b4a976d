"""Which user a connection from this machine comes from. On Linux the kernel's table of connections says so; elsewhere nobody does.

A page on 127.0.0.1 is open to every user of the machine; on a shared server that is not the owner alone.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
GOOD = 2.0
"""Seconds for which a reading of the tables is good: a connection keeps its user, a port may get another."""


class Caller(NamedTuple):
    """A connection as the server sees it: from where, and to which of its ports (0: that is not known)."""

    host: str
    port: int
    to: int = 0


def is_ours(caller: Caller) -> bool:
    """Whether the program at the other end, on loopback, is run by this user (or the administrator); True where nobody can tell."""
    return CONNECTIONS.users(caller) <= {0, os.getuid()}


@dataclass
class Connections:
    """From port, to port → users of every connection of this machine with itself, read anew when it is old, or lacks the one that is asked
    for. The kernel writes the whole table for whoever reads it (up to 9 ms): `knows` and `read` let a server do that beside its work, and
    once for all who came meanwhile."""

    _users: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    _read: float = -GOOD

    def knows(self, caller: Caller) -> bool:
        """Whether the last reading can tell."""
        return (caller.port, caller.to) in self._users and time.monotonic() - self._read < GOOD

    def read(self, caller: Caller) -> None:
        """Look now; what is not found then is not looked for again until the reading is old."""
        begun = time.monotonic()
        self._users, self._read = {(caller.port, caller.to): set(), **listed()}, begun

    def users(self, caller: Caller) -> set[int]:
        """The numbers of the users who have such a connection; none where that cannot be known. Two programs may hold one port as long
        as they call different ones, or by different addresses of loopback."""
        if not self.knows(caller):
            self.read(caller)
        return self._users[caller.port, caller.to]


CONNECTIONS = Connections()


def listed() -> dict[tuple[int, int], set[int]]:
    """All connections as the kernel lists them now (to 0: to any port); empty where it lists none."""
    found: dict[tuple[int, int], set[int]] = {}
    for name in TABLES:
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 7 and fields[3] == ESTABLISHED and _is_loopback(fields[1]):
                port, to = (int(each.rpartition(":")[2], 16) for each in fields[1:3])
                for known in ((port, to), (port, 0)):
                    found.setdefault(known, set()).add(int(fields[7]))
    return found


ESTABLISHED = "01"


def _is_loopback(address: str) -> bool:
    digits = address.partition(":")[0]
    return (
        digits.endswith("7F") if len(digits) == 8 else digits in ("0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F")
    )
