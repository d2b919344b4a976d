"""Marking rows as held out, as a new version with a column `split`."""

from __future__ import annotations

from workbench.core.workspace import Workspace
from workbench.data.dataset import Dataset
from workbench.data.heldout import WAYS, usual
from workbench.data.history import History

__all__ = ["WAYS", "divide", "usual"]


def divide(
    workspace: Workspace, name: str, way: str = "stratified", by: str = "", share: float = 0, seed: int = 42
) -> Dataset:
    """A new version of the working copy whose column `split` says train or validation (see `heldout.hold_out`)."""
    history = History(workspace, name)
    history.split({"way": way, "by": by, "share": share, "seed": seed})
    return history.publish("split")
