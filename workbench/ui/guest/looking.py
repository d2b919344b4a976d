"""What a viewer may see of runs: names, states, numbers, curves. No rows, prompts, logs, settings with paths, or names of the machine."""

from __future__ import annotations

import json
from typing import Any

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.metric import METRICS
from workbench.core.run import Run, all_runs, find
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.ui import figures
from workbench.ui.feed import Feed
from workbench.ui.words import Words

MOST = 100
"""Newest runs that are listed."""


def listed(workspace: Workspace, words: Words) -> list[dict[str, Any]]:
    """The newest runs: id, task, method, state."""
    return [_short(run, words) for run in all_runs(workspace)[:MOST] if run.unreadable is None]


def _short(run: Run, words: Words) -> dict[str, Any]:
    task, method = TASKS.get(run.recipe.task.kind), METHODS.get(run.recipe.method.kind)
    return {"id": run.id, "task": words.say(task.label), "method": words.say(method.label), "status": words(f"status_{run.status}")}  # fmt: skip


def shown(workspace: Workspace, feed: Feed, run_id: str, words: Words) -> dict[str, Any]:
    """One run: its numbers before and after, and the curve of its loss. UserError for an unknown one."""
    run = find(workspace, run_id)
    if run.unreadable is not None:
        raise UserError("This run cannot be read.", "无法读取这个任务。")
    view = feed.view(run)
    figure = json.loads(figures.curves([view], "loss", words).to_json()) if view.steps else None
    return {**_short(run, words), "share": view.share, "metrics": _numbers(run.report or {}, words), "curve": figure}


def _numbers(report: dict[str, Any], words: Words) -> list[dict[str, Any]]:
    """[{"name", "before", "after"}]: numbers only, each under its name in words."""
    after, before = report.get("after") or {}, report.get("before") or {}
    known = {name: METRICS.get(name) for name in after if name in METRICS.kinds()}
    return [{"name": words.say(metric.label), "before": before.get(name), "after": after[name]} for name, metric in known.items()]  # fmt: skip
