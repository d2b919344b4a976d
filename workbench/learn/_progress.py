"""How far a learner is: guesses and touches are kept in learn/events.jsonl of the workspace; whether it was done for real is read from
the workspace itself. Delete the artefact, and the tick goes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.files import safe_name
from workbench.core.lab import LABS, Lab, Trace
from workbench.core.workspace import Workspace
from workbench.learn._seen import looked_once

UNTOUCHED, TOUCHED, DONE = "untouched", "touched", "done"
MARKS = {UNTOUCHED: "○", TOUCHED: "◐", DONE: "✓"}


class Progress(NamedTuple):
    """Of one lab."""

    status: str
    guess: int | None
    """The choice that was guessed last."""
    touched: list[dict[str, Any]]
    """Settings that were looked at, each once."""
    trace: Trace | None


def path(workspace: Workspace) -> Path:
    """The learner's own log."""
    return workspace.root / "learn" / "events.jsonl"


def tell(workspace: Workspace, lab: Lab, what: str, **facts: Any) -> None:
    """Keep that something was guessed or touched. Lines of two pages never mix: each is one write at the end of the file."""
    file = path(workspace)
    file.parent.mkdir(exist_ok=True)
    line = json.dumps({"lab": safe_name(lab.kind), "what": what, "time": time.time(), **facts}, ensure_ascii=False)
    with file.open("ab", buffering=0) as stream:
        stream.write(line.encode() + b"\n")
        os.fsync(stream.fileno())


def told(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    """Lab → what was told of it, in order; torn lines are passed over."""
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        lines = path(workspace).read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            found.setdefault(str(event.get("lab")), []).append(event)
    return found


def of(workspace: Workspace, lab: Lab, events: list[dict[str, Any]]) -> Progress:
    """Status and what it rests on."""
    guess = next((event.get("choice") for event in reversed(events) if event.get("what") == "guess"), None)
    touched: list[dict[str, Any]] = []
    for event in events:
        if event.get("what") == "touch" and event.get("knobs") not in touched:
            touched.append(event["knobs"])
    trace = lab.done(workspace)
    enough = guess is not None and bool(touched) and lab.goal(touched[-1], touched)
    return Progress(DONE if trace else TOUCHED if enough else UNTOUCHED, guess, touched, trace)


def all_of(workspace: Workspace) -> dict[str, Progress]:
    """Of every lab."""
    events = told(workspace)
    with looked_once(workspace):
        return {lab.kind: of(workspace, lab, events.get(lab.kind, [])) for lab in LABS.all()}
