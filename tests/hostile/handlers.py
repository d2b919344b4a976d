"""Every event handler of the page, with every value in every input that a browser fills with text."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import re
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.helpers import special_args
from hostile import scene

from workbench.core.workspace import Workspace
from workbench.ui.feed import Feed
from workbench.ui.page import build

TEXTUAL = (gr.Textbox, gr.Dropdown, gr.Radio, gr.CheckboxGroup, gr.HTML, gr.File, gr.State)
YIELDS = 50


class Browser:
    """The values that a browser holds after it has opened the page."""

    def __init__(self, blocks: gr.Blocks, upload: Path) -> None:
        self.blocks, self.upload = blocks, upload
        self.values = {number: self._first(block) for number, block in blocks.blocks.items()}
        for fn in blocks.fns.values():
            if fn.fn and any(event == "load" for _, event in fn.targets):
                with contextlib.suppress(gr.Error):
                    self.take(fn, run(fn, self.given(fn)))
        for number, block in blocks.blocks.items():
            if isinstance(block, gr.File):
                self.values[number] = str(upload)

    def _first(self, block: Any) -> Any:
        value = getattr(block, "value", None)
        return value() if callable(value) else value

    def given(self, fn: Any) -> list[Any]:
        return [self.values.get(block._id) for block in fn.inputs]

    def take(self, fn: Any, answer: Any) -> None:
        """What an event answers goes into its outputs."""
        parts = list(answer) if isinstance(answer, (list, tuple)) and len(fn.outputs) > 1 else [answer]
        for block, value in zip(fn.outputs, parts, strict=False):
            if isinstance(value, dict) and value.get("__type__") == "update":
                if "value" in value:
                    self.values[block._id] = value["value"]
                elif value.get("choices") and self.values.get(block._id) is None:
                    first = value["choices"][0]
                    self.values[block._id] = first[1] if isinstance(first, tuple) else first
            else:
                self.values[block._id] = value


def run(fn: Any, given: list[Any], event: Any = None) -> Any:
    """A handler as Gradio calls it; of a generator the last answer."""
    inputs, *_ = special_args(fn.fn, list(given), request(), event or _event({}))
    answer = fn.fn(*inputs)
    if inspect.isgenerator(answer):
        told = list(itertools.islice(answer, YIELDS))
        answer.close()
        return told[-1] if told else None
    return answer


def request(query: dict[str, str] | None = None) -> Any:
    made = gr.Request()
    made.session_hash = "here"
    made.kwargs = {"query_params": query or {}, "headers": {}, "session_hash": "here", "username": None}
    return made


def _event(data: Any) -> gr.EventData:
    return gr.SelectData(None, {"index": 0, "value": data, "row_value": [data], "selected": True, **(data if isinstance(data, dict) else {})})  # fmt: skip


def hostile(current: Any, block: Any, value: str, temp: Path) -> Any:
    """The value as this input would hand it over."""
    if isinstance(block, gr.File):
        plain = re.sub(
            r"[/\\\x00]", "_", value
        )  # Gradio flattens the names of uploads; this leaves more of them than it does
        while len(plain.encode()) > 200:
            plain = plain[:-1]
        path = temp / "uploads" / f"{plain.strip('.') or 'x'}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("text,label\ngood,a\nbad,b\n" * 3)
        return str(path)
    if isinstance(current, (list, tuple)) or isinstance(block, gr.CheckboxGroup):
        return [value]
    if isinstance(current, dict):
        return {**current, **{key: value for key, held in current.items() if isinstance(held, str)}}
    return value


def attack(attack: Any) -> None:
    """All of them. State that is no text is the server's own and cannot be sent."""
    workspace = Workspace(attack.yard.workspace)
    made = scene.build(workspace)
    attack.values = attack.yard.values(made.id, 9)
    upload = attack.yard.temp / "reviews.csv"
    upload.write_text("text,label\ngood,a\nbad,b\n" * 3)
    blocks = build("en", workspace, Feed())
    browser = Browser(blocks, upload)
    snapshot = scene.Snapshot(workspace, attack.yard.temp / "snapshot")
    seen = set()
    for number, fn in blocks.fns.items():
        same = (label(fn), tuple(map(id, fn.inputs)))
        if fn.fn is None or same in seen or fn.rendered_in is not None or fn.fn.__module__.startswith("gradio"):
            continue
        seen.add(same)
        one(attack, browser, number, fn)
        snapshot.restore()


def one(attack: Any, browser: Browser, number: int, fn: Any) -> None:
    """One handler: as it is, then with each value in each input."""
    given = browser.given(fn)
    attack.call((str(number), label(fn), "as it is"), lambda: run(fn, given))
    for place, block in enumerate(fn.inputs):
        current = given[place]
        if not isinstance(block, TEXTUAL) or (isinstance(block, gr.State) and not isinstance(current, str)):
            continue
        for which, value in attack.some():
            spoiled = [*given]
            spoiled[place] = hostile(current, block, value, attack.yard.temp)
            attack.call((str(number), label(fn), f"input {place}", which), lambda spoiled=spoiled: run(fn, spoiled))  # type: ignore[misc]
    for which, value in attack.some() if asks_event(fn.fn) else ():
        attack.call((str(number), label(fn), "event", which), lambda value=value: run(fn, given, _event(value)))  # type: ignore[misc]


def asks_event(fn: Any) -> bool:
    """Whether it wants to know what was clicked."""
    with contextlib.suppress(ValueError, TypeError):
        return special_args(fn, [], None, None)[2] is not None
    return False


def label(fn: Any) -> str:
    made = getattr(fn.fn, "func", fn.fn)
    code = getattr(made, "__code__", None)
    return f"{code.co_filename.rpartition('workbench/')[2]}:{code.co_firstlineno}" if code else f"{fn.name} {fn._id}"
