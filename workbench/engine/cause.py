"""Why a run failed, in one word that a program can read: the fact `cause` of a "failed" event. The sentence beside it is for people."""

from __future__ import annotations

from workbench.core.errors import DISK, UserError
from workbench.core.events import FULL
from workbench.engine import world
from workbench.engine.stage import NonFinite

MEMORY, PEER, NUMBERS, RECIPE, OTHER = "memory", "peer", "numbers", "recipe", "other"
"""Memory ran out; another process of the run ended; NaN or infinity; something a person can mend; anything else. A UserError may say
more (core.errors: NETWORK, DISK)."""
NO_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "bad_alloc")


def cause_of(error: BaseException) -> str:
    """The word for an error."""
    if isinstance(error, UserError):
        return error.cause or RECIPE
    if isinstance(error, NonFinite):
        return NUMBERS
    if world.is_loss(error):
        return PEER
    if out_of_memory(error):
        return MEMORY
    return DISK if isinstance(error, OSError) and error.errno in FULL else OTHER


def out_of_memory(error: BaseException) -> bool:
    """Whether memory, of whatever kind, ran out."""
    words = str(error)
    return isinstance(error, MemoryError) or any(sign in words for sign in NO_MEMORY)
