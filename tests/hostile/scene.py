"""A workspace with something of everything in it, so that handlers come further than “choose something first”."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import fabricated

from workbench.core.files import write_json
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table
from workbench.engine import arena
from workbench.serve import talk

ROWS = [{"text": f"row {place} is {'fine' if place % 2 else 'poor'}", "label": "ab"[place % 2]} for place in range(40)]


def build(workspace: Workspace) -> Run:
    """A dataset of two versions, two finished runs, a conversation, a contest, an evaluation."""
    table = Table(["text", "label"], ROWS, [], "jsonl", "utf-8")
    for _ in range(2):
        library.save(workspace, "reviews", table, {"text": "text", "label": "label"})
    run = fabricated.run(workspace, fabricated.right(0.5), fabricated.right(0.9))
    chat = talk.Talk.begun(run.id, "chat", ["base", run.id])
    talk.save(workspace, chat)
    made = arena.create(workspace, ["base", run.id], [[{"role": "user", "content": "hello"}]])
    for who in ("base", run.id):
        arena.append(made.folder / "answers.jsonl", {"prompt": 0, "who": who, "answer": "hi"})
    evaluation = workspace.root / "evaluations" / "e1"
    evaluation.mkdir(parents=True)
    write_json(evaluation / "question.json", {"target": run.id, "data": "reviews", "version": 2, "rows": 10, "beside": ["e1"]})  # fmt: skip
    write_json(evaluation / "answer.json", {"metrics": {"accuracy": 0.5}, "rows": 10})
    return run


class Snapshot:
    """The workspace as it was, put back when a call has changed what is there."""

    def __init__(self, workspace: Workspace, keep: Path) -> None:
        self.root, self.keep = workspace.root, keep
        shutil.copytree(self.root, keep, symlinks=True)
        self.names = self._names()

    def _names(self) -> Any:
        found = {}
        for folder in (self.root, *(each for each in self.root.iterdir() if each.is_dir() and not each.is_symlink())):
            found[folder] = sorted(path.name for path in folder.iterdir())
        draft = self.root / "draft.json"
        return found, draft.read_bytes() if draft.exists() else b""

    def restore(self) -> None:
        if self._names() == self.names:
            return
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        shutil.copytree(self.keep, self.root, symlinks=True, dirs_exist_ok=True)
