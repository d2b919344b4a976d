"""How much of its time a server works. What it owes it rests, piece of work by piece of work; a rest ends early when nobody wants it any more."""

from __future__ import annotations

import time
from collections.abc import Callable

SLICE = 0.1
"""Seconds after which a rest looks whether it is still wanted."""


class Pace:
    """`share`, of 1, is what may be worked; another thread may change it at any time."""

    def __init__(self, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self.share = 1.0
        self._now, self._sleep = now, sleep
        self._began = now()

    def begin(self) -> None:
        """Work begins now; what was before counts for nothing."""
        self._began = self._now()

    def rest(self, called: Callable[[], bool]) -> None:
        """After a piece of work: rest so long that it was `share` of the time, or until `called()`. The next piece begins then."""
        until = self._now() + (self._now() - self._began) * (1 / self.share - 1)
        while self.share < 1 and (left := until - self._now()) > 0 and not called():
            self._sleep(min(left, SLICE))
        self.begin()
