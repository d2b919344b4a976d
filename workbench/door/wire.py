"""HTTP as uvicorn speaks it, without endless patience: who connects and does not say what is wanted is let go.

uvicorn waits for a first request as long as it takes; a few hundred silent connections (slow-loris) would use up the file handles.
"""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from workbench.core.errors import UserError

HEADERS_WITHIN = 20.0
"""Seconds in which the first request's headers must be here."""


class Patient(H11Protocol):
    """uvicorn's own protocol, and a clock."""

    def connection_made(self, transport: Any) -> None:
        """Start the clock."""
        super().connection_made(transport)
        self._alarm = asyncio.get_running_loop().call_later(HEADERS_WITHIN, self._late)

    def _late(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._alarm.cancel()
        super().connection_lost(exc)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or UserError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(256)
    except OSError as error:
        made.close()
        raise UserError(
            f"Port {port} on {host} cannot be used ({error.strerror}); choose another with --port.",
            f"{host} 的端口 {port} 无法使用（{error.strerror}）；请用 --port 另选一个。",
            field="port",
        ) from error
    return made


def mounted(given: str) -> str:
    """A path a proxy serves us under: "" or "/name". UserError for anything that is none."""
    path = given.rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path):
        raise UserError(f"--root-path is a path such as /workbench; {given[:60]!r} is none.", f"--root-path 须为 /workbench 这样的路径；{given[:60]!r} 不是。", field="--root-path")  # fmt: skip
    return path
