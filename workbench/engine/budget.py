"""The hours of a search: seconds in which at least one trial ran. Waiting costs nothing (a queue that is held or open at night only, a
machine that somebody else uses), nor does the time between two processes of the same search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.core import clock

WORKED = "worked"
"""The event that carries the seconds over to the next process."""
EVERY = 30.0
"""Seconds of work that a process that is killed may not have told."""


@dataclass
class Budget:
    """`hours` may be used (0: no limit); `seconds` are."""

    hours: float
    seconds: float = 0.0
    looked: float | None = None
    told: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it is used up."""
        return bool(self.hours) and self.seconds >= self.hours * 3600

    def look(self, running: bool) -> None:
        """Count the time since the last look, if a trial runs."""
        now = clock.up()
        if running and self.looked is not None:
            self.seconds += now - self.looked
        self.looked = now

    def news(self) -> float | None:
        """What has to be written down now, if anything."""
        if self.seconds - self.told < EVERY:
            return None
        self.told = self.seconds
        return round(self.seconds, 1)


def used(events: list[Any]) -> float:
    """Seconds that earlier processes of a search worked, as they told; of releases that did not, those in which they lived."""
    told = [float(event.get("seconds") or 0.0) for event in events if event.kind == WORKED]
    if told:
        return told[-1]
    began = [place for place, event in enumerate(events) if event.kind == "started"]
    return spent(events[: began[-1]] if began else [])


def spent(events: list[Any]) -> float:
    """Seconds between the beginnings of a search and the last words after each."""
    begin, last, total = 0.0, 0.0, 0.0
    for event in events:
        if event.kind == "started":
            total, begin = total + max(0.0, last - begin), event.time
        if begin:
            last = event.time
    return total + max(0.0, last - begin)
