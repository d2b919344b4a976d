"""What the boards ask their server functions, what a page's address and its labs may hold, and what the chat server reads."""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
from functools import partial
from typing import Any

from hostile import handlers, scene

from workbench.core.lab import LABS
from workbench.core.workspace import Workspace
from workbench.serve import schema
from workbench.ui.feed import Feed
from workbench.ui.page import build

WORD = {"text": "hello", "dataset": "reviews", "order": "missing", "who": "me", "client": "c", "place": 0, "row": 0, "node": 0, "count": 1, "value": {"label": "a"}, "column": "text"}  # fmt: skip


class Asked(dict[str, Any]):
    """A request that remembers what it was asked for."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.keys_read: set[str] = set()

    def get(self, name: str, other: Any = None) -> Any:  # type: ignore[override]
        self.keys_read.add(name)
        return super().get(name, other)

    def __getitem__(self, name: str) -> Any:
        self.keys_read.add(name)
        return super().__getitem__(name)


def operations(fn: Any) -> list[str]:
    """Every short word in the module of a server function: its operations are among them."""
    tree = ast.parse(inspect.getsource(sys.modules[inspect.unwrap(fn).__module__]))
    return sorted({node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isalpha() and len(node.value) < 12})  # fmt: skip


def attack(attack: Any) -> None:
    workspace = Workspace(attack.yard.workspace)
    run = scene.build(workspace)
    attack.values = attack.yard.values(run.id, 9)
    usual = {**WORD, "run": run.id, "id": next(path.stem for path in (workspace.root / "conversations").glob("*.json")), "model": run.id}  # fmt: skip
    blocks = build("en", workspace, Feed())
    snapshot = scene.Snapshot(workspace, attack.yard.temp / "snapshot")
    functions = [inspect.unwrap(fn) for block in blocks.blocks.values() for fn in getattr(block, "server_fns", [])]
    assert len(functions) >= 3
    for fn in functions:
        unknown = reads(attack, fn, "nonsense", usual)
        for op in operations(fn):
            known = reads(attack, fn, op, usual)
            for key in (
                sorted(known - ({"op"} if known == unknown else set())) if known != unknown or op == "open" else ()
            ):
                one(attack, fn, op, key, usual)
            snapshot.restore()
    asked(attack, blocks, workspace)


def reads(attack: Any, fn: Any, op: str, usual: dict[str, Any]) -> set[str]:
    """What it looks at for an operation."""
    request = Asked({**usual, "op": op})
    attack.call((fn.__module__, op, "as it is"), partial(fn, request))
    return request.keys_read


def one(attack: Any, fn: Any, op: str, key: str, usual: dict[str, Any]) -> None:
    for which, value in attack.some():
        attack.call((fn.__module__, op, key, which), partial(fn, {**usual, "op": op, key: value}))
        attack.call((fn.__module__, op, key, which, "in a list"), partial(fn, {**usual, "op": op, key: [value]}))
        attack.call((fn.__module__, op, key, which, "as a key"), partial(fn, {**usual, "op": op, key: {value: value}}))


def asked(attack: Any, blocks: Any, workspace: Workspace) -> None:
    """Addresses of the page, knobs of the labs, and requests to the chat server."""
    linked = next(fn for fn in blocks.fns.values() if getattr(fn.fn, "__name__", "") == "_linked")
    for which, value in attack.some():
        for query in ({"lab": value}, {"lab": "tokenizer", value: value, "text": value}):
            attack.call(("address", which), partial(linked.fn, handlers.request(query)))
    for lab in LABS.all():
        for name, field in () if lab.far else lab.section.model_fields.items():
            for which, value in attack.some() if field.annotation is str else ():
                attack.call((lab.kind, name, which), partial(touched, lab, name, value, workspace))
    for read, body in REQUESTS:
        for path in paths(body):
            for which, value in attack.some():
                attack.call((read.__name__, str(path), which), partial(served, read, put(body, path, value)))


def touched(lab: Any, name: str, value: str, workspace: Workspace) -> None:
    from pydantic import ValidationError

    with contextlib.suppress(ValidationError):
        knobs = lab.section.model_validate({name: value})
        lab.touch(knobs, workspace)
        lab.stations(knobs, workspace)


def served(read: Any, body: Any) -> None:
    with contextlib.suppress(schema.Refused):
        read(body, ["base"])


MESSAGES = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "user", "content": "hi"}]
REQUESTS: list[tuple[Any, dict[str, Any]]] = [
    (schema.chat_request, {"model": "base", "messages": MESSAGES, "stop": ["x"], "user": "me", "response_format": {"type": "text"}}),
    (schema.completion_request, {"model": "base", "prompt": "hi", "stop": "x"}),
    (schema.classify_request, {"model": "base", "input": [{"text": "a", "text_pair": "b"}]}),
]  # fmt: skip


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every text in nested values."""
    if isinstance(value, str):
        return [above]
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in pairs for path in paths(inner, (*above, key))]


def put(value: Any, path: tuple[Any, ...], text: str) -> Any:
    """A copy with another text in one place."""
    if not path:
        return text
    made = dict(value) if isinstance(value, dict) else list(value)
    made[path[0]] = put(value[path[0]], path[1:], text)
    return made
