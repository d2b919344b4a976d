"""Programs of strangers that run in our process, chat templates: ended when they take too long or too much memory.

A thread looks at who renders, and raises an exception inside whoever has had enough; Python delivers it between two steps of the
template. What a single step could cost, `'a' * 10**12` or `10**10**10`, is refused before it is done: Jinja's sandbox asks us.
Not known here: how long a template that ends takes on another machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import psutil

from workbench.core.errors import UserError, shorten

SECONDS, MEGABYTES = 3.0, 700
LOOK = 0.05
LARGEST = 10_000_000
"""Of what a multiplication in a template may give: characters, items, or a number."""
_WATCHED: dict[int, tuple[float, int]] = {}
"""Thread → when it must be done, and how large the process may be until then (0: not looked at yet)."""
_LOOKING: list[threading.Thread] = []
_LOCK = threading.Lock()
_AWAKE = threading.Event()


class _Enough(BaseException):
    """Not an Exception: nothing in a template or under it may take it for one of its own."""


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Around the rendering. UserError when it fails, does not end, or asks for more than a conversation can need."""
    _limit_steps()
    try:
        with _watched():
            yield
    except (TypeError, ValueError, LookupError, AttributeError, ZeroDivisionError) as error:
        what = f"{type(error).__name__}: {shorten(error, 120)}"
        raise UserError(
            f"The model's chat template fails ({what}). Choose another template (task.chat_template: plain or chatml).",
            f"该模型的对话模板出错（{what}）。请改用其他模板（task.chat_template：plain 或 chatml）。",
            field="task.chat_template",
        ) from error
    except (_Enough, RecursionError, MemoryError, OverflowError) as error:
        raise UserError(
            f"The model's chat template does not end, or writes without end; it was stopped after at most {SECONDS:g} s. Choose another template (task.chat_template: plain or chatml).",
            f"该模型的对话模板不会结束，或无休止地输出；已在最多 {SECONDS:g} 秒后停止。请改用其他模板（task.chat_template：plain 或 chatml）。",
            field="task.chat_template",
        ) from error


@cache
def _limit_steps() -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment as Sandbox

    Sandbox.intercepted_binops = frozenset({"*", "**"})
    Sandbox.default_binop_table = {**Sandbox.default_binop_table, "*": _times, "**": _power}


def _times(left: Any, right: Any) -> Any:
    sizes = [each if isinstance(each, (int, float)) else len(each) for each in (left, right)]
    if abs(sizes[0] * sizes[1]) > LARGEST and not isinstance(left, float) and not isinstance(right, float):
        raise MemoryError
    return left * right


def _power(left: Any, right: Any) -> Any:
    if abs(right) > 64:
        raise OverflowError
    return left**right


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    me = threading.get_ident()
    _watch(me)
    try:
        yield
    finally:
        with _LOCK:
            _WATCHED.pop(me, None)
            _raise_in(me, None)  # one that was sent and has not come yet


def _watch(thread: int) -> None:
    with _LOCK:
        _WATCHED[thread] = (time.monotonic() + SECONDS, 0)
        if not any(each.is_alive() for each in _LOOKING):  # none yet, or this process was forked from one that had one
            _LOOKING[:] = [threading.Thread(target=_look, daemon=True)]
            _LOOKING[0].start()
    _AWAKE.set()


def _look() -> None:
    while _AWAKE.wait():
        time.sleep(LOOK)
        size = _size()
        with _LOCK:
            if not _WATCHED:
                _AWAKE.clear()
            for thread, (until, most) in list(_WATCHED.items()):
                if not most:  # seen for the first time
                    _WATCHED[thread] = (until, size + MEGABYTES)
                elif time.monotonic() > until or size > most:
                    del _WATCHED[thread]  # once: it must not come again while the first is dealt with
                    _raise_in(thread, _Enough)


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind) if kind else None)


def _size() -> int:
    """Megabytes of this process."""
    return int(psutil.Process().memory_info().rss >> 20)
