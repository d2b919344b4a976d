"""Every argument of the command line that is a text, in this process. Places that the owner names on purpose are the exception: there
only that very place may be touched."""

from __future__ import annotations

import argparse
import io
import sys
from functools import partial
from pathlib import Path
from typing import Any

from hostile import scene

from workbench import cli
from workbench.core.workspace import Workspace

NOT_HERE = {"ui", "serve", "bench", "chat", "doctor"}
"""They serve, or measure: what they read is attacked elsewhere."""
PLACES = {"workspace", "out", "target", "steps", "prompt"}
"""A file or folder anywhere, by the owner's own hand."""
READS = {"path", "recipe", "source"}
"""A name, or a file that is read."""


def verbs() -> dict[str, argparse.ArgumentParser]:
    """Every verb's own parser."""
    top = cli.parser()
    found = next(action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return {name: verb for name, verb in found.choices.items() if name not in NOT_HERE}


def actions(verb: argparse.ArgumentParser) -> list[argparse.Action]:
    """Those that take a text."""
    kept = (
        action for action in verb._actions if action.nargs != 0 and action.type in (None, str) and not action.choices
    )
    return [action for action in kept if action.dest not in ("help", "json")]


def usual(verb: argparse.ArgumentParser, run: str, choice: dict[str, str]) -> dict[str, list[str]]:
    """Positionals and required options with something that is there."""
    known = {
        "run": run,
        "recipe": "quickstart",
        "path": "reviews",
        "target": run,
        "id": "last",
        "source": run,
        "names": "last",
    }
    found: dict[str, list[str]] = {}
    for action in verb._actions:
        if not action.option_strings and action.dest != "help":
            word = choice.get(action.dest) or (
                str(next(iter(action.choices))) if action.choices else known.get(action.dest, "x")
            )
            found[action.dest] = [word]
        elif action.required:
            found[action.dest] = [action.option_strings[-1], "reviews" if action.dest == "data" else str(next(iter(action.choices or ["x"])))]  # fmt: skip
    if any(action.dest == "detach" for action in verb._actions):
        found["detach"] = ["--detach"]
    return found


def attack(attack: Any) -> None:
    workspace = Workspace(attack.yard.workspace)
    run = scene.build(workspace)
    attack.values = attack.yard.values(run.id, 9)
    snapshot = scene.Snapshot(workspace, attack.yard.temp / "snapshot")
    for name, verb in verbs().items():
        acts = next(
            (list(action.choices) for action in verb._actions if action.dest == "action" and action.choices), [""]
        )
        for act in acts:
            if act in ("follow",):
                continue
            for action in actions(verb):
                one(attack, (name, act, action), usual(verb, run.id, {"action": str(act)} if act else {}))
                snapshot.restore()


def one(attack: Any, what: tuple[str, str, Any], given: dict[str, list[str]]) -> None:
    name, act, action = what
    for which, value in attack.some():
        words = {**given, action.dest: ([f"{action.option_strings[-1]}={value}"] if action.option_strings else [value])}
        line = ["--workspace", str(attack.yard.workspace), name, *(word for each in words.values() for word in each)]
        told = {
            word for dest, each in (given | {action.dest: [value]}).items() if dest in READS | PLACES for word in each
        }
        attack.watch.named = set().union(*(own(word, attack.yard.here) for word in told))
        attack.named |= attack.watch.named
        attack.call((name, act, action.dest, which), partial(run, line))
        attack.watch.named = set()


def own(value: str, here: Path) -> set[str]:
    """What the owner has named: that place and no other."""
    try:
        return {str((here / Path(value).expanduser()).resolve()), str((here / value).resolve())}
    except (OSError, RuntimeError, ValueError):
        return set()


def run(line: list[str]) -> None:
    sys.stdin = io.StringIO("")
    cli.main(line)
