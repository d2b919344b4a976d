"""What tests of whole runs share: a dataset of a few rows, waiting for a run, and what it told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.core.run import ENDED, Run
from workbench.core.workspace import Workspace
from workbench.data import intake

LABELS = ("good", "bad")


def write_rows(workspace: Workspace, path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as a dataset called `few`."""
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    intake.import_file(workspace, path, "few")


def wait(run: Run, until: Callable[[], bool] | None = None, seconds: float = 90) -> str:
    """Wait until the run has ended (or `until` holds); the status."""
    deadline = time.monotonic() + seconds
    while not (until() if until else run.status in ENDED):
        assert time.monotonic() < deadline, (run.folder / "worker.log").read_text()
        assert until is None or run.status not in ENDED, (run.folder / "worker.log").read_text()
        time.sleep(0.05)
    return run.status


def kinds(run: Run) -> list[str]:
    """What happened, in order."""
    return [event.kind for event in run.events()[0]]
