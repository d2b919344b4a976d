"""A worker to which something happens at a certain call: python tests/spoiled.py FOLDER MODULE:NAME:COUNT=ACT[:NUMBER] …

It is the real worker (workbench.engine.worker); only one function of it is wrapped. Used through the fixture `spoil`.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
EARLY = ("workbench.engine.session", "workbench.engine.callback", "workbench.engine.checkpoint")
LINE = "\x1b[31m\x1b]0;title\x07\x1b[2J<script>alert(1)</script> loss is \x00 fine\n"


def kill(number: int) -> None:
    """At once, without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


def hang(number: int) -> None:
    """A deadlock: the lock is waited for by who holds it."""
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def shout(number: int) -> None:
    """So many megabytes of lines with control codes, and one line of 10 MB."""
    block = LINE * (1_000_000 // len(LINE))
    for _ in range(number):
        sys.stdout.write(block)
    sys.stdout.write("x" * 10_000_000 + "\n")
    sys.stdout.flush()


def limit(number: int) -> None:
    """From now on so many megabytes more, and no further (what `ulimit -v` does)."""
    import resource

    import psutil

    most = psutil.Process().memory_info().vms + number * (1 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def grab(number: int) -> None:
    """More memory than the limit leaves, asked for as training does."""
    import torch

    torch.ones(number << 18)  # four bytes each


def cuda(number: int) -> None:
    """What a full GPU says."""
    import torch

    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB."
    )


def memory(number: int) -> None:
    """What Python says."""
    raise MemoryError


def bad_words(number: int) -> None:
    """An error whose words would like to be markup."""
    raise RuntimeError(LINE)


def leap(number: int) -> None:
    """The clock of the day is set: so many seconds, forth or back."""
    import time

    plain = time.time
    time.time = lambda: plain() + number  # type: ignore[assignment]


ACTS: dict[str, Callable[[int], None]] = {each.__name__: each for each in (kill, hang, shout, limit, grab, cuda, memory, bad_words, leap)}  # fmt: skip


def spoil(where: str, act: str) -> None:
    """Let it happen at that call."""
    module, name, count = where.split(":")
    for early in EARLY:
        importlib.import_module(early)
    place: Any = importlib.import_module(module)
    *owners, last = name.split(".")
    for owner in owners:
        place = getattr(place, owner)
    plain, calls = getattr(place, last), list[int]()
    what, _, number = act.partition(":")

    @functools.wraps(plain)
    def spoiled(*given: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == int(count):
            ACTS[what](int(number or 0))
        return plain(*given, **named)

    setattr(place, last, spoiled)


if __name__ == "__main__":
    from workbench.engine import worker

    for told in sys.argv[2:]:
        spoil(*told.split("="))
    sys.exit(worker.main([sys.argv[1]]))
