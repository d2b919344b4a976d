"""Cleaning a dataset: steps tried out on its rows, kept as a new version that says how it was made, and gone back from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.dataset import Dataset
from workbench.data.history import History
from workbench.data.step import CLEANING, COUNTS, Effect, Outcome, Row, View, outcomes
from workbench.data.table import Table
from workbench.data.working import Working, working

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Cleaned:
    """What the steps make of a dataset; nothing is saved yet."""

    dataset: Dataset
    rows: list[Row]
    effects: list[Effect]
    made: list[Outcome]


def view_of(dataset: Dataset, home: Workspace | None = None) -> View:
    """Columns and roles as they are saved; `home`: where models lie."""
    return View(list(dataset.meta["columns"]), dict(dataset.meta.get("roles") or {}), home)


def at_hand(workspace: Workspace, name: str, version: int = 0) -> Dataset:
    """What steps are tried on: a version, or, where none is named, the working copy."""
    return library.find(workspace, name, version) if version else working(workspace, name)


def try_out(dataset: Dataset, steps: Steps, home: Workspace | None = None) -> Cleaned:
    """Every step in turn; UserError when one cannot be done."""
    rows, done = outcomes(dataset.rows(), view_of(dataset, home), steps)
    return Cleaned(dataset, rows, [effect for effect, _ in done], [made for _, made in done])


def dry_run(dataset: Dataset, steps: Steps, home: Workspace | None = None) -> list[dict[str, Any]]:
    """Step by step what it would do here; one that cannot be done is told with its reason and left out."""
    rows, view, told = dataset.rows(), view_of(dataset, home), []
    for step in steps:
        try:
            rows, ((effect, made),) = outcomes(rows, view, [step])
            view = made.seen(view)
            told.append({"ok": True, **effect.facts()})
        except UserError as error:
            told.append({"ok": False, "kind": str(step.get("kind")), "en": error.text.en, "zh": error.text.zh})
    return told


def keep(workspace: Workspace, cleaned: Cleaned, name: str = "") -> Dataset:
    """Write the steps into the dataset's log and save a new version; of a bundled sample, or with `name`, as another dataset.

    They go on from what they were tried on: the working copy, or a version. What was done to the working copy and is no version yet
    becomes one first, so that nothing is only to be found on another line.
    """
    base = cleaned.dataset
    history = History(workspace, base.name, base.version)
    history.some(cleaned.rows)
    before = history.log.head()
    if not isinstance(base, Working):
        safe(workspace, base.name)
        history.go(int(base.meta.get("seq") or 0))
    for effect, done in zip(cleaned.effects, cleaned.made, strict=True):
        history.note(effect, done)
    made = history.publish("clean", name)
    if name:
        history.go(before)
    return made


def safe(workspace: Workspace, name: str) -> Dataset | None:
    """Work that is no version yet becomes one; None when there is none, or nothing is left of it."""
    history = History(workspace, name)
    return history.publish() if history.unsaved and history.state().rows else None


def go_back(workspace: Workspace, name: str, version: int) -> Dataset:
    """An earlier version becomes the newest; what came in between stays."""
    found = library.find(workspace, name, version)
    safe(workspace, name)
    table = Table(
        list(found.meta["columns"]),
        found.rows(),
        [],
        str(found.meta.get("format", "")),
        str(found.meta.get("encoding", "")),
    )
    facts = {key: found.meta.get(key) for key in ("task", "roles", "steps")}
    facts |= {"root": found.meta.get("root") or version, "seq": found.meta.get("seq") or 0}
    parent = {"name": name, "version": version, "sha256": found.meta.get("sha256")}
    made = library.save_version(workspace, name, table, {**facts, "parent": parent})
    History(workspace, name).go(made.meta["seq"])
    return made


def steps_of(dataset: Dataset) -> list[dict[str, Any]]:
    """The steps that made a version, as they can be replayed on another one."""
    kinds = CLEANING.kinds()
    made = [step for step in dataset.meta.get("steps", []) if step.get("kind") in kinds]
    return [{name: value for name, value in step.items() if name not in COUNTS} for step in made]


def read_steps(path: Path) -> list[dict[str, Any]]:
    """A list of steps from a JSON file; UserError when it is none."""
    found = read_json(path)
    if not isinstance(found, list) or not all(isinstance(step, dict) and step.get("kind") for step in found):
        raise UserError(
            f'{shorten(path.name)} is no list of steps; expected JSON like [{{"kind": "whitespace"}}], as “data steps” prints it.',
            f'{shorten(path.name)} 不是步骤列表；应为 JSON，例如 [{{"kind": "whitespace"}}]，即“data steps”输出的内容。',
            field="steps",
        )
    return found
