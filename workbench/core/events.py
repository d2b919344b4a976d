"""The event log: append-only lines of JSON, one writer, any number of readers that keep a byte offset.

It is the only interface between a run and whoever watches it. A torn last line is not read before it is whole; a damaged
or unknown line is kept as text and never stops a reader.
"""

from __future__ import annotations

import errno
import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.core import clock

TERMINAL = ("finished", "stopped", "failed")
LIFECYCLE = ("queued", "started", *TERMINAL)
"""What begins or ends a run; "queued" stands in a log only where a run was put back into the queue."""
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Event:
    """One line: what happened (`kind`), when (seconds since the epoch), its facts, and when by a clock that never jumps (`up`: seconds
    since the machine was switched on; None in logs of older releases)."""

    kind: str
    time: float
    facts: dict[str, Any] = field(default_factory=dict)
    up: float | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """A fact by name."""
        return self.facts.get(name, default)


class EventWriter:
    """Appends events; every line is one `write` call, so that a reader never sees two halves mixed. While the disk is full, lines wait
    in memory, in their order."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("ab", buffering=0)
        self._waiting = b""
        _close_torn_line(path, self._stream)

    def write(self, kind: str, /, **facts: Any) -> None:
        """Append one event. Lifecycle events and saves are forced to disk; steps are not (thousands an hour)."""
        when = {"time": round(time.time(), 3), "up": round(clock.up(), 3)}
        line = json.dumps({"kind": kind, **when, **_plain(facts)}, ensure_ascii=False)
        self._waiting += line.encode("utf-8", "replace") + b"\n"
        if self.flush() and kind != "step":
            self._sync()

    def _sync(self) -> None:
        """A disk or quota that is full may say so only now; the line is written, and forced to disk with the next one."""
        try:
            os.fsync(self._stream.fileno())
        except OSError as error:
            if error.errno not in FULL:
                raise

    def flush(self) -> bool:
        """Write what waits; False while there is no room for it."""
        try:
            while self._waiting:
                self._waiting = self._waiting[self._stream.write(self._waiting) :]
        except OSError as error:
            if error.errno not in FULL:
                raise
        return not self._waiting

    def close(self, patience: float = 0.0) -> None:
        """Close the file; on a full disk, wait up to so many seconds for room."""
        until = time.monotonic() + patience
        while not self.flush() and time.monotonic() < until:
            time.sleep(0.5)
        self._stream.close()


def _close_torn_line(path: Path, stream: Any) -> None:
    """A writer killed in mid-line left no newline: end that line, so that the next event is not glued to it."""
    if path.stat().st_size and path.read_bytes()[-1:] != b"\n":
        stream.write(b"\n")


def _plain(value: Any) -> Any:
    """JSON has no NaN: non-finite numbers travel as text ("nan", "inf") and cannot be mistaken for 0."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def parse(line: bytes) -> Event:
    """An event from one line; a line that is none becomes an event of kind "text"."""
    try:
        facts = json.loads(line)
        up = facts.pop("up", None)
        kind, when = str(facts.pop("kind")), float(facts.pop("time"))
        return Event(kind, when, facts, float(up) if isinstance(up, (int, float)) else None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Event("text", 0.0, {"text": line.decode("utf-8", "replace")[:2000]})


def read(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """The whole lines after `offset`, and the offset to go on from."""
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        return [], 0
    except OSError:  # locked away for now
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    return [parse(line) for line in whole.splitlines() if line.strip()], offset + len(whole)


def last_lifecycle(path: Path, tail: int = 65536) -> Event | None:
    """The last event that began or ended a run, looked for from the end of the file."""
    try:
        size = path.stat().st_size
    except OSError:
        return None
    for reach in (tail, size):
        start = max(0, size - reach)
        events, _ = read(path, start)
        for event in reversed(events):
            if event.kind in LIFECYCLE:
                return event
    return None
