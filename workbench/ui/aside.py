"""What goes on beside the runs: evaluations, contests, searches. One line that changes whenever one of them has something new."""

from __future__ import annotations

from pathlib import Path

from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.engine import answering, arena, evaluations, search

WATCHED = 10
"""Newest of each kind that are looked at every second."""
LISTED = 30
"""Evaluations that are listed."""
GROWING = ("answers.jsonl", "judged.jsonl", "votes.jsonl", "error.json", "trials.jsonl", "result.json")


def told(workspace: Workspace) -> str:
    """The line. What waits to be evaluated is started here, where a killed process could not do it."""
    states = [(each.id, each.status) for each in evaluations.all_evaluations(workspace)[:LISTED]]
    if any(status == "queued" for _, status in states) and not any(status == "running" for _, status in states):
        evaluations.advance(workspace)
    contests = [
        (each.id, _sizes(each.folder), answering.running(each)) for each in arena.all_arenas(workspace)[:WATCHED]
    ]
    searches = [(each.id, each.status, each.process.stop_asked, _sizes(each.folder)) for each in search.all_searches(workspace)[:WATCHED]]  # fmt: skip
    guests = [(each.id, links.facts(workspace, each)["guests"]) for each in links.all_open(workspace)]
    return f"{states} {contests} {searches} {guests}"


def _sizes(folder: Path) -> list[int]:
    """Bytes of what grows while a process works."""
    return [path.stat().st_size if (path := folder / name).exists() else 0 for name in GROWING]
