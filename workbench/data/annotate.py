"""Labelling by hand: which row comes next, what is suggested, what is saved, and the version made of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from workbench.core.errors import UserError
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data.clean import view_of
from workbench.data.dataset import Dataset
from workbench.data.history import History
from workbench.data.labels import Labels
from workbench.data.mode import MODES, Mode
from workbench.data.step import View
from workbench.data.thoughts import Same, Thoughts, bare_first, doubtful, of_run, unsure
from workbench.data.working import Working, working

ORDERS = {
    "missing": Text("Rows without a label first", "先标没有标签的行"),
    "unsure": Text("Rows a small model is least sure of first", "先标小模型最没把握的行"),
    "run": Text("Rows a trained run is least sure of first", "先标训练好的模型最没把握的行"),
    "doubtful": Text("Rows whose label is probably wrong first", "先看标签可疑的行"),
    "given": Text("As they stand", "按原有顺序"),
}


@dataclass(frozen=True)
class Board:
    """Somebody's work on one version of a dataset."""

    workspace: Workspace
    dataset: Working
    """As it is before anybody labelled it: nobody sees what another one said."""
    mode: Mode
    who: str
    order: str = "missing"

    @property
    def labels(self) -> Labels:
        """Those in the log."""
        return Labels(self.workspace.dataset_folder(self.dataset.name), self.dataset.meta["root"], self.mode.kind)

    @property
    def view(self) -> View:
        """Columns and roles."""
        return view_of(self.dataset)

    def row(self, place: int) -> dict[str, Any]:
        """The row with an id; UserError when there is none."""
        return self.dataset.rows(self.dataset.place(place), 1)[0]

    def item(self, place: int) -> dict[str, Any]:
        """What the board paints of a row, with what this person said of it, and what a model thinks."""
        return self._item(place, self.labels.of(self.who), self._thought())

    def _item(self, place: int, mine: dict[int, Any], thought: Thoughts) -> dict[str, Any]:
        shown = self.mode.show(self.row(place), self.view)
        return {"place": place, **shown, "mine": mine.get(place), "thought": thought[1].get(place)}

    def queue(self, thought: Thoughts | None = None) -> list[int]:
        """Ids of rows, in the order they are to be labelled."""
        ids = self.dataset.ids
        if self.order == "given" or self.mode.kind != "choice":
            return list(ids)
        first, _ = thought or self._thought()
        known = set(first)
        return (
            [*first, *(row for row in ids if row not in known)] if first else bare_first(Same(self.dataset), self.mode)
        )

    def _thought(self) -> Thoughts:
        """The rows to begin with, and what is thought of each, in this order."""
        if self.mode.kind != "choice":
            return [], {}
        if self.order == "unsure":
            return unsure(Same(self.dataset), self._learnt())
        if self.order == "doubtful":
            return doubtful(Same(self.dataset))
        return of_run(self.labels.log.path.parent, self.dataset) if self.order == "run" else ([], {})

    def _learnt(self) -> tuple[tuple[int, str], ...]:
        """The labels given by hand, in steps of ten, so that the small model is not made anew with every key."""
        given = [(place, value["label"]) for place, value in self.labels.final().items() if "label" in value]
        return tuple(given[: len(given) // 10 * 10])

    def next(self, count: int, skip: list[int]) -> list[dict[str, Any]]:
        """The next rows this person has not labelled, without those in `skip`."""
        mine, thought = self.labels.of(self.who), self._thought()
        passed = set(skip) | mine.keys()
        found = itertools.islice((place for place in self.queue(thought) if place not in passed), count)
        return [self._item(place, mine, thought) for place in found]

    def save(self, place: int, value: dict[str, Any], client: str) -> int:
        """Write a label down; UserError when it is none for that row."""
        row = self.row(place)
        self.mode.apply(row, value, self.view)
        return self.labels.save(place, self.who, self.mode.settled(row, value, self.view), client)


def open_board(workspace: Workspace, name: str, who: str, order: str = "missing", kind: str = "") -> Board:
    """A board for the newest version; the way to label follows from the dataset's task unless it is named."""
    dataset = working(workspace, name, labels=False)
    who = who.strip()
    if not who or len(who) > 60:
        raise UserError("Say who labels: a name of 1–60 characters.", "请填写标注人姓名（1–60 个字符）。", field="who")
    task = dataset.meta.get("task")
    mode = MODES.get(kind) if kind else next((mode for mode in MODES.all() if task in mode.tasks), MODES.get("choice"))
    mode.check(view_of(dataset))
    return Board(workspace, dataset, mode, who, order if order in ORDERS else "missing")


def keep(workspace: Workspace, name: str) -> Dataset:
    """The labels that stand, with all else that was done to the working copy, as a new version (of a bundled sample: as a dataset
    of its own), with who gave how many."""
    if not open_board(workspace, name, "-").labels.final():
        raise UserError("There is no label to save yet.", "还没有可保存的标签。", field="labels")
    return History(workspace, name).publish("labelled")
