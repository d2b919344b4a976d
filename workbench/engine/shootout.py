"""A shoot-out: the same data and budget, one run per method, one table. The folder shootouts/<id>/ holds the recipe and the methods.

Its id hangs on the recipe: asked for again it is the same one, and what has finished is not done again. Methods go in with the settings
they suggest; the recipe's own method as the recipe has it. What it does not know: what each method could do with better settings
(that is a search).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workbench.core import recipe as recipes
from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.files import entries, read_json, write_text
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.run import ENDED, Run
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine import supervisor

ENTRY = "entry.json"
USUAL = ("lora", "prefix-tuning", "prompt-tuning", "adapter", "ia3", "full")


@dataclass(frozen=True)
class Shootout:
    """One folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def workspace(self) -> Workspace:
        """Where it lies."""
        return Workspace(self.folder.parent.parent)

    @property
    def facts(self) -> dict[str, Any]:
        """recipe, methods, and for those left out why, in both languages."""
        return dict(yaml.safe_load((self.folder / "shootout.yaml").read_text(encoding="utf-8")))

    def entries(self) -> dict[str, Run]:
        """The newest run of every method."""
        found: dict[str, Run] = {}
        for run in runs.all_runs(self.workspace):
            told = read_json(run.folder / ENTRY)
            if isinstance(told, dict) and told.get("shootout") == self.id:
                found.setdefault(str(told.get("method")), run)
        return found

    @property
    def over(self) -> bool:
        """Whether every run has ended."""
        return all(run.status in ENDED for run in self.entries().values())

    def summary(self) -> dict[str, Any]:
        """One line of `shootout list`."""
        facts, entries = self.facts, self.entries()
        data, done = facts["recipe"]["data"]["dataset"], sum(run.status == "finished" for run in entries.values())
        return {"shootout": self.id, "dataset": data, "methods": facts["methods"], "finished": done, "runs": len(entries)}  # fmt: skip


def start(workspace: Workspace, recipe: Recipe, methods: Sequence[str]) -> Shootout:
    """Queue a run for every method that fits and has not finished; go on with those that were interrupted."""
    wanted = list(dict.fromkeys(METHODS.get(kind.strip()).kind for kind in methods if kind.strip()))
    if not wanted:
        raise UserError("Choose at least one method.", "请至少选择一种方法。", field="methods")
    data = library.find(workspace, recipe.data.dataset, recipe.data.version)
    base = recipe.replace({"data.version": data.version, "name": ""})
    with workspace.lock("start"):
        made = Shootout(workspace.root / "shootouts" / _name(base))
        entries, left_out = made.entries(), dict[str, dict[str, str]]()
        for kind in wanted:
            try:
                _enter(made, base, kind, entries.get(kind))
            except UserError as error:
                left_out[kind] = {"en": error.text.en, "zh": error.text.zh}
        _write(made, base, wanted, left_out)
    supervisor.launch_next(workspace)
    return made


def _name(base: Recipe) -> str:
    digest = hashlib.sha256(json.dumps(base.dump(), sort_keys=True).encode()).hexdigest()[:8]
    words = "".join(char if char.isalnum() else "-" for char in base.data.dataset)
    return f"{words[:24]}-{base.task.kind}-{digest}"


def _enter(made: Shootout, base: Recipe, kind: str, known: Run | None) -> None:
    if known is not None and not known.resumable:
        return
    checked = supervisor.check(made.workspace, entry(base, kind, made.id))
    if known is not None:
        supervisor.resume(known)
    else:
        runs.create(made.workspace, checked, {ENTRY: {"shootout": made.id, "method": kind}})


def entry(base: Recipe, kind: str, shootout_id: str) -> Recipe:
    """The recipe of one method: data, steps and batch as they are, the rest as the method suggests."""
    changes = {} if base.method.kind == kind else {"method.kind": kind, **METHODS.get(kind).suggests}
    return base.replace({**changes, "name": f"shootout-{shootout_id[-4:]}"})


def _write(made: Shootout, base: Recipe, wanted: list[str], left_out: dict[str, dict[str, str]]) -> None:
    """Methods asked for earlier stay."""
    before = made.facts if (made.folder / "shootout.yaml").is_file() else {"methods": [], "left_out": {}}
    methods = list(dict.fromkeys([*before["methods"], *wanted]))
    reasons = {kind: text for kind, text in before["left_out"].items() if kind not in wanted} | left_out
    facts = {"recipe": base.dump(), "methods": methods, "left_out": reasons}
    write_text(made.folder / "shootout.yaml", yaml.safe_dump(facts, allow_unicode=True, sort_keys=False))


def table(made: Shootout) -> list[dict[str, Any]]:
    """One row per method: what it trains, what it takes, and what comes out. A method that does not fit has a reason instead."""
    facts, entries = made.facts, made.entries()
    found = []
    for kind in facts["methods"]:
        run, reason = entries.get(kind), facts["left_out"].get(kind)
        found.append(_row(kind, run) if run is not None else {"method": kind, "status": "left out", "reason": reason})
    return found


def _row(kind: str, run: Run) -> dict[str, Any]:
    report, status = run.report or {}, run.status
    main = report.get("main_metric")
    share = report["trainable"] / report["total"] if report.get("trainable") and report.get("total") else None
    failed = next((event for event in reversed(run.events()[0]) if event.kind == "failed"), None) if status == "failed" else None  # fmt: skip
    return {
        "method": kind, "status": status, "run": run.id, "metric": main, "score": report.get("after", {}).get(main),
        "interval": report.get("interval"), "before": report.get("before", {}).get(main), "trainable": share,
        "peak_memory_mb": report.get("peak_memory_mb"), "seconds": report.get("seconds"),
        "reason": {"en": failed.get("en"), "zh": failed.get("zh")} if failed else None,
    }  # fmt: skip


def stop(made: Shootout) -> None:
    """End every run of it that waits or works; what was learned is saved, and asking again goes on."""
    for run in made.entries().values():
        supervisor.stop(run)


def base_of(made: Shootout) -> Recipe:
    """What every run has in common."""
    return recipes.parse(made.facts["recipe"])


def all_shootouts(workspace: Workspace) -> list[Shootout]:
    """Every shoot-out, newest first."""
    found = entries(workspace.root / "shootouts", "shootout.yaml")
    return [Shootout(path) for path in sorted(found, key=lambda path: -(path / "shootout.yaml").stat().st_mtime)]


def find(workspace: Workspace, shootout_id: str) -> Shootout:
    """A shoot-out by its id, or by a unique beginning of it; "last" is the newest."""
    known = all_shootouts(workspace)
    if shootout_id == "last" and known:
        return known[0]
    matching = [each for each in known if each.id.startswith(shootout_id)]
    if shootout_id and len(matching) == 1:
        return matching[0]
    raise UserError(
        f"There is no shoot-out “{shorten(shootout_id)}” here; `shootout list` shows those there are.",
        f"这里没有名为“{shorten(shootout_id)}”的方法对比；`shootout list` 可列出全部。",
        field="shootout",
    )
