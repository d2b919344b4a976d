"""Programs of strangers that run in our process, chat templates: ended when they take too long or too much memory.

A thread looks at who renders, and raises an exception inside whoever has had enough; Python delivers it between two steps of the
template. What a single step could cost, `'a' * 10**12`, `10**10**10`, a width of a billion, is refused before it is done: Jinja's sandbox asks us.
This bounds the ways that are known; it is no wall: a step that nobody thought of is not stopped while it lasts.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import re
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
    from jinja2 import filters
    from jinja2.sandbox import ImmutableSandboxedEnvironment as Sandbox

    Sandbox.intercepted_binops = frozenset({"*", "**", "%"})
    Sandbox.default_binop_table = {**Sandbox.default_binop_table, "*": _times, "**": _power, "%": _rest}
    plain_call = Sandbox.call

    def call(self: Any, context: Any, function: Any, *given: Any, **named: Any) -> Any:
        _check_call(function, (*given, *named.values()))
        return plain_call(self, context, function, *given, **named)

    Sandbox.call = call  # type: ignore[method-assign]
    for name in WIDE:
        filters.FILTERS[name] = _narrow(filters.FILTERS[name])


WIDE = ("center", "indent", "wordwrap", "replace", "format", "batch", "slice")
"""Filters that make more of less in one step."""
PADS = ("ljust", "rjust", "center", "zfill", "expandtabs")
WIDTH = re.compile(r"\d{6,}|\*")


def _times(left: Any, right: Any) -> Any:
    sizes = [each if isinstance(each, (int, float)) else len(each) for each in (left, right)]
    if abs(sizes[0] * sizes[1]) > LARGEST and not isinstance(left, float) and not isinstance(right, float):
        raise MemoryError
    return left * right


def _power(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * abs(right) > 4096:
        raise OverflowError
    return left**right


def _rest(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        _check_width(left, (right,))
    return left % right


def _check_width(text: Any, given: Any) -> None:
    """Widths in a format, written out or handed in."""
    fields = re.findall(r"%[^a-zA-Z%]*|\{[^{}]*\}", str(text))
    nested = re.search(r"\{[^{}]*\{", str(text)) is not None
    if any(WIDTH.search(field) for field in fields) or (nested and _large(given)):
        raise MemoryError


def _large(given: Any) -> bool:
    values = given.values() if isinstance(given, dict) else given if isinstance(given, (list, tuple)) else (given,)
    return any(isinstance(each, int) and abs(each) > LARGEST for each in values)


def _check_call(function: Any, given: tuple[Any, ...]) -> None:
    """Methods of text whose result is far longer than the text."""
    own = getattr(function, "__wrapped__", function)  # the sandbox wraps str.format
    text, name = getattr(own, "__self__", None), getattr(own, "__name__", "")
    if isinstance(text, str) and name in ("format", "format_map"):
        _check_width(text, given)
    elif isinstance(text, str):
        grown = len(text) * len(str(given[1])) if name == "replace" and len(given) > 1 else 0
        if (
            grown > LARGEST
            or (name in PADS and _large(given))
            or (name == "expandtabs" and text.count("\t") * int(given[0] if given else 8) > LARGEST)
        ):
            raise MemoryError


def _narrow(plain: Any) -> Any:
    """A filter that is asked for no more than LARGEST."""

    @functools.wraps(plain)
    def asked(*given: Any, **named: Any) -> Any:
        words = [each for each in (*given, *named.values()) if isinstance(each, str)]
        numbers = [abs(each) for each in (*given, *named.values()) if isinstance(each, int)]
        longest = max((len(each) for each in words), default=0)
        if (
            any(each * max(1, max((word.count("\n") for word in words), default=0)) > LARGEST for each in numbers)
            or longest * longest > 100 * LARGEST
        ):
            raise MemoryError
        for each in words:
            _check_width(each, ())
        return plain(*given, **named)

    return asked


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
