"""Bringing a file in: read, checked, saved as a version with what it refused. Nothing is written unless all of it worked."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import atomic, write_json
from workbench.core.task import Task
from workbench.core.text import Lang, Text
from workbench.core.workspace import Workspace
from workbench.data import bulk, library, store
from workbench.data.advice import advice
from workbench.data.convert import convert, refuse_empty
from workbench.data.dataset import META, Dataset
from workbench.data.readers import read_head
from workbench.data.roles import Guess, guess
from workbench.data.table import Piecewise, Refused, Table

REFUSED = "refused.jsonl"


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    dataset: Dataset
    guess: Guess
    refused: list[Refused] = field(default_factory=list)
    warnings: list[Text] = field(default_factory=list)

    def facts(self, lang: Lang = "en") -> dict[str, Any]:
        """The answer of `data import --json`."""
        meta = self.dataset.meta
        return {
            "dataset": self.dataset.name,
            "version": self.dataset.version,
            "rows": meta["rows"],
            "refused": [{"line": item.line, "reason": item.reason.say(lang)} for item in self.refused],
            "format": meta["format"],
            "encoding": meta["encoding"],
            "roles": meta["roles"],
            "warnings": [warning.say(lang) for warning in self.warnings],
        }


def import_file(
    workspace: Workspace,
    path: Path | str,
    name: str,
    roles: dict[str, str] | None = None,
    task: Task | None = None,
) -> Imported:
    """Read a file and save it as a new version of `name`. Nothing is written unless all of it worked.

    Without `roles` the guessed ones are saved. With `task`, rows that cannot teach it are an error before anything is saved.
    """
    return ended(importing(workspace, path, name, roles, task))


def ended(steps: Generator[float, None, Imported]) -> Imported:
    """What an import answers at its end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Imported = end.value
            return made


def importing(
    workspace: Workspace,
    path: Path | str,
    name: str,
    roles: dict[str, str] | None = None,
    task: Task | None = None,
    later: bool = False,
) -> Generator[float, None, Imported]:
    """The same, telling the share that is done on the way. Closed before its end, it leaves nothing behind.

    `later`: the answers will be given by hand, so what the task needs is not asked for yet.
    """
    path = Path(path)
    library.check_name(workspace, name)
    table, reader = read_head(path)
    guessed = guess(table)
    chosen = guessed.roles if roles is None else dict(roles)
    _check_columns(table, chosen)
    filled = table if table.format == "text" else _filled(path.name, table, chosen)
    if task is not None and not later:
        task.check(convert(filled.rows, chosen, filled.columns, task).rows)
    facts = {"task": task.kind if task is not None else guessed.task, "roles": chosen}
    notes = [*filled.warnings, *advice(filled, guessed, chosen)]
    if reader is not None:
        return (yield from _in_pieces(workspace, path, name, (reader, table, facts, guessed, notes)))
    steps = [{"kind": "import", "file": path.name, "refused": len(filled.refused)}]
    saved = library.save_version(workspace, name, filled, {**facts, "steps": steps})
    keep_refused(saved.folder, path.name, filled.refused)
    return Imported(saved, guessed, filled.refused, notes)


Known = tuple[Piecewise, Table, dict[str, Any], Guess, list[Text]]


def _in_pieces(workspace: Workspace, path: Path, name: str, known: Known) -> Generator[float, None, Imported]:
    reader, table, facts, guessed, notes = known
    with library.staged(workspace, name) as stage:
        lines = bulk.Lines(path, table.encoding.removesuffix("-sig"))
        taken = yield from bulk.write(lines, reader, table, facts["roles"], stage / store.DATA)
        count = len(taken.refused) + taken.more
        meta = {
            "rows": taken.rows, "columns": store.columns(stage), "format": table.format, "encoding": table.encoding,
            "sha256": taken.sha256, "created": round(time.time(), 3), **facts,
            "steps": [{"kind": "import", "file": path.name, "refused": count}],
        }  # fmt: skip
        keep_refused(stage, path.name, taken.refused)
        write_json(stage / META, meta)
        version = library.publish(workspace, name, stage)
    saved = library.find(workspace, name, version)
    return Imported(saved, guessed, taken.refused, notes)


def keep_refused(folder: Path, file: str, refused: list[Refused]) -> None:
    """Write the rows that were not taken beside those that were: file, line, reason and the row itself, one JSON object per line."""
    if not refused:
        return
    with atomic(folder / REFUSED) as stream:
        for item in refused:
            told = {"file": file, "line": item.line, "reason": item.reason.en, "原因": item.reason.zh, "row": item.raw}
            stream.write(json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")


def _filled(file: str, table: Table, roles: dict[str, str]) -> Table:
    filled = refuse_empty(table, roles)
    if filled.rows:
        return filled
    first = filled.refused[0]
    raise UserError(
        f"{file}: no usable row is left; line {first.line}: {first.reason.en}. Complete the data.",
        f"{file}：没有可用的行；第 {first.line} 行：{first.reason.zh}。请补全数据。",
        field="file",
    )


def _check_columns(table: Table, roles: dict[str, str]) -> None:
    for column in roles:
        if column not in table.columns:
            listed = ", ".join(shorten(known, 30) for known in table.columns[:20])
            raise UserError(
                f"data.roles: there is no column “{shorten(column)}”; the columns are: {listed}.",
                f"data.roles：没有“{shorten(column)}”列；现有列：{listed}。",
                field="data.roles",
            )
