"""One version of a dataset, and the samples that come with the workbench, which are datasets too."""

from __future__ import annotations

import contextlib
import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import workbench
from workbench.core.errors import UserError
from workbench.core.files import inside, safe_name
from workbench.core.task import Row, Task
from workbench.data import store
from workbench.data.convert import Converted, convert
from workbench.data.readers import read_table
from workbench.data.roles import guess
from workbench.data.table import Table

META = "meta.json"
SPLIT = "split"
PARTS = (("train", "train.jsonl"), ("validation", "heldout.jsonl"))


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset. `meta`: rows, columns, roles, task, format, encoding, sha256, steps."""

    name: str
    version: int
    folder: Path
    meta: dict[str, Any]

    @property
    def sample(self) -> bool:
        """True for one that comes with the workbench."""
        return not (self.folder / META).is_file()

    def table(self) -> Any:
        """All of it as an Arrow table; a saved one is mapped into memory, not read."""
        return store.table(self.meta["columns"], self.rows()) if self.sample else store.open_table(self.folder)

    def rows(self, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Rows by column names."""
        if not self.sample:
            return store.read(self.folder, offset, limit)
        rows = _sample_table(self.folder, _stamp(self.folder)).rows
        return [dict(row) for row in rows[offset : None if limit is None else offset + limit]]

    def convert(self, task: Task, roles: dict[str, str] | None = None) -> Converted:
        """Rows by role names, with what was left out and why.

        Roles not given are the saved ones; the saved mark of held-out rows always stays, or they would be trained on.
        """
        saved: dict[str, str] = self.meta["roles"]
        marks = {column: role for column, role in saved.items() if role == SPLIT}
        keep = {} if not roles or SPLIT in roles.values() else marks
        return convert(self.rows(), {**keep, **roles} if roles else saved, self.meta["columns"], task)

    def task_rows(self, task: Task, roles: dict[str, str] | None = None) -> tuple[list[Row], list[Row] | None]:
        """(training rows, the dataset's own held-out rows or None) by role names."""
        made = self.convert(task, roles)
        return made.rows, made.heldout


def samples() -> list[Dataset]:
    """The bundled samples; a damaged one is left out."""
    root = workbench.ASSETS / "samples"
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    found: list[Dataset] = []
    for name in names:
        with contextlib.suppress(UserError):
            if sample := find_sample(name):
                found.append(sample)
    return found


def sample_folder(name: str) -> Path | None:
    """Where the bundled sample of that name lies, if there is one."""
    folder = inside(workbench.ASSETS / "samples", safe_name(name, "dataset name"))
    return folder if (folder / PARTS[0][1]).is_file() else None


def find_sample(name: str) -> Dataset | None:
    """A bundled sample as a dataset: version 1, with its held-out file as rows of their own in the column `split`."""
    folder = sample_folder(name)
    if folder is None:
        return None
    return Dataset(name, 1, folder, copy.deepcopy(_sample_meta(folder, _stamp(folder))))


@lru_cache(maxsize=16)
def _sample_meta(folder: Path, stamp: tuple[int, ...]) -> dict[str, Any]:
    """Kept while its files stay as they are: lists of datasets ask for every sample each time."""
    table = _sample_table(folder, stamp)
    guessed = guess(table)
    return {
        "rows": len(table.rows),
        "columns": table.columns,
        "task": guessed.task,
        "roles": {**guessed.roles, SPLIT: SPLIT},
        "format": table.format,
        "encoding": table.encoding,
        "sha256": store.digest(table.columns, table.rows),
        "steps": [],
    }


def _stamp(folder: Path) -> tuple[int, ...]:
    """Changes when a file of the sample changes."""
    paths = [folder / file for _, file in PARTS]
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)


@lru_cache(maxsize=16)
def _sample_table(folder: Path, stamp: tuple[int, ...]) -> Table:
    tables = [(part, read_table(folder / file)) for part, file in PARTS if (folder / file).is_file()]
    rows = [{**row, SPLIT: part} for part, table in tables for row in table.rows]
    columns = list(dict.fromkeys([*(name for _, table in tables for name in table.columns), SPLIT]))
    return Table(columns, rows, [], "jsonl", "utf-8")
