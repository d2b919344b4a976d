"""A file of prompts, answered one after the other and several at once; the page looks how far it is, and takes the answers away.

The job is a thread of the page's process, and its answers lie on disk as they come. No torch here.
"""

from __future__ import annotations

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import write_text
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data.cells import write_csv
from workbench.data.readers import read_table
from workbench.data.values import as_text
from workbench.serve import client

MOST = 10_000
AT_ONCE = 8
COLUMNS = ("prompt", "text", "question", "instruction", "input", "source", "提示", "提示词", "问题", "文本")
_jobs: dict[str, Job] = {}


@dataclass
class Job:
    """One file of prompts for one model."""

    rows: list[dict[str, str]]
    answers: list[str | None]
    began: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)
    error: Text | None = None
    files: list[str] = field(default_factory=list)
    ended: bool = False

    @property
    def done(self) -> int:
        """Prompts that have an answer."""
        return sum(each is not None for each in self.answers)


def job(workspace: Workspace) -> Job | None:
    """The newest of a workspace."""
    return _jobs.get(str(workspace.root))


def prompts(path: Path, run: Run) -> list[dict[str, str]]:
    """What is asked, by the task's roles: a line each of a text file, else the column that is called so. UserError when there is none."""
    task = TASKS.get(run.recipe.task.kind)
    asks = task.asks or ("prompt",)
    if path.suffix.lower() in (".txt", ".md"):
        rows = [{asks[0]: line.strip()} for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    else:
        table = read_table(path)
        named = {
            role: next((c for c in (role, *(COLUMNS if role == asks[0] else ())) if c in table.columns), None)
            for role in asks
        }
        if named[asks[0]] is None:
            listed = ", ".join(table.columns[:20])
            raise UserError(
                f"No column is called {asks[0]} (or prompt, text …); the columns are: {listed}.",
                f"没有名为 {asks[0]}（或 prompt、text 等）的列；现有列：{listed}。",
                field="file",
            )
        rows = [{role: as_text(row.get(column)) for role, column in named.items() if column} for row in table.rows]
    kept = [row for row in rows if row[asks[0]].strip()]
    if not kept or len(kept) > MOST:
        raise UserError(
            f"The file has {len(kept):,} prompts; 1 to {MOST:,} are possible.",
            f"文件中有 {len(kept):,} 条提示词；允许 1 至 {MOST:,} 条。",
            field="file",
        )
    return kept


def start(workspace: Workspace, run: Run, model: str, path: Path, how: dict[str, Any]) -> Job:
    """Begin; UserError while another one works."""
    known = job(workspace)
    if known is not None and not known.ended:
        raise UserError("A file is being answered; stop it first.", "已有文件正在处理；请先停止。", field="file")
    rows = prompts(path, run)
    made = _jobs[str(workspace.root)] = Job(rows, [None] * len(rows))
    threading.Thread(target=_work, args=(workspace, run, model, made, how), daemon=True, name="prompts").start()
    return made


def _work(workspace: Workspace, run: Run, model: str, made: Job, how: dict[str, Any]) -> None:
    try:
        endpoint = client.ensure(workspace, run)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda place: _one(endpoint, run, model, made, place, how), range(len(made.rows))))
    except UserError as error:
        made.error = error.text
        made.stop.set()
    finally:
        made.files = _written(workspace, run, model, made)
        made.ended = True


def _one(endpoint: client.Endpoint, run: Run, model: str, made: Job, place: int, how: dict[str, Any]) -> None:
    if made.stop.is_set():
        return
    task, row = TASKS.get(run.recipe.task.kind), made.rows[place]
    if task.talks:
        system = [{"role": "system", "content": how["system"]}] if how.get("system") else []
        asked = [*system, {"role": "user", "content": row["prompt"] if "prompt" in row else next(iter(row.values()))}]
        sampling = {name: value for name, value in how.items() if name != "system"}
        made.answers[place] = "".join(client.chat(endpoint, model, asked, **sampling))
    else:
        made.answers[place] = str(client.attempt(endpoint, model, row)["text"])


def _written(workspace: Workspace, run: Run, model: str, made: Job) -> list[str]:
    """The answers so far as JSONL and as CSV."""
    kept = [
        {**row, "answer": said, "model": model}
        for row, said in zip(made.rows, made.answers, strict=True)
        if said is not None
    ]
    if not kept:
        return []
    place = workspace.root / "serve" / "answers" / time.strftime(f"{run.id[:40]}-%Y%m%d-%H%M%S")
    lines, sheet = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), io.StringIO(newline="")
    write_csv(sheet, list(kept[0]), (list(row.values()) for row in kept))
    write_text(place.with_suffix(".jsonl"), lines)
    write_text(place.with_suffix(".csv"), "\ufeff" + sheet.getvalue())
    return [str(place.with_suffix(".jsonl")), str(place.with_suffix(".csv"))]
