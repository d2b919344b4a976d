"""What `data …` does on the command line: import, list, show, clean, and go back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.commands import out
from workbench.core.errors import UserError
from workbench.core.files import there
from workbench.core.text import terminal_lang
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace


def data(workspace: Workspace, arguments: Arguments) -> int:
    """Import a file, list datasets, show one, clean one."""
    from workbench.data import library

    if arguments.action == "list":
        out(
            [
                {"dataset": item.name, "version": item.version, "rows": item.meta.get("rows")}
                for item in library.all_datasets(workspace)
            ],
            arguments,
        )
        return 0
    if not arguments.path:
        raise UserError("Say which file or dataset.", "请指明文件或数据集。", field="PATH")
    if arguments.action == "show":
        found = library.find(workspace, arguments.path)
        out(
            {"dataset": found.name, "version": found.version, **found.meta, "first": found.rows(0, 3)},
            arguments,
        )
        return 0
    if arguments.action in SHAPING:
        out(SHAPING[arguments.action](workspace, arguments), arguments)
        return 0
    if arguments.action in LOGGED:
        return _log(workspace, arguments)
    if arguments.action in ("clean", "steps", "back"):
        return _clean(workspace, arguments)
    return _import(workspace, arguments)


def _clean(workspace: Workspace, arguments: Arguments) -> int:
    """Replay steps on a dataset, print the steps that made it, or go back to a version."""
    from workbench.data import clean, library

    found = library.find(workspace, arguments.path, 0 if arguments.action == "back" else arguments.version)
    if arguments.action == "steps":
        print(json.dumps(clean.steps_of(found), ensure_ascii=False, indent=1))
        return 0
    if arguments.action == "back":
        made = clean.go_back(workspace, arguments.path, arguments.version)
        out({"dataset": made.name, "version": made.version, "rows": made.meta["rows"]}, arguments)
        return 0
    if arguments.steps is None:
        raise UserError("Say which steps: --steps FILE.json.", "请用 --steps FILE.json 指明步骤。", field="steps")
    steps, at_hand = clean.read_steps(arguments.steps), clean.at_hand(workspace, arguments.path, arguments.version)
    if arguments.dry_run:
        told = clean.dry_run(at_hand, steps, workspace)
        out(told, arguments)
        return 0 if all(step["ok"] for step in told) else 2
    cleaned = clean.try_out(at_hand, steps, workspace)
    saved = clean.keep(workspace, cleaned, arguments.name or "")
    effects = [effect.facts() for effect in cleaned.effects]
    out({"dataset": saved.name, "version": saved.version, "rows": saved.meta["rows"], "steps": effects}, arguments)
    return 0


def _import(workspace: Workspace, arguments: Arguments) -> int:
    from workbench.data import hubset, intake

    if not there(Path(arguments.path)) and (arguments.path in hubset.NAMED or hubset.REPO.fullmatch(arguments.path)):
        wish = hubset.Wish(
            arguments.path, arguments.config, tuple(filter(None, arguments.split.split(","))), arguments.rows
        )
        steps = hubset.fetching(workspace, wish, arguments.name or arguments.path.replace("/", "-"))
        out(intake.ended(steps).facts(terminal_lang()), arguments)
        return 0
    roles = dict(pair.split("=", 1) for pair in arguments.role if "=" in pair) or None
    path = Path(arguments.path)
    made = intake.import_file(workspace, path, arguments.name or path.stem, roles)
    out(made.facts(terminal_lang()), arguments)
    return 0


def _profile(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """What a dataset is like."""
    from workbench.data import library, profile

    found = library.find(workspace, arguments.path, arguments.version)
    return profile.profile(found.rows(), found.meta.get("roles") or {}).facts()


def _split(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Hold rows out."""
    from workbench.data.divide import divide

    made = divide(workspace, arguments.path, arguments.way, arguments.by, arguments.share, arguments.seed)
    held = made.meta["steps"][-1]["heldout"]
    return {"dataset": made.name, "version": made.version, "train": made.meta["rows"] - held, "heldout": held}


def _diff(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """What two versions differ in."""
    from workbench.data import library
    from workbench.data.compare import compare

    new = library.find(workspace, arguments.path, arguments.version)
    old = library.find(workspace, arguments.path, arguments.against or max(1, new.version - 1))
    return {"dataset": new.name, "from": old.version, "to": new.version, **compare(old, new)}


def _export(workspace: Workspace, arguments: Arguments) -> dict[str, Any]:
    """Write a file."""
    from workbench.data import library
    from workbench.data.export import export

    if arguments.target is None:
        raise UserError(
            "Say where to: data export NAME FILE.jsonl.", "请指明目标文件：data export NAME FILE.jsonl。", field="FILE"
        )
    found = library.find(workspace, arguments.path, arguments.version)
    return {
        "dataset": found.name,
        "version": found.version,
        "rows": found.meta["rows"],
        "file": str(export(found, arguments.target)),
    }


def _log(workspace: Workspace, arguments: Arguments) -> int:
    """Print what was done to a dataset, do a log again on another one, go back and forth in it, or make a version of where it stands."""
    from workbench.data import exchange, frame
    from workbench.data.history import History

    history = History(workspace, arguments.path)
    if arguments.action == "log":
        script = arguments.form == "pandas"
        print(frame.script(history) if script else json.dumps(exchange.exported(history), ensure_ascii=False, indent=1))
        return 0
    if arguments.action == "replay":
        if arguments.steps is None:
            raise UserError("Say which log: --steps FILE.json.", "请用 --steps FILE.json 指明日志。", field="steps")
        told = exchange.replayed(history, exchange.read_log(arguments.steps), arguments.dry_run)
        out(told, arguments)
        return 0 if all(entry["ok"] for entry in told["entries"]) else 2
    if arguments.action == "save":
        made = history.publish()
        out({"dataset": made.name, "version": made.version, "rows": made.meta["rows"]}, arguments)
        return 0
    moved = history.undo() if arguments.action == "undo" else history.redo()
    out({"dataset": arguments.path, "moved": moved, "entries": len(history.log.line()), "rows": len(history.state().rows)}, arguments)  # fmt: skip
    return 0 if moved else 2


LOGGED = ("log", "replay", "undo", "redo", "save")
SHAPING: dict[str, Callable[[Workspace, Arguments], dict[str, Any]]] = {
    "profile": _profile, "split": _split, "diff": _diff, "export": _export,
}  # fmt: skip
HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {"data": data}
