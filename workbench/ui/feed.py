"""What a page knows of a run while it runs: read from the event log by byte offset, kept per run, never more than needed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from workbench.core import clock
from workbench.core.events import LIFECYCLE, TERMINAL, Event
from workbench.core.run import ENDED, Run
from workbench.engine.casebook import Finding
from workbench.engine.diagnosis import alarms, diagnose
from workbench.engine.trace import trace
from workbench.ui.thin import Average, Thin

SMOOTH = "smooth"
EVERY = 10.0
"""Seconds between two diagnoses of a run that works: a page draws every second, and there may be many pages."""


@dataclass
class RunView:
    """The facts of one run so far."""

    run: Run
    offset: int = 0
    curve: Thin = field(default_factory=lambda: Thin("loss", "grad_norm"))
    held: Thin = field(default_factory=lambda: Thin("loss"))
    average: Average = field(default_factory=Average)
    notes: list[dict[str, Any]] = field(default_factory=list)
    last: dict[str, dict[str, Any]] = field(default_factory=dict)
    phase: str = ""
    end: Event | None = None
    since: int = 0
    """The step this worker went on from."""
    paused: dict[str, Any] | None = None
    """Why it stands still, while it does."""
    judged: tuple[object, list[Finding]] = (None, [])
    """What the doctor said last, and when: see `findings`."""

    def read(self) -> bool:
        """Take in what was appended; True when there was something new."""
        begin = self.offset
        events, self.offset = self.run.events(begin)
        trace(self.run.events_path).offer(events, begin, self.offset)
        for event in events:
            self._take(event)
        return bool(events)

    def _take(self, event: Event) -> None:
        facts = {**event.facts, "time": event.time}
        self.last[event.kind] = facts
        if event.kind == "step":
            self.curve.add({**facts, SMOOTH: self.average.add(facts.get("loss"))})
        elif event.kind == "eval":
            self.held.add(facts)
        elif event.kind == "note":
            self.notes.append(facts)
        elif event.kind == "phase":
            self.phase = str(facts.get("phase", ""))
            self.last.pop("progress", None)
        elif event.kind == "resumed":
            self._back(int(event.get("step") or 0))
        elif event.kind in ("paused", "continued"):
            self.paused = facts if event.kind == "paused" else None
        if event.kind in LIFECYCLE:
            self.paused = None
            self.end = event if event.kind in TERMINAL else None

    def _back(self, step: int) -> None:
        """What came after the step a run goes on from is done again: it is not drawn twice."""
        self.curve.back(step)
        self.held.back(step)
        self.since = step
        self.average.stand(self.curve.points[-1].get(SMOOTH) if len(self.curve) else None)

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Steps as they are drawn: few, and with everything that stands out. SMOOTH is the loss averaged over all steps."""
        return self.curve.points

    @property
    def evals(self) -> list[dict[str, Any]]:
        """Looks at the held-out rows, the same way."""
        return self.held.points

    def findings(self, status: str) -> list[Finding]:
        """What the doctor says of it: asked anew when its state changes or an alarm begins, else every few seconds while it works."""
        ended = status in ENDED
        now = (status, self.offset if ended else int(clock.up() / EVERY), "" if ended else alarms(self.run))
        if self.judged[0] != now:
            self.judged = now, diagnose(self.run)
        return self.judged[1]

    def shown(self, status: str) -> str:
        """The word for its state: one that works but stands still is paused."""
        return "paused" if status == "running" and self.paused is not None else status

    @property
    def step(self) -> dict[str, Any]:
        """The newest step's facts."""
        return self.last.get("step", {})

    @property
    def scored(self) -> tuple[int, int] | None:
        """(rows scored, of how many) while rows are scored."""
        found = self.last.get("progress") if self.phase == "evaluate" else None
        return (int(found.get("done") or 0), max(1, int(found.get("total") or 1))) if found else None

    @property
    def share(self) -> float:
        """How much of the training is done, 0 to 1."""
        total = float(self.step.get("total") or 0)
        return float(self.step.get("step") or 0) / total if total else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds of training left, once five steps have been seen."""
        done, total = int(self.step.get("step") or 0), int(self.step.get("total") or 0)
        seconds = self.step.get("seconds")
        if done - self.since < 5 or not isinstance(seconds, (int, float)):
            return None
        return max(0.0, seconds / done * (total - done))


class Feed:
    """Views of the runs that are being looked at; the least recently used ones are forgotten."""

    def __init__(self, keep: int = 16) -> None:
        self._views: OrderedDict[str, RunView] = OrderedDict()
        self._lock = threading.Lock()
        self._keep = keep

    def view(self, run: Run) -> RunView:
        """The up-to-date view of a run."""
        with self._lock:
            view = self._views.get(run.id)
            if view is None:
                view = self._views[run.id] = RunView(run)
            self._views.move_to_end(run.id)
            while len(self._views) > self._keep:
                self._views.popitem(last=False)
            view.read()
            return view
