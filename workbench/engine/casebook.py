"""What a run left behind, and what may be found in it: the ground of the failure doctor (workbench.engine.diagnosis)."""

from __future__ import annotations

import itertools
import math
import os
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

from workbench.core import clock
from workbench.core.events import Event
from workbench.core.files import read_json
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine import logcap
from workbench.engine.cause import PEER
from workbench.engine.trace import trace

LEFT = "Another process of this run ended"
"""How the sentence begins by which older releases told of a process that was left alone."""
TAIL = 20_000
"""Bytes of worker.log that are looked at."""


@dataclass(frozen=True)
class Finding:
    """One cause. `changes`: settings of a recipe that mend it; `choices`: several ways, each with its settings, where only a person can
    say which; `resume`: it is enough to go on."""

    kind: str
    text: Text
    changes: dict[str, Any] = field(default_factory=dict)
    resume: bool = False
    choices: tuple[tuple[Text, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All there is to go by. `steps` and `evals`: (step, loss), numbers only."""

    recipe: Recipe
    status: str
    events: list[Event]
    log: str = ""
    exit: int | None = None
    now: float = 0.0
    """Seconds since the machine was switched on; of events without such a time, since the epoch."""
    held: bool = False
    """Whether its process is held still from outside (SIGSTOP, a debugger)."""

    @property
    def failed(self) -> Event | None:
        """The event of its failure."""
        return next((event for event in reversed(self.events) if event.kind == "failed"), None) if self.status == "failed" else None  # fmt: skip

    @property
    def cause(self) -> str:
        """Its failure in one word (workbench.engine.cause); "" for releases that did not say, and where nothing failed."""
        if self.failed is None:
            return ""
        return str(self.failed.get("cause") or (PEER if str(self.failed.get("en")).startswith(LEFT) else ""))

    @property
    def said(self) -> str:
        """Its failure in words, with the end of the log."""
        return f"{self.failed.get('en', '') if self.failed else ''}\n{self.log}"

    @property
    def phase(self) -> str:
        """What it is, or was, at."""
        return next((str(event.get("phase")) for event in reversed(self.events) if event.kind == "phase"), "")

    @property
    def first(self) -> list[float]:
        """Training losses of the very first steps, when little has been learned and nothing broken."""
        return [loss for _, loss in self.curve("step")[:3]]

    @property
    def settled(self) -> tuple[list[float], float]:
        """Training losses after warm-up, in order and at like distances (of a long run, the newest steps are kept all, and the others
        are not), and the share of the planned steps that is done."""
        steps = self.curve("step")
        done = steps[-1][0] if steps else 0
        told = max((int(event.get("total") or 0) for event in self.events if event.kind == "step"), default=0)
        planned, warm = max(told, done, 1), self.recipe.training.warmup_steps
        begin = warm * planned if warm < 1 else warm
        apart = statistics.median(late - early for (early, _), (late, _) in itertools.pairwise(steps)) if done > 1 and len(steps) > 1 else 1  # fmt: skip
        losses, last = list[float](), -math.inf
        for step, loss in steps:
            if step > begin and step - last >= apart:
                losses.append(loss)
                last = step
        return losses, done / planned

    def facts(self, kind: str) -> dict[str, Any]:
        """Of the newest event of a kind; none where there was none."""
        return next((event.facts for event in reversed(self.events) if event.kind == kind), {})

    def curve(self, kind: str) -> list[tuple[int, float]]:
        """(step, loss), each step once, finite numbers only."""
        found = {int(event.get("step") or 0): event.get("loss") for event in self.events if event.kind == kind}
        return [(step, float(loss)) for step, loss in sorted(found.items()) if isinstance(loss, (int, float)) and math.isfinite(loss)]  # fmt: skip


def gathered(run: Run) -> Evidence:
    """What a run left behind."""
    told, worker, status = read_json(run.folder / "exit.json"), run.worker(), run.status
    code = told.get("status") if isinstance(told, dict) else None
    events = trace(run.events_path).events()
    now = clock.up() if events and events[-1].up is not None else time.time()
    return Evidence(
        run.recipe, status, events, "" if worker else _tail(run), code, now, worker is not None and _is_held(worker)
    )


def _tail(run: Run) -> str:
    """The end of what its newest worker printed."""
    try:
        with (run.folder / "worker.log").open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL))
            return stream.read().decode("utf-8", "replace").rpartition(logcap.BEGIN)[2]
    except OSError:
        return ""


def _is_held(worker: psutil.Process) -> bool:
    try:
        return bool(worker.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP))
    except psutil.Error:
        return False


def when(event: Event) -> float:
    """By a clock that does not jump, where the log has one."""
    return event.time if event.up is None else event.up
