"""HTTP as uvicorn speaks it, without endless patience: who connects and does not say what is wanted, or does not read what is sent, is let go.

uvicorn waits for a first request, and for an answer to be read, as long as it takes; a few hundred silent connections (slow-loris) would use up
the file handles, and all the connections there may be.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import socket
from math import inf
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench.core.errors import UserError
from workbench.core.text import Text
from workbench.door.guard import is_loopback
from workbench.door.peer import CALLER, Caller
from workbench.door.register import network

HEADERS_WITHIN = 20.0
"""Seconds in which a request's headers must be here, once the connection is there or its last answer is out."""
CONNECTIONS = 1000
"""At a time; one more is told: busy (503)."""
OF_ADDRESS = 250
"""Of those, from one address of elsewhere (a class behind its router: 40 browsers of six each); one more is closed at once."""
READ = 1000
"""Bytes a second that are to be read of an answer that waits for it."""


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
    _unread = inf
    """Bytes of answers that waited to be read when that was looked at last."""
    house = ""

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        in_pieces(transport)
        self.app = introduced(self.app, Caller(self.client or ("", 0), self.server or ("", 0), transport.is_closing))
        self.house = network((self.client or ("", 0))[0])
        same = sum(getattr(each, "house", "") == self.house for each in self.connections)
        if same > OF_ADDRESS and not is_loopback(self.house):  # behind a proxy of this machine are many
            transport.close()
        self._wait()

    def data_received(self, data: bytes) -> None:
        """The clock stands while a request is worked on, and runs while one is only begun."""
        super().data_received(data)
        if self._is_idle():
            self._wait()
        elif not self.flow.write_paused:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More of an answer waits to be read than is kept: by when, is looked at."""
        super().pause_writing()
        self._look()

    def resume_writing(self) -> None:
        """It was read."""
        super().resume_writing()
        if not self._is_idle():
            self._stop()

    def on_response_complete(self) -> None:
        """The clock runs again; the end of the answer may wait to be read."""
        super().on_response_complete()
        self._look()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(HEADERS_WITHIN, self._late)

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _look(self) -> None:
        self._unread = inf
        self._wait()

    def _late(self) -> None:
        self._alarm = None
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        if self._unread and before - self._unread >= READ * HEADERS_WITHIN:
            self._wait()
        elif self._unread:
            self.transport.abort()  # to close it would wait for the reader
        elif self._is_idle() and not self.transport.is_closing():
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
            f"Port {port} on {host} cannot be used ({why(error).en}); choose another.",
            f"{host} 的端口 {port} 无法使用（{why(error).zh}）；请另选一个。",
            field="port",
        ) from error
    return made


def why(error: OSError) -> Text:
    """Why a port cannot be had."""
    known = {errno.EADDRINUSE: "已被占用", errno.EACCES: "没有权限", errno.EADDRNOTAVAIL: "本机没有该地址"}
    said = error.strerror or type(error).__name__
    return Text(said, known.get(error.errno or 0, said))


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
