"""What every phase of a worker shares: the run, its events, and the wish to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workbench.core.events import EventWriter
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.world import ALONE, World

SAID = 1.0
"""Seconds between two words on how far something is."""
GO, PAUSE, STOP, LEAVE = range(4)
"""What is wished for at a step; LEAVE: the folder was deleted, or a link was put in its place."""


class Stopped(Exception):
    """A person asked the run to end."""


class NonFinite(Exception):
    """Loss, gradient or weights became NaN or infinite at `step`."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"{what} at step {step}")
        self.step = step
        self.what = what


@dataclass
class Stage:
    """One worker's view of its run."""

    run: Run
    writer: EventWriter
    began: float = field(default_factory=time.monotonic)
    step: int = 0
    again: bool = False
    """Whether an earlier worker began this run."""
    listeners: list[Callable[[str, dict[str, Any]], None]] = field(default_factory=list)
    """Told of every event after it was written."""
    world: World = ALONE
    """The processes of this run; only the first of them writes, listens and looks for wishes."""
    wish: int = GO
    """What all processes agreed upon at the last step."""
    told: float = -math.inf
    """When it was last said how far something is."""

    def write(self, kind: str, /, **facts: Any) -> None:
        """Append an event."""
        if not self.world.main:
            return
        self.writer.write(kind, **facts)
        for hear in self.listeners:
            hear(kind, facts)

    def phase(self, name: str) -> None:
        """Begin a phase; a wish to stop is granted between phases."""
        self.check_stop()
        self.write("phase", phase=name)

    def note(self, text: Text) -> None:
        """A remark for the person."""
        self.write("note", en=text.en, zh=text.zh)

    def check_stop(self) -> None:
        """Raise Stopped when a person asked for it; a run whose folder was deleted has nobody left to work for."""
        if self.world.main and self._asked() in (STOP, LEAVE):
            raise Stopped

    def progress(self, done: int, total: int) -> None:
        """How far a scoring is, at most once a second: who watches sees that it goes on. A wish to stop is granted."""
        self.check_stop()
        self.still_here(done, total)

    def still_here(self, done: int, total: int) -> None:
        """The same where nobody may leave, because other processes are in the middle of it too."""
        if time.monotonic() - self.told >= SAID:
            self.told = time.monotonic()
            self.write("progress", done=done, total=total)

    def hold(self) -> float:
        """Agree on what to do now; while a pause is asked for, stand still. How many seconds that was."""
        began = time.monotonic()
        if self._agree() != PAUSE:
            return 0.0
        self.write("paused", reason="person", en="Paused; nothing is lost.", zh="已暂停，不会丢失任何内容。")
        while self._agree() == PAUSE:
            time.sleep(0.2 if self.world.main else 0)
        self.write("continued", reason="person")
        return time.monotonic() - began

    def _agree(self) -> int:
        self.wish = int(self.world.agree(self._asked() if self.world.main else GO))
        return self.wish

    def _asked(self) -> int:
        if not self.run.folder.is_dir() or self.run.folder.is_symlink():  # deleted, or another folder lies in its place
            return LEAVE
        return STOP if self.run.stop_asked else PAUSE if self.run.pause_asked else GO

    @property
    def seconds(self) -> float:
        """Since the worker began."""
        return round(time.monotonic() - self.began, 3)
