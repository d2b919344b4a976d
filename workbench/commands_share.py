"""What `share …` and `users …` do on the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from workbench.commands import out
from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door import wire
from workbench.door.accounts import Accounts

Arguments = argparse.Namespace


def share(workspace: Workspace, arguments: Arguments) -> int:
    """Make a link, list the open ones, take one or all back."""
    from workbench.ui.guest import process

    if arguments.action == "list":
        out([_readable(links.facts(workspace, each)) for each in links.all_open(workspace)], arguments)
    elif arguments.action == "stop":
        chosen = [links.load(workspace, arguments.link)] if arguments.link else links.all_open(workspace)
        for each in chosen:
            process.stop(workspace, each.id)
        out({"stopped": [each.id for each in chosen]}, arguments)
    else:
        terms = links.Terms(
            arguments.hours, arguments.runs, arguments.place, wire.mounted(arguments.root_path), arguments.port
        )
        out(_readable(process.share(workspace, arguments.action, terms)), arguments)
    return 0


def _readable(told: dict[str, Any]) -> dict[str, Any]:
    """With the end of a link as a time of this machine's clock."""
    return {**told, "until": time.strftime("%Y-%m-%d %H:%M", time.localtime(told["until"]))}


def users(workspace: Workspace, arguments: Arguments) -> int:
    """List, add or remove who can log in."""
    accounts = Accounts(workspace.root / "door" / "accounts.json")
    if arguments.action != "list" and not arguments.name:
        raise UserError(
            f"users {arguments.action} needs a name.", f"users {arguments.action} 需要用户名。", field="name"
        )
    if arguments.action == "add":
        accounts.add(arguments.name, _password())
    elif arguments.action == "remove":
        accounts.remove(arguments.name)
    out({"users": accounts.names()}, arguments)
    return 0


def _password() -> str:
    """From the environment, else asked for; never from the command line, which every user of the machine can read."""
    given = os.environ.get("WORKBENCH_PASSWORD")
    if given is not None:
        return given
    return getpass.getpass("Password · 密码: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


HANDLERS: dict[str, Callable[[Workspace, Arguments], int]] = {"share": share, "users": users}
