"""Saved datasets: immutable versions in the workspace, and the samples that come with the workbench."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import workbench
from workbench.core.errors import UserError, shorten
from workbench.core.files import inside, read_json, safe_name, sync_folder, write_json
from workbench.core.task import Row, Task
from workbench.core.text import Lang, Text
from workbench.core.workspace import Workspace
from workbench.data import store
from workbench.data.convert import Converted, convert, refuse_empty
from workbench.data.readers import read_table
from workbench.data.roles import Guess, guess
from workbench.data.table import Refused, Table

DATA, META = "data.parquet", "meta.json"
SPLIT = "split"
PARTS = (("train", "train.jsonl"), ("validation", "heldout.jsonl"))
_VERSION = re.compile(r"v(\d{4,})$")


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
        return not (self.folder / DATA).is_file()

    def rows(self, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Rows by column names."""
        if not self.sample:
            return store.read(self.folder / DATA, offset, limit)
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


def import_file(workspace: Workspace, path: Path | str, name: str, roles: dict[str, str] | None = None) -> Imported:
    """Read a file and save it as a new version of `name`. Nothing is written unless all of it worked."""
    _check_name(workspace, name)
    table = read_table(path)
    guessed = guess(table)
    chosen = guessed.roles if roles is None else dict(roles)
    _check_columns(table, chosen)
    filled = refuse_empty(table, chosen)
    if not filled.rows:
        first = filled.refused[0]
        raise UserError(
            f"{Path(path).name}: no usable row is left; line {first.line}: {first.reason.en}. Complete the data.",
            f"{Path(path).name}：没有可用的行；第 {first.line} 行：{first.reason.zh}。请补全数据。",
            field="file",
        )
    steps = [{"kind": "import", "file": Path(path).name, "refused": len(filled.refused)}]
    dataset = _save(workspace, name, filled, {"task": guessed.task, "roles": chosen, "steps": steps})
    return Imported(dataset, guessed, filled.refused, filled.warnings)


def _check_columns(table: Table, roles: dict[str, str]) -> None:
    for column in roles:
        if column not in table.columns:
            listed = ", ".join(shorten(known, 30) for known in table.columns[:20])
            raise UserError(
                f"data.roles: there is no column “{shorten(column)}”; the columns are: {listed}.",
                f"data.roles：没有“{shorten(column)}”列；现有列：{listed}。",
                field="data.roles",
            )


def save(workspace: Workspace, name: str, table: Table, roles: dict[str, str]) -> Dataset:
    """Save a table as the next version of `name`."""
    _check_name(workspace, name)
    return _save(workspace, name, table, {"task": guess(table).task, "roles": dict(roles), "steps": []})


def _check_name(workspace: Workspace, name: str) -> None:
    workspace.dataset_folder(name)
    if _sample_folder(name) is not None:
        raise UserError(
            f"“{name}” is the name of a bundled sample; choose another name.",
            f"“{name}”是自带示例的名称；请换一个名称。",
            field="name",
        )


def _save(workspace: Workspace, name: str, table: Table, facts: dict[str, Any]) -> Dataset:
    meta = {
        "rows": len(table.rows),
        "columns": table.columns,
        "format": table.format,
        "encoding": table.encoding,
        "sha256": store.content_sha256(table.columns, table.rows),
        "created": round(time.time(), 3),
        **facts,
    }
    with _staged(workspace, name) as stage:
        store.write(stage / DATA, table.columns, table.rows)
        write_json(stage / META, meta)
        version = _publish(workspace, name, stage)
    return Dataset(name, version, _version_folder(workspace, name, version), meta)


@contextlib.contextmanager
def _staged(workspace: Workspace, name: str) -> Iterator[Path]:
    """A folder beside the datasets that is gone afterwards, unless it was renamed into place."""
    stage = Path(tempfile.mkdtemp(prefix=".staged-", dir=workspace.datasets))
    try:
        yield stage
    except OSError as error:
        raise UserError(
            f"Dataset {name} could not be saved: {error.strerror or error}. Nothing was written; free some space or "
            "choose another workspace.",
            f"数据集 {name} 无法保存：{error.strerror or error}。未写入任何内容；请释放空间或更换工作区。",
            field="name",
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _publish(workspace: Workspace, name: str, stage: Path) -> int:
    """Rename the staged folder to the next version; two imports at once get two versions."""
    stage.chmod(0o755)
    with workspace.lock("datasets"):
        home = workspace.dataset_folder(name)
        version = max(_versions(home), default=0) + 1
        home.mkdir(exist_ok=True)
        stage.rename(_version_folder(workspace, name, version))
        sync_folder(home)
    return version


def _version_folder(workspace: Workspace, name: str, version: int) -> Path:
    return workspace.dataset_folder(name) / f"v{version:04d}"


def _versions(home: Path) -> list[int]:
    if not home.is_dir():
        return []
    found = [_VERSION.match(path.name) for path in home.iterdir() if (path / META).is_file()]
    return sorted(int(match.group(1)) for match in found if match)


def find(workspace: Workspace, name: str, version: int = 0) -> Dataset:
    """The dataset called `name`, its newest version unless one is named; UserError that lists what there is."""
    safe_name(name, "data.dataset")
    versions = _versions(workspace.dataset_folder(name))
    sample = _sample(name) if not versions else None
    if versions and version in (0, *versions):
        return _load(workspace, name, version or versions[-1])
    if sample is not None and version in (0, sample.version):
        return sample
    if versions or sample is not None:
        known = ", ".join(map(str, versions or [1]))
        raise UserError(
            f"Dataset “{name}” has no version {version}; it has: {known}.",
            f"数据集“{name}”没有版本 {version}；现有版本：{known}。",
            field="data.version",
        )
    listed = ", ".join(dataset.name for dataset in all_datasets(workspace)[:20]) or "–"
    raise UserError(
        f"There is no dataset called “{shorten(name)}”. There are: {listed}. Import a file to add one.",
        f"没有名为“{shorten(name)}”的数据集。现有：{listed}。导入文件即可添加。",
        field="data.dataset",
    )


def _load(workspace: Workspace, name: str, version: int) -> Dataset:
    folder = _version_folder(workspace, name, version)
    meta = read_json(folder / META)
    if not isinstance(meta, dict) or not {"rows", "columns", "roles"} <= set(meta):
        raise UserError(
            f"Dataset “{name}” version {version} is damaged (meta.json); import the file again.",
            f"数据集“{name}”版本 {version} 已损坏（meta.json）；请重新导入文件。",
            field="data.dataset",
        )
    return Dataset(name, version, folder, meta)


def all_datasets(workspace: Workspace) -> list[Dataset]:
    """The newest version of every dataset of the workspace, then the bundled samples. Damaged ones are left out."""
    names = sorted(path.name for path in workspace.datasets.iterdir() if not path.name.startswith("."))
    found: list[Dataset] = []
    for name in names:
        with contextlib.suppress(UserError):
            if versions := _versions(workspace.dataset_folder(name)):
                found.append(_load(workspace, name, versions[-1]))
    return [*found, *samples()]


def samples() -> list[Dataset]:
    """The bundled samples."""
    root = workbench.ASSETS / "samples"
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    return [sample for sample in map(_sample, names) if sample is not None]


def _sample_folder(name: str) -> Path | None:
    folder = inside(workbench.ASSETS / "samples", safe_name(name, "dataset name"))
    return folder if (folder / PARTS[0][1]).is_file() else None


def _sample(name: str) -> Dataset | None:
    """A bundled sample as a dataset: version 1, with its held-out file as rows of their own in the column `split`."""
    folder = _sample_folder(name)
    if folder is None:
        return None
    table = _sample_table(folder, _stamp(folder))
    guessed = guess(table)
    meta = {
        "rows": len(table.rows),
        "columns": table.columns,
        "task": guessed.task,
        "roles": {**guessed.roles, SPLIT: SPLIT},
        "format": table.format,
        "encoding": table.encoding,
        "sha256": store.content_sha256(table.columns, table.rows),
        "steps": [],
    }
    return Dataset(name, 1, folder, meta)


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
