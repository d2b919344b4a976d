"""What `runs …` and `queue …` do on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from workbench import commands_evaluate
from workbench.commands import finish, out
from workbench.core import run
from workbench.core.errors import UserError
from workbench.core.run import Run
from workbench.core.workspace import Workspace

Arguments = argparse.Namespace


def runs(workspace: Workspace, arguments: Arguments) -> int:
    """List, show, follow, stop, cancel, pause, continue, arrange or remove runs."""
    if arguments.action == "list":
        out([made.summary() for made in run.all_runs(workspace)], arguments)
        return 0
    if arguments.action == "compare":
        return commands_evaluate.compare(workspace, [arguments.run, *arguments.others], arguments)
    made = run.find(workspace, arguments.run)
    if arguments.action == "report":
        return commands_evaluate.report(made, arguments)
    if arguments.action == "show":
        out({**made.summary(), "recipe": made.recipe.dump(), "report": made.report}, arguments)
    elif arguments.action == "follow":
        return finish(workspace, made, arguments)
    elif arguments.action in STEERED:
        _steer(workspace, made, arguments.action)
        out({"run": made.id, "status": made.status}, arguments)
    else:
        run.remove(made)
        out({"run": made.id, "removed": True}, arguments)
    return 0


STEERED = ("stop", "cancel", "pause", "continue", "resume", "now", "earlier", "later")


def _steer(workspace: Workspace, made: Run, action: str) -> None:
    from workbench.engine import queue, supervisor

    if action in ("stop", "cancel", "resume"):
        getattr(supervisor, action)(made)
    elif action in ("pause", "continue"):
        made.ask_to_pause(action == "pause")
    elif action == "now":
        queue.want_now(workspace, made.id)
        supervisor.launch_next(workspace)
    else:
        queue.move(workspace, made.id, -1 if action == "earlier" else 1)


def waiting(workspace: Workspace, arguments: Arguments) -> int:
    """Show the queue, hold it, let it go on, or give it hours."""
    from workbench.engine import queue, supervisor

    if arguments.action != "show":
        hours = tuple(arguments.hours.split("-", 1)) if arguments.hours else None
        if hours is not None and len(hours) != 2:
            raise UserError("Write the hours like 22:00-07:00.", "请写成 22:00-07:00 这样的形式。", field="--hours")
        queue.arrange(workspace, arguments.action == "hold", (hours[0], hours[1]) if hours else None)
        supervisor.launch_next(workspace)
    known, waiting = queue.read(workspace), queue.queued(workspace)
    told = [{"run": made.id, "why": queue.reason(workspace, made)} for made in waiting]
    out({"held": known.held, "hours": known.hours, "devices": queue.devices(), "waiting": told}, arguments)
    return 0


HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {"runs": runs, "queue": waiting}
