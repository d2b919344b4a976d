"""What a lab's lists offer: models that are on this machine, runs that left a result. No torch: the page asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.family import family
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import finished
from workbench.models import catalog, shelf
from workbench.models.facts import read_config

Choices = list[tuple[Text | str, str]]
MOST = 12
"""Entries of a list; the newest, where there are more."""


def models(workspace: Workspace, kinds: Sequence[str] = ("decoder", "encoder", "pair")) -> Choices:
    """The starters, smallest first, then what was downloaded, of some kinds of model (see workbench.core.family)."""
    ours = [
        (starter.kind, family(read_config(starter.folder)))
        for starter in reversed(catalog.STARTERS)
        if (starter.folder / "config.json").is_file()
    ]
    others = [(entry.id, entry.kind) for entry in shelf.inventory(workspace)]
    found: Choices = [(name, name) for name, kind in dict([*ours, *others]).items() if kind in kinds]
    return found[:MOST]


def runs(workspace: Workspace, fits: Callable[[Run], Any]) -> Choices:
    """Finished runs that fit, the newest first."""
    found: Choices = [(run.id, run.id) for run in finished(workspace) if fits(run)]
    return found[:MOST]
