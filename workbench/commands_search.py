"""What `search …` and `shootout …` do on the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.commands import out
from workbench.core import preset, recipe
from workbench.core.events import Event
from workbench.core.run import ENDED
from workbench.core.text import Lang, Text, terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace
ACTIONS = ("list", "show", "follow", "stop", "resume", "promote", "remove")
LOOKED = ("list", "show", "stop")


def options(verbs: Any) -> None:
    """The two verbs and their arguments."""
    search = verbs.add_parser("search", help="hyper-parameter search; list | show | follow | stop | resume | promote …")
    shootout = verbs.add_parser("shootout", help="several methods on the same data and budget, one table")
    search.add_argument("recipe", metavar=f"RECIPE.yaml|PRESET|{'|'.join(ACTIONS)}")
    search.add_argument("id", nargs="?", default="last", metavar="ID")
    search.add_argument("--knob", action="append", default=[], metavar="path=low:high[:log]|a,b,c", dest="knobs", help="what to search; a path alone takes the range that is offered")  # fmt: skip
    search.add_argument("--trials", type=int, default=None, metavar="N", help="12 unless --hours is given")
    search.add_argument(
        "--hours",
        type=float,
        default=0.0,
        metavar="H",
        help="trials may run for so many hours; waiting in the queue does not count",
    )
    search.add_argument("--pruner", default="median", choices=["median", "asha", "none"])
    search.add_argument("--out", type=Path, default=None, metavar="FILE.yaml", help="promote: where the recipe goes")
    shootout.add_argument("recipe", metavar=f"RECIPE.yaml|PRESET|{'|'.join(LOOKED)}")
    shootout.add_argument("id", nargs="?", default="last", metavar="ID")
    shootout.add_argument("--methods", default="", metavar="A,B,C", help="lora,prefix-tuning,prompt-tuning,adapter,ia3,full unless named")  # fmt: skip
    for verb in (search, shootout):
        verb.add_argument("--set", action="append", default=[], metavar="key=value", dest="settings")
        verb.add_argument("--detach", action="store_true", help="print the id and leave it running")


def searching(workspace: Workspace, arguments: Arguments) -> int:
    """Start a search, or look at one, end it, go on, take its best."""
    from workbench.engine import search, search_space

    if arguments.recipe in ACTIONS:
        return _search_action(workspace, arguments)
    base = recipe.with_settings(preset.find(arguments.recipe), arguments.settings)
    offered = [made for made in search.offered(workspace, base) if made.path in search_space.FIRST]
    knobs = [search_space.parse(base, text) for text in arguments.knobs] or offered
    count = arguments.trials if arguments.trials is not None else 0 if arguments.hours else 12
    made = search.start(workspace, search.Plan(base, tuple(knobs), count, arguments.hours, 42, arguments.pruner))
    print(made.id, flush=True)
    for each in knobs:
        print(f"  {each.path}  {each.said}", file=sys.stderr, flush=True)
    return 0 if arguments.detach else _follow_search(made, arguments)


def _search_action(workspace: Workspace, arguments: Arguments) -> int:
    from workbench.engine import search

    if arguments.recipe == "list":
        out([made.summary() for made in search.all_searches(workspace)], arguments)
        return 0
    made = search.find(workspace, arguments.id)
    if arguments.recipe == "show":
        _show(made, arguments)
    elif arguments.recipe == "promote":
        target = arguments.out or Path(f"{made.id}.yaml")
        search.promoted(made).save(target)
        out({"search": made.id, "trial": search.best(made).number, "recipe": str(target)}, arguments)
    elif arguments.recipe == "remove":
        search.remove(made)
        out({"search": made.id, "removed": True}, arguments)
    else:
        if arguments.recipe in ("stop", "resume"):
            getattr(search, arguments.recipe)(made)
        if arguments.recipe == "stop" or arguments.detach:
            out({"search": made.id, "status": made.status}, arguments)
        else:
            return _follow_search(made, arguments)
    return 0


def _show(made: Any, arguments: Arguments) -> None:
    from workbench.engine import search

    told = [{"trial": each.number, "state": each.state, "score": each.score, "run": each.run, **each.values} for each in search.trials(made)]  # fmt: skip
    if arguments.json:
        out({**made.summary(), "knobs": {each.path: each.said for each in made.plan.knobs}, "trials": told, "result": made.result}, arguments)  # fmt: skip
    else:
        out([made.summary(), *told, *([made.result] if made.result else [])], arguments)


def _follow_search(made: Any, arguments: Arguments) -> int:
    """Print what happens until the search has ended; Ctrl-C stops it."""
    from workbench.engine import search

    try:
        _told(made)
    except KeyboardInterrupt:
        search.stop(made)
        print("stopping; `search resume` goes on · 正在停止，可用 `search resume` 继续", file=sys.stderr)
        _told(made)
    result = made.result or {}
    keys = ("metric", "best", "selection", "untouched", "luck", "trials", "pruned")
    out({"search": made.id, "status": made.status, **{key: result.get(key) for key in keys}}, arguments)
    return 0 if made.status in ("finished", "stopped") else 1


def _told(made: Any) -> None:
    offset, lang = 0, terminal_lang()
    while True:
        status = made.status
        events, offset = made.process.events(offset)
        for event in events:
            if text := describe(event, lang):
                print(text, file=sys.stderr, flush=True)
        if status in ENDED and not events:
            return
        time.sleep(0.2)


def describe(event: Event, lang: Lang) -> str:
    """One line for an event of a search, empty for those not worth one."""
    if event.kind == "trial":
        values = "  ".join(f"{path}={_short(value)}" for path, value in dict(event.get("values", {})).items())
        return f"[{event.get('number')}] {values}  → {event.get('run')}"
    if event.kind == "told":
        return f"[{event.get('number')}] {event.get('state')}  {_short(event.get('value'))}"
    if event.kind in ("note", "failed"):
        return Text(str(event.get("en", "")), str(event.get("zh", ""))).say(lang)
    return event.kind if event.kind in ("finished", "stopped") else ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def contest(workspace: Workspace, arguments: Arguments) -> int:
    """Start a shoot-out and print its table, or look at one."""
    from workbench.engine import shootout

    if arguments.recipe == "list":
        out([made.summary() for made in shootout.all_shootouts(workspace)], arguments)
        return 0
    if arguments.recipe in LOOKED:
        made = shootout.find(workspace, arguments.id)
        if arguments.recipe == "stop":
            shootout.stop(made)
    else:
        base = recipe.with_settings(preset.find(arguments.recipe), arguments.settings)
        made = shootout.start(workspace, base, arguments.methods.split(",") if arguments.methods else shootout.USUAL)
        print(made.id, flush=True)
        if not arguments.detach:
            _follow_contest(workspace, made)
    rows = shootout.table(made)
    lines = [{key: value for key, value in row.items() if value is not None} for row in rows]
    out({"shootout": made.id, "table": rows} if arguments.json else lines, arguments)
    return 1 if any(row["status"] in ("failed", "lost") for row in rows) else 0


def _follow_contest(workspace: Workspace, made: Any) -> None:
    """Until every run has ended; Ctrl-C ends them, and asking again goes on."""
    from workbench.engine import shootout, supervisor

    seen: dict[str, str] = {}
    try:
        while not made.over:
            supervisor.launch_next(workspace)
            now = {kind: run.status for kind, run in made.entries().items()}
            for kind, status in now.items():
                if seen.get(kind) != status:
                    print(f"  {kind}: {status}", file=sys.stderr, flush=True)
            seen = now
            time.sleep(0.5)
    except KeyboardInterrupt:
        shootout.stop(made)


HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {"search": searching, "shootout": contest}
