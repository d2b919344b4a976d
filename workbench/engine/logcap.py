"""Keeps worker.log small: whatever a library prints, the file never grows far beyond a limit, and its newest part stays."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from pathlib import Path

LIMIT, KEPT = 32 << 20, 1 << 20
"""Bytes from which on the log is cut, and bytes of its end that stay."""
EVERY = 0.25
BEGIN = "[a worker of this run begins]"
"""A line by which a reader tells what this worker printed from what those before it did."""
CUT = b"[worker.log was cut here: it had grown too large]\n"


def watch(path: Path, every: float = EVERY) -> threading.Event:
    """Look at the log of this process now and then, and a last time when it ends; the answer ends that."""
    ended = threading.Event()

    def once() -> None:
        with contextlib.suppress(OSError):
            cut(path)

    def look() -> None:
        while not ended.wait(every):
            once()

    atexit.register(once)
    threading.Thread(target=look, daemon=True, name="log-cap").start()
    return ended


def cut(path: Path, limit: int = LIMIT, kept: int = KEPT) -> bool:
    """Leave only the end of a log that is too large. Writers that append go on after it."""
    if path.stat().st_size <= limit:
        return False
    with path.open("r+b") as stream:
        stream.seek(-kept, os.SEEK_END)
        end = stream.read()
        stream.truncate(0)
        stream.seek(0)
        stream.write(CUT + end[end.find(b"\n") + 1 :])
    return True
