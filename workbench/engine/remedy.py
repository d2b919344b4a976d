"""The change that mends a run, made once: another run with it, and in the old run's folder a note of it (changed.json)."""

from __future__ import annotations

from typing import Any

from workbench.core.files import read_json, there, write_json
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import queue, supervisor

FILE = "changed.json"


def applied(workspace: Workspace, run: Run, changes: dict[str, Any]) -> Run:
    """The run with the change; a sick one that still works saves and ends, and the changed one takes its place. UserError before anything
    is done, where the changed recipe cannot be run."""
    made = supervisor.start(workspace, run.recipe.replace(changes), once=True)
    write_json(run.folder / FILE, [*_known(run), {"changes": changes, "run": made.id}])
    if run.status == "running":
        if made.status == "queued":
            queue.move(workspace, made.id, -len(queue.queued(workspace)))
        supervisor.stop(run)
    return made


def made_before(run: Run, changes: dict[str, Any]) -> str | None:
    """The run in which this very change was tried, while it is there."""
    tried = [str(each.get("run")) for each in _known(run) if each.get("changes") == changes]
    return next((name for name in tried if there(run.folder.parent / name / "recipe.yaml")), None)


def _known(run: Run) -> list[dict[str, Any]]:
    found = read_json(run.folder / FILE)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
