"""Evaluations that wait for one another: a folder each in the workspace, a process each, one at a time.

question.json (target, data, rows) · worker.json (pid, process start time) · answer.json (metrics …) or error.json · rows.jsonl, scored.json.
Status is derived, never stored. Each process starts the next when it ends; whoever looks (page, command line) goes on where one was killed.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench import ROOT
from workbench.core import clock
from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.files import entries, inside, read_json, safe_name, write_json
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine.evaluate_model import check_rows

ENDED = ("finished", "failed", "lost")


@dataclass(frozen=True)
class Evaluation:
    """One evaluation's folder."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def question(self) -> dict[str, Any]:
        """{"target", "data", "version", "rows", "beside": all that were asked together}."""
        found = read_json(self.folder / "question.json")
        return found if isinstance(found, dict) else {}

    @property
    def answer(self) -> dict[str, Any] | None:
        """Metrics, rows, intervals, signatures, once there are some."""
        found = read_json(self.folder / "answer.json")
        return found if isinstance(found, dict) else None

    @property
    def error(self) -> dict[str, Any] | None:
        """{"en", "zh"} where it failed."""
        found = read_json(self.folder / "error.json")
        return found if isinstance(found, dict) else None

    @property
    def status(self) -> str:
        """queued, running, finished, failed or lost."""
        if self.answer is not None:
            return "finished"
        if self.error is not None:
            return "failed"
        if not (self.folder / "worker.json").exists():
            return "queued"
        return "running" if self.worker() is not None else "lost"

    def worker(self) -> psutil.Process | None:
        """The living process: same pid and same start time."""
        known = read_json(self.folder / "worker.json")
        try:
            process = psutil.Process(int(known["pid"]))
            same = clock.is_same(process, known)
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.Error, KeyError, TypeError, ValueError):
            return None

    def told(self) -> dict[str, Any]:
        """One line of a list."""
        asked, answer = self.question, self.answer or {}
        return {"evaluation": self.id, "status": self.status, **asked, **answer, **({"error": self.error} if self.error else {})}  # fmt: skip


def root(workspace: Workspace) -> Path:
    """Where evaluations lie."""
    return workspace.root / "evaluations"


def all_evaluations(workspace: Workspace) -> list[Evaluation]:
    """Every evaluation, newest first."""
    found = [Evaluation(path) for path in entries(root(workspace), "question.json")]
    return sorted(found, key=lambda each: each.id, reverse=True)


def find(workspace: Workspace, name: str) -> Evaluation:
    """By its id; UserError where there is none."""
    found = Evaluation(inside(root(workspace), safe_name(name, "evaluation")))
    if not found.question:
        raise UserError(f"There is no evaluation “{shorten(name)}” here.", f"这里没有名为“{shorten(name)}”的评估。", field="evaluation")  # fmt: skip
    return found


def submit(workspace: Workspace, targets: Sequence[str], data: str, rows: int = 0) -> list[Evaluation]:
    """An evaluation of every target on a dataset, in line; the first starts at once."""
    wanted = [target.strip() for target in targets if target and target.strip()]
    if not wanted:
        raise UserError("Choose at least one run or model.", "请至少选择一个训练任务或模型。", field="target")
    check_rows(rows)
    dataset = library.find(workspace, data)
    made, names = [], [_named(workspace, target) for target in dict.fromkeys(wanted)]
    for number, target in enumerate(names):
        name = f"{time.strftime('%Y-%m-%d-%H%M%S')}-{number:02d}-{secrets.token_hex(2)}"
        staged = root(workspace) / f".{name}.part"
        write_json(staged / "question.json", {"target": target, "data": dataset.name, "version": dataset.version, "rows": rows, "beside": names})  # fmt: skip
        made.append(Evaluation(staged.rename(root(workspace) / name)))
    advance(workspace)
    return made


def _named(workspace: Workspace, target: str) -> str:
    """A run's whole id, or a model as it was written."""
    try:
        return runs.find(workspace, target).id
    except UserError:
        return target


def advance(workspace: Workspace) -> Evaluation | None:
    """Start the oldest that waits, unless one runs."""
    if not root(workspace).is_dir():
        return None
    with workspace.lock("evaluations"):
        known = all_evaluations(workspace)[::-1]
        waiting = [each for each in known if each.status == "queued"]
        if not waiting or any(each.status == "running" for each in known):
            return None
        _spawn(workspace, waiting[0])
        return waiting[0]


def _spawn(workspace: Workspace, made: Evaluation) -> None:
    command = [sys.executable, "-m", "workbench.engine.evaluations", str(workspace.root.resolve()), made.id]
    search = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    with (made.folder / "log").open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env={**os.environ, "PYTHONPATH": search},
        )  # fmt: skip
    _CHILDREN[:] = [each for each in _CHILDREN if each.poll() is None] + [child]
    write_json(made.folder / "worker.json", clock.identity(psutil.Process(child.pid)))


_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Kept, so that the ended ones are no zombies."""


def remove(made: Evaluation) -> None:
    """End it if it runs, and delete it."""
    import shutil

    process = made.worker()
    if process is not None:
        process.kill()
        process.wait(10)
    shutil.rmtree(made.folder, ignore_errors=True)


def work(workspace: Workspace, made: Evaluation) -> int:
    """What the process does: score, write down, start the next."""
    from workbench.engine.ask import unforeseen
    from workbench.engine.evaluate_model import score
    from workbench.engine.worker import be_polite

    be_polite()
    try:
        write_json(made.folder / "answer.json", score(workspace, {**made.question, "keep": str(made.folder)}))
    except UserError as error:
        write_json(made.folder / "error.json", {"en": error.text.en, "zh": error.text.zh})
    except Exception as error:  # the edge of the process
        traceback.print_exc()
        text = unforeseen(error)
        write_json(made.folder / "error.json", {"en": text.en, "zh": text.zh})
    advance(workspace)
    return 0 if made.answer is not None else 2


if __name__ == "__main__":
    here = Workspace(sys.argv[1])
    sys.exit(work(here, find(here, sys.argv[2])))
