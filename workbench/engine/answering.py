"""The answers of a contest, made by the serving process that chat uses: one model is loaded, answers every prompt, and the next is loaded.

A contestant is "base:RUN" (the model a run began with), "run:RUN" or "model:NAME". What was answered before is not asked again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psutil

from workbench import ROOT
from workbench.core import clock
from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json, write_json
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.arena import TOKENS, Arena, append

IDLE = 120.0
Reply = Callable[[list[dict[str, str]]], str]
_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Kept, so that the ended ones are no zombies."""


def named(workspace: Workspace, name: str) -> str:
    """A contestant as it is written down; UserError where there is none of that name, or it cannot talk."""
    kind, _, rest = name.partition(":")
    if kind not in ("base", "run", "model") or not rest:
        kind, rest = ("run", name) if _is_run(workspace, name) else ("model", name)
    if kind == "model":
        return f"model:{rest}"
    run = runs.find(workspace, rest)
    if not TASKS.get(run.recipe.task.kind).talks:
        raise UserError(f"{run.id} does not talk; a contest is between chat models.", f"{run.id} 不能对话；对战只用于对话模型。", field="contestants")  # fmt: skip
    return f"{kind}:{run.id}"


def _is_run(workspace: Workspace, name: str) -> bool:
    try:
        return bool(runs.find(workspace, name))
    except UserError:
        return False


def start(workspace: Workspace, made: Arena) -> None:
    """Answer in a process of its own; its state is in worker.json, what it could not do in error.json."""
    spawn(workspace, made, "arena", "worker")


def spawn(workspace: Workspace, made: Arena, module: str, name: str) -> None:
    """A process of `module` on this contest, unless one works already; `name` is its state file."""
    if running(made, name):
        return
    (made.folder / "error.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", f"workbench.engine.{module}", str(workspace.root.resolve()), made.id]
    search = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    with (made.folder / "log").open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PYTHONPATH": search},
        )  # fmt: skip
    _CHILDREN[:] = [each for each in _CHILDREN if each.poll() is None] + [child]
    write_json(made.folder / f"{name}.json", clock.identity(psutil.Process(child.pid)))


def running(made: Arena, name: str = "worker") -> bool:
    """Whether answers are being made (or, for another state file, whatever it is about)."""
    known = read_json(made.folder / f"{name}.json")
    try:
        process = psutil.Process(int(known["pid"]))
        same = clock.is_same(process, known)
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, KeyError, TypeError, ValueError):
        return False


def error(made: Arena) -> dict[str, Any] | None:
    """Why no more answers were made."""
    found = read_json(made.folder / "error.json")
    return found if isinstance(found, dict) else None


def work(workspace: Workspace, made: Arena) -> int:
    """What the process does."""

    def every() -> None:
        for name in made.contestants:
            if open_prompts(made, name):
                answer(made, name, reply(workspace, name))

    return explained(made, every)


def explained(made: Arena, act: Callable[[], Any]) -> int:
    """Do it politely; what a person can mend is left in error.json."""
    from workbench.engine.worker import be_polite

    be_polite()
    try:
        act()
    except UserError as found:
        write_json(made.folder / "error.json", {"en": found.text.en, "zh": found.text.zh})
        return 2
    return 0


def answer(made: Arena, name: str, asked: Reply) -> None:
    """What `asked` says of every prompt that this contestant has not answered."""
    for number in open_prompts(made, name):
        said = asked(list(made.prompts[number])).strip()
        append(made.folder / "answers.jsonl", {"prompt": number, "who": name, "answer": said})


def open_prompts(made: Arena, name: str) -> list[int]:
    """The prompts that a contestant has not answered."""
    known = made.answers()
    return [number for number in range(len(made.prompts)) if (number, name) not in known]


def reply(workspace: Workspace, name: str) -> Reply:
    """The contestant as a function, through the workspace's server; greedy, so that the answers are the same whenever asked."""
    from workbench.serve import client

    kind, _, rest = name.partition(":")
    target: Run | str = rest if kind == "model" else runs.find(workspace, rest)
    endpoint = client.ensure(workspace, target, IDLE)
    side = client.name_of(target) if kind == "run" else "base"

    def ask(prompt: list[dict[str, str]]) -> str:
        return "".join(client.chat(endpoint, side, prompt, temperature=0.0, max_tokens=TOKENS))

    return ask


def shown(name: str) -> str:
    """A contestant for people: short where it can be."""
    kind, _, rest = name.partition(":")
    return shorten(rest if kind != "base" else f"{rest} (base)", 80)
