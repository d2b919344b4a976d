"""What every phase of a worker shares: the run, its events, and the wish to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from workbench.core.events import EventWriter
from workbench.core.run import Run
from workbench.core.text import Text


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

    def write(self, kind: str, /, **facts: Any) -> None:
        """Append an event."""
        self.writer.write(kind, **facts)

    def phase(self, name: str) -> None:
        """Begin a phase; a wish to stop is granted between phases."""
        self.check_stop()
        self.write("phase", phase=name)

    def note(self, text: Text) -> None:
        """A remark for the person."""
        self.write("note", en=text.en, zh=text.zh)

    def check_stop(self) -> None:
        """Raise Stopped when a person asked for it; a run whose folder was deleted has nobody left to work for."""
        if self.run.stop_asked or not self.run.folder.is_dir():
            raise Stopped

    def hold(self) -> float:
        """While a pause is asked for, stand still; how many seconds that was."""
        if not self.run.pause_asked:
            return 0.0
        began = time.monotonic()
        self.write("paused", reason="person", en="Paused; nothing is lost.", zh="已暂停，不会丢失任何内容。")
        while self.run.pause_asked and not self.run.stop_asked:
            time.sleep(0.2)
        self.write("continued", reason="person")
        return time.monotonic() - began

    @property
    def seconds(self) -> float:
        """Since the worker began."""
        return round(time.monotonic() - self.began, 3)
