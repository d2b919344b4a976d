"""A lock that is had or not had: a file that one process (and one thread of it) holds at a time, and that is gone when it is let go.

Who is killed lets go, too: the system frees what a process held. The file may stay behind then; the next holder takes it away.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Hold the lock at `path`, unless somebody else does: whether it is held is what the block is told. OSError where none can be made."""
    stream = _held(path)
    try:
        yield stream is not None
    finally:
        if stream is not None:
            with contextlib.suppress(OSError):
                path.unlink()  # while it is held: who has opened it already sees that it is gone, and opens another
            stream.close()


def _held(path: Path) -> IO[str] | None:
    """The open lock; None where it is somebody else's."""
    while True:
        stream = path.open("a", encoding="utf-8")
        if not _locked(stream.fileno()):
            stream.close()
            return None
        if _still(stream.fileno(), path):
            return stream
        stream.close()


def _still(handle: int, path: Path) -> bool:
    """Whether what was opened is what lies there now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _locked(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return _locked_there(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked_there(handle: int) -> bool:
    import msvcrt

    os.lseek(handle, 0, os.SEEK_SET)
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        return False
    return True
