"""Saved datasets: immutable versions in the workspace, and the samples that come with the workbench. `intake` brings files in."""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import entries, read_json, safe_name, sync_folder, write_json
from workbench.core.workspace import Workspace
from workbench.data import store
from workbench.data.dataset import META, Dataset, find_sample, sample_folder, samples
from workbench.data.roles import guess
from workbench.data.table import Table

__all__ = ["Dataset", "all_datasets", "find", "samples", "save"]
_VERSION = re.compile(r"v(\d{4,})$")


def save(workspace: Workspace, name: str, table: Table, roles: dict[str, str]) -> Dataset:
    """Save a table as the next version of `name`."""
    check_name(workspace, name)
    return _save(workspace, name, table, {"task": guess(table).task, "roles": dict(roles), "steps": []})


def save_version(workspace: Workspace, name: str, table: Table, facts: dict[str, Any]) -> Dataset:
    """Save a table as the next version of `name`, with `facts` (task, roles, steps, parent) in its meta."""
    check_name(workspace, name)
    return _save(workspace, name, table, facts)


def versions(workspace: Workspace, name: str) -> list[Dataset]:
    """Every version of a dataset, the oldest first."""
    return [_load(workspace, name, number) for number in _versions(workspace.dataset_folder(name))]


def check_name(workspace: Workspace, name: str) -> None:
    """UserError when a dataset cannot be called so."""
    workspace.dataset_folder(name)
    if sample_folder(name) is not None:
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
        "created": round(time.time(), 3),
        **facts,
    }
    with staged(workspace, name) as stage:
        meta["sha256"] = store.write(stage / store.DATA, table.columns, table.rows)
        write_json(stage / META, meta)
        version = publish(workspace, name, stage)
    return Dataset(name, version, version_folder(workspace, name, version), meta)


@contextlib.contextmanager
def staged(workspace: Workspace, name: str) -> Iterator[Path]:
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


def publish(workspace: Workspace, name: str, stage: Path) -> int:
    """Rename the staged folder to the next version; two imports at once get two versions."""
    with workspace.lock("datasets"):
        home = workspace.dataset_folder(name)
        version = max(_versions(home), default=0) + 1
        home.mkdir(exist_ok=True)
        shutil.copymode(home, stage)  # as open as the folder it goes into, which is as the person's umask has it
        stage.rename(version_folder(workspace, name, version))
        sync_folder(home)
    return version


def version_folder(workspace: Workspace, name: str, version: int) -> Path:
    """Where a version lies."""
    return workspace.dataset_folder(name) / f"v{version:04d}"


def _versions(home: Path) -> list[int]:
    found = [_VERSION.match(path.name) for path in entries(home, META)]
    return sorted(int(match.group(1)) for match in found if match)


def find(workspace: Workspace, name: str, version: int = 0) -> Dataset:
    """The dataset called `name`, its newest version unless one is named; UserError that lists what there is."""
    safe_name(name, "data.dataset")
    versions = _versions(workspace.dataset_folder(name))
    sample = find_sample(name) if not versions else None
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
    folder = version_folder(workspace, name, version)
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
