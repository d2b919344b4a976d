"""A question on its way to an answer, and what else may be asked of the engine's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from workbench.serve.batch import Batch
from workbench.serve.roster import Part
from workbench.serve.sampling import Dice, Likely

News = tuple["Ask", "int | BaseException | None", "Likely | None"]
"""(whose, a token, its probabilities); None instead of a token: the end; an exception: it failed."""


@dataclass(eq=False)
class Ask:
    """A question and where its answer stands."""

    part: Part
    dice: Dice
    limit: int
    """Tokens at most."""
    ends: frozenset[int]
    tell: Callable[[News], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    voice: Any = None
    """The holder's, once it is being answered."""

    @property
    def ids(self) -> list[int]:
        """What is read before the next token: the prompt, and what was said before the models had to go."""
        return [*self.dice.prompt, *self.dice.said]


@dataclass
class Job:
    """Something else that only the engine's thread may do."""

    part: Part
    work: Callable[[Any], Any]
    future: Future[Any] = field(default_factory=Future)


@dataclass
class Table:
    """The rows of one group that are being answered."""

    batch: Batch = field(default_factory=Batch)
    rows: list[Ask] = field(default_factory=list)


def tell(news: list[News]) -> None:
    """Everybody what is new, in this thread."""
    for each in news:
        each[0].tell(each)


def voices_of(asks: list[Ask]) -> list[Any]:
    """Whose voice each row is answered with."""
    return [ask.voice for ask in asks]
