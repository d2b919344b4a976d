"""The role behind every handler of the page.

A route may be open to a role while one handler behind it is not; and every handler answers a raw call to the queue, whether or not its
button can be seen. So all calls pass one place, which looks at who asks before anything is done: those of handlers that are made while the
page is open (labs), too. What has no rule of its own is the owner's; what `only_here` marks needs the owner at this very machine; a call
whose sender is unknown is refused.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gradio as gr
from gradio.context import LocalContext

from workbench.door.guard import ROLE
from workbench.door.roles import LOCALS, OWNERS, UNKNOWN, Role, Roles
from workbench.ui.words import Words

RULE = "__workbench_roles__"
F = TypeVar("F", bound=Callable[..., Any])


def only_here(handler: F) -> F:
    """For handlers that only the owner at this machine may call: sharing, consent to code."""
    setattr(handler, RULE, LOCALS)
    return handler


class Gated(gr.Blocks):
    """A page whose handlers answer only whom their rules name."""

    words: Words

    async def call_function(self, block_fn: Any, processed_input: Any, iterator: Any = None, requests: Any = None, *more: Any, **named: Any) -> Any:  # fmt: skip
        """The one place every event of Gradio's passes, as they are called by raw requests, too."""
        event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        for request in requests if isinstance(requests, list) else [requests]:
            check(roles_of(request), rule(event.fn), self.words)
        return await super().call_function(block_fn, processed_input, iterator, requests, *more, **named)

    def gate(self, words: Words) -> None:
        """What components' scripts can call does not pass there: each such function is wrapped."""
        self.words = words
        for block in self.blocks.values():
            for name, function in served(block):
                setattr(block, name, guarded(function, words))


def served(block: Any) -> Iterator[tuple[str, Any]]:
    """What of a component can be called by name from outside."""
    of_its_own = [name for name, found in vars(block).items() if getattr(found, "_is_server_fn", False)]
    kind: Any = type(block)
    for name in {*of_its_own, *_served_by_all(kind)}:
        yield name, getattr(block, name)


@functools.cache
def _served_by_all(kind: type) -> tuple[str, ...]:
    names = (name for name in dir(kind) if not name.startswith("__"))
    return tuple(name for name in names if getattr(inspect.getattr_static(kind, name, None), "_is_server_fn", False))


def rule(function: Any) -> Roles:
    """Who may call a handler."""
    while isinstance(function, functools.partial):
        function = function.func
    found: Roles = getattr(function, RULE, OWNERS)
    return found


def roles_of(request: Any) -> Roles:
    """Who sent a request, as the guard wrote it down; a request of Gradio's holds the one it came as."""
    inner = request.request if isinstance(request, gr.Request) else request
    scope = getattr(inner, "scope", None)
    return scope.get(ROLE, UNKNOWN) if isinstance(scope, dict) else UNKNOWN


def check(held: Roles, may: Roles, words: Words) -> None:
    """gr.Error, which the page shows as one sentence, for somebody who is not meant."""
    if not held & may:
        raise gr.Error(words("only_here" if Role.OWNER in held else "not_for_you"), print_exception=False)


def guarded(function: Any, words: Words) -> Any:
    """A component's function, for those whom its rule names."""

    @functools.wraps(function)
    def asked(*given: Any) -> Any:
        check(roles_of(LocalContext.request.get(None)), rule(function), words)
        return function(*given)

    asked._is_server_fn = True  # type: ignore[attr-defined]  # how Gradio knows what may be called
    return asked
