"""Which user of this machine a connection comes from. On Linux the kernel's table of connections says so; elsewhere nobody does.

A page on 127.0.0.1 is open to every user of the machine; on a shared server that is not the owner alone. What is found out belongs to the
connection and to nothing else: a port that somebody else has a moment later is another connection, and one that is not in the table, for
instance because it was broken off before anybody looked, is nobody's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Address = tuple[str, int]
CALLER = "workbench.caller"
"""Where in a request's scope the connection is that it came by."""
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
ESTABLISHED = "01"
"""The only state in which the table names the user: a connection that was let go by its program is the system's."""
MAPPED = "0000000000000000FFFF0000"
"""How an address of the old kind begins when a program of the new kind uses it."""


def _stays() -> bool:
    return False


@dataclass(eq=False)
class Caller:
    """One connection as the server sees it: from where, to which of its addresses, whether it has ended, and whether the program at the
    other end is run by the user of this process, or the administrator (None: nobody has looked yet)."""

    client: Address
    server: Address = ("", 0)
    has_ended: Callable[[], bool] = _stays
    ours: bool | None = None


@dataclass
class Looks:
    """Looks into the table beside the work of the server. The kernel writes the whole table for whoever reads it (up to 9 ms): all who
    have come before a reading begins share it. Where looking fails, as with no file handle left, nobody is at home meanwhile."""

    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    found: dict[str, int] = field(default_factory=dict)

    async def at(self, caller: Caller) -> None:
        """Find out whose this connection is, once; who is not listed now is looked for again with the next request."""
        if caller.ours is not None:
            return
        if sys.platform != "linux":
            caller.ours = True
            return
        came = self.begun
        async with self.turns:
            if self.begun == came:
                self.begun, self.found = came + 1, {}
                with contextlib.suppress(OSError):
                    self.found = await asyncio.to_thread(listed)
        user = _user(self.found, caller)
        if user is not None and not caller.has_ended():
            caller.ours = user in (0, os.getuid())


def tells() -> bool:
    """Whether this system lists connections with their users: one of our own is tried. OSError where it cannot be."""
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        client.connect(server.getsockname())
        return _user(listed(), Caller(client.getsockname(), server.getsockname())) is not None


def is_blind() -> bool:
    """Whether this is a system that should tell and does not: then nobody is at home without a password."""
    try:
        return sys.platform == "linux" and not tells()
    except OSError:
        return True


def listed() -> dict[str, int]:
    """Connections as the kernel lists them now, by both ends as it writes them → number of the user; empty where it lists none. OSError
    where there is a list that cannot be read."""
    found: dict[str, int] = {}
    for name in TABLES:
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue
        for fields in map(str.split, lines):
            if len(fields) > 7 and fields[3] == ESTABLISHED:
                found[f"{fields[1]} {fields[2]}"] = int(fields[7])
    return found


def _user(found: dict[str, int], caller: Caller) -> int | None:
    ends = zip(_written(caller.client), _written(caller.server), strict=False)
    return next((found[each] for each in map(" ".join, ends) if each in found), None)


def _written(address: Address) -> list[str]:
    """An address as the table writes it: words of four bytes in the machine's order, then the port."""
    try:
        packed = ipaddress.ip_address(address[0]).packed
    except ValueError:
        return []
    words = [packed[place : place + 4] for place in range(0, len(packed), 4)]
    host = "".join((word[::-1] if sys.byteorder == "little" else word).hex() for word in words).upper()
    return [f"{each}{host}:{address[1]:04X}" for each in (("", MAPPED) if len(packed) == 4 else ("",))]
