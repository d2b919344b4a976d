"""What a run's log said, kept small and read on from where it ended: a page may ask every second what ails a run of a million steps.

Every event that is no step is kept (of those that come in floods, the newest), of the steps so many that a curve keeps its shape, and
the newest ones all. What it does not know: whether any of it is good.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import lru_cache
from heapq import merge
from pathlib import Path

from workbench.core import events
from workbench.core.events import Event

STEPS, NEWEST, OTHERS = 1000, 60, 2000
FLOODS = ("progress", "download")
"""Kinds that say how far something is: the newest word is enough."""
Placed = tuple[int, Event]
"""An event and its place in the log."""


class Trace:
    """One log, thinned."""

    def __init__(self, path: Path) -> None:
        self.path, self._offset, self._seen, self._stride = path, 0, 0, 1
        self._steps: list[Placed] = []
        self._newest: deque[Placed] = deque(maxlen=NEWEST)
        self._others: deque[Placed] = deque(maxlen=OTHERS)
        self._floods: dict[str, Placed] = {}
        self._lock = threading.Lock()

    def events(self) -> list[Event]:
        """What is kept, in order, up to the newest whole line."""
        with self._lock:
            for event in self._new():
                self._take(event)
            kept = dict(
                merge(self._steps, self._newest, self._others, sorted(self._floods.values(), key=_place), key=_place)
            )
            return list(kept.values())

    def offer(self, found: list[Event], begin: int, end: int) -> None:
        """Take in lines that somebody else has read, where they go on from here: a long log is parsed once, not once per reader."""
        with self._lock:
            if self._offset == begin:
                self._offset = end
                for event in found:
                    self._take(event)

    def _new(self) -> list[Event]:
        if self._offset and (not self.path.exists() or self.path.stat().st_size < self._offset):
            self.__init__(self.path)  # type: ignore[misc]  # another log lies there now
        found, self._offset = events.read(self.path, self._offset)
        return found

    def _take(self, event: Event) -> None:
        self._seen += 1
        placed = self._seen, event
        if event.kind in FLOODS:
            self._floods[event.kind] = placed
            return
        if event.kind != "step":
            self._others.append(placed)
            return
        self._newest.append(placed)
        if self._seen % self._stride == 0:
            self._steps.append(placed)
        if len(self._steps) > STEPS:
            self._steps, self._stride = self._steps[::2], self._stride * 2


def _place(placed: Placed) -> int:
    return placed[0]


@lru_cache(maxsize=32)
def trace(path: Path) -> Trace:
    """The trace of a log; those not asked for lately are forgotten."""
    return Trace(path)
