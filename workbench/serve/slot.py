"""Where one serving process is written down. The workspace has one of its own; each link for guests has another.

FOLDER/
  state.json   pid and start, port, key, what it holds
  server.log   what it printed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.core.workspace import Workspace


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Slot:
    """One server's place. `held`: it ends with the process that started it, however that one ends. `over`: nobody waits for it any more."""

    folder: Path
    lock: Path
    held: bool = False
    over: Callable[[], bool] = _never

    @property
    def state(self) -> Path:
        """The file that says who serves here."""
        return self.folder / "state.json"


def own(workspace: Workspace) -> Slot:
    """The owner's: it outlives the page and ends when nothing is asked."""
    return Slot(workspace.root / "serve", workspace.root / ".serve.lock")


def within(folder: Path, over: Callable[[], bool] = _never) -> Slot:
    """One in a folder below what it is for, which it must not outlive."""
    return Slot(folder / "server", folder / ".server.lock", True, over)
