"""A cleaning step on a large dataset, in a process of its own (see workbench.engine.ask): the page stays alive, and it can be called off."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from workbench.core.workspace import Workspace
from workbench.data.history import History
from workbench.data.step import Row
from workbench.engine.ask import Answer, Asked, Question, answer, ask, tell

APART = 20_000
"""Rows from which on a step is done in a process of its own."""


def apart(workspace: Workspace, name: str) -> int:
    """How many rows a step has to look at when that takes a process of its own; 0 when it is done at once."""
    rows = int(History(workspace, name).newest.meta["rows"])
    return rows if rows >= APART else 0


def cleanse(workspace: Workspace, name: str, step: dict[str, Any], keep: bool, asked: Asked | None = None) -> Answer:
    """What a step does to the working copy (Effect.told); `keep` writes it down. Nothing is written when it is called off."""
    if not apart(workspace, name):
        history = History(workspace, name)
        return (history.step(step) if keep else history.tried(step)).told()
    return ask("cleanse", workspace, {"name": name, "step": step, "keep": keep}, asked)


class Watched(list[Row]):
    """Rows that tell how many of them were looked at. Some steps go through them more than once."""

    def __init__(self, rows: Iterable[Row]) -> None:
        super().__init__(rows)
        self.round, self.next = 0, 0.0

    def __iter__(self) -> Iterator[Row]:
        self.round += 1
        mine = self.round
        for place, row in enumerate(super().__iter__()):
            if place % 500 == 0 and mine == self.round and time.monotonic() > self.next:
                self.next = time.monotonic() + 0.2
                tell(done=place, rows=len(self), round=mine)
            yield row


def work(workspace: Workspace, question: Question) -> Answer:
    """The other side."""
    history = History(workspace, str(question["name"]))
    done = history.step if question["keep"] else history.tried
    return done(dict(question["step"]), seen=lambda state: replace(state, rows=Watched(state.rows))).told()


if __name__ == "__main__":
    sys.exit(answer(work))
