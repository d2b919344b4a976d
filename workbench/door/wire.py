"""HTTP as uvicorn speaks it, without endless patience: who connects and does not say what is wanted is let go.

uvicorn waits for a first request as long as it takes; a few hundred silent connections (slow-loris) would use up the file handles.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench.core.errors import UserError
from workbench.door.peer import CALLER, Caller

HEADERS_WITHIN = 20.0
"""Seconds in which a request's headers must be here, once the connection is there or its last answer is out."""
CONNECTIONS = 1000
"""At a time; one more is told: busy (503)."""


PIECE = 64 * 1024
"""Bytes taken from one connection before the next has its turn (asyncio would take four times as many)."""


def introduced(app: Any, caller: Caller) -> Any:
    """The application, told by which connection each request comes."""

    async def told(scope: Any, receive: Any, send: Any) -> None:
        scope[CALLER] = caller
        await app(scope, receive, send)

    return told


def in_pieces(transport: Any) -> None:
    """Take no more than PIECE at a time, where the loop lets us say so: uvloop's does not."""
    with contextlib.suppress(AttributeError):
        transport.max_size = PIECE


class Patient(H11Protocol):
    """uvicorn's own protocol, and a clock; each request is told by which connection it came."""

    app: Any

    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        in_pieces(transport)
        self.app = introduced(self.app, Caller(self.client or ("", 0), self.server or ("", 0), transport.is_closing))
        self._wait()

    def data_received(self, data: bytes) -> None:
        """The clock stands while a request is worked on, and runs while one is only begun."""
        super().data_received(data)
        if self._is_idle():
            self._wait()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._stop()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(HEADERS_WITHIN, self._late)

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _late(self) -> None:
        self._alarm = None
        if self._is_idle() and not self.transport.is_closing():
            self.transport.close()


def alone(made: socket.socket) -> None:
    """A port that was just let go may be taken, one that somebody listens at may not. On Windows the option for the first allows the second."""
    if os.name == "posix":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR), 1)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or UserError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    alone(made)
    try:
        made.bind((host, port))
        made.listen(256)
    except OSError as error:
        made.close()
        raise UserError(
            f"Port {port} on {host} cannot be used ({error.strerror}); choose another.",
            f"{host} 的端口 {port} 无法使用（{error.strerror}）；请另选一个。",
            field="port",
        ) from error
    return made


def way_out() -> str:
    """Our address on the card of the default route, "" without one: the system tells it of a socket that is pointed somewhere; nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737): nobody's
        return str(asked.getsockname()[0])
    return ""


def mounted(given: str) -> str:
    """A path a proxy serves us under: "" or "/name". UserError for anything that is none."""
    path = given.rstrip("/")
    if path and not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+", path):
        raise UserError(f"A path for a proxy looks like /workbench: letters, digits, . _ ~ and -; {given[:60]!r} is none.", f"代理路径形如 /workbench，只含字母、数字和 . _ ~ -；{given[:60]!r} 不是。", field="--root-path")  # fmt: skip
    return path
