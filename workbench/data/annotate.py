"""Labelling by hand: which row comes next, what is suggested, what is saved, and the version made of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.clean import view_of
from workbench.data.dataset import Dataset
from workbench.data.labels import Labels
from workbench.data.mode import MODES, Mode, added
from workbench.data.roles import allowed
from workbench.data.step import View
from workbench.data.table import Table

ORDERS = {
    "missing": Text("Rows without a label first", "先标没有标签的行"),
    "unsure": Text("Rows a small model is least sure of first", "先标小模型最没把握的行"),
    "given": Text("As they stand", "按原有顺序"),
}
LOOKED_AT = 20_000
"""Rows that are put in order by how unsure a small model is of them."""
LEARNT = 5_000


@dataclass(frozen=True)
class Board:
    """Somebody's work on one version of a dataset."""

    workspace: Workspace
    dataset: Dataset
    mode: Mode
    who: str
    order: str = "missing"

    @property
    def labels(self) -> Labels:
        """The log."""
        return Labels(self.workspace.dataset_folder(self.dataset.name), self.dataset.version)

    @property
    def view(self) -> View:
        """Columns and roles."""
        return view_of(self.dataset)

    def row(self, place: int) -> dict[str, Any]:
        """One row; UserError when there is none."""
        if not 0 <= place < self.dataset.meta["rows"]:
            raise UserError(f"There is no row {place + 1}.", f"没有第 {place + 1} 行。", field="place")
        return self.dataset.rows(place, 1)[0]

    def item(self, place: int, mine: dict[int, Any] | None = None) -> dict[str, Any]:
        """What the board paints of a row, with what this person said of it, and what a small model thinks."""
        told = {"place": place, **self.mode.show(self.row(place), self.view)}
        told["mine"] = (self.labels.of(self.who) if mine is None else mine).get(place)
        thought = _thoughts(_Key(self.dataset), self._learnt())[1].get(place) if self.order == "unsure" else None  # fmt: skip
        return {**told, "thought": thought}

    def queue(self) -> list[int]:
        """Places, in the order they are to be labelled."""
        rows = self.dataset.meta["rows"]
        if self.order == "given" or self.mode.kind != "choice":
            return list(range(rows))
        if self.order == "unsure":
            first, _ = _thoughts(_Key(self.dataset), self._learnt())
            return [*first, *range(min(rows, LOOKED_AT), rows)]
        bare = [
            place for place, row in enumerate(self.dataset.rows()) if self.mode.show(row, self.view)["given"] is None
        ]
        rest = set(bare)
        return [*bare, *(place for place in range(rows) if place not in rest)]

    def _learnt(self) -> tuple[tuple[int, str], ...]:
        """The labels given by hand, in steps of ten, so that the small model is not made anew with every key."""
        given = [(place, value["label"]) for place, value in self.labels.final().items() if "label" in value]
        return tuple(given[: len(given) // 10 * 10])

    def next(self, count: int, skip: list[int]) -> list[dict[str, Any]]:
        """The next rows this person has not labelled, without those in `skip`."""
        mine = self.labels.of(self.who)
        passed = set(skip) | mine.keys()
        found: list[int] = []
        for place in self.queue():
            if place not in passed:
                found.append(place)
                if len(found) == count:
                    break
        return [self.item(place, mine) for place in found]

    def save(self, place: int, value: dict[str, Any], client: str) -> int:
        """Write a label down; UserError when it is none for that row."""
        self.mode.apply(self.row(place), value, self.view)
        return self.labels.save(place, self.who, value, client)


def open_board(workspace: Workspace, name: str, who: str, order: str = "missing", kind: str = "") -> Board:
    """A board for the newest version; the way to label follows from the dataset's task unless it is named."""
    dataset = library.find(workspace, name)
    who = who.strip()
    if not who or len(who) > 60:
        raise UserError("Say who labels: a name of 1–60 characters.", "请填写标注人姓名（1–60 个字符）。", field="who")
    task = dataset.meta.get("task")
    mode = MODES.get(kind) if kind else next((mode for mode in MODES.all() if task in mode.tasks), MODES.get("choice"))
    mode.check(view_of(dataset))
    return Board(workspace, dataset, mode, who, order if order in ORDERS else "missing")


@dataclass(frozen=True)
class _Key:
    """A version as a key: it never changes."""

    dataset: Dataset

    def __hash__(self) -> int:
        return hash(self.dataset.folder)


@lru_cache(maxsize=4)
def _thoughts(key: _Key, learnt: tuple[tuple[int, str], ...]) -> tuple[list[int], dict[int, Any]]:
    """(places, the least sure first; place → {"label", "sure"}): a small classifier on all labels there are."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier

    dataset = key.dataset
    view, choice = view_of(dataset), MODES.get("choice")
    rows = dataset.rows(0, LOOKED_AT)
    given = {
        place: shown["given"]["label"] for place, row in enumerate(rows) if (shown := choice.show(row, view))["given"]
    }
    given.update({place: label for place, label in learnt if place < len(rows)})
    if len(set(given.values())) < 2:
        return list(range(len(rows))), {}
    make = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=1 << 18, alternate_sign=False)
    seen = make.transform([view.text_of(row) for row in rows])
    taught = np.array(sorted(given)[:LEARNT])
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
    model.fit(seen[taught], [given[int(place)] for place in taught])
    shares = model.predict_proba(seen)
    bare = set(range(len(rows))) - given.keys()
    ranked = sorted(range(len(rows)), key=lambda place: (place not in bare, float(shares[place].max())))
    told = {
        place: {"label": str(model.classes_[row.argmax()]), "sure": float(row.max())}
        for place, row in enumerate(shares)
    }
    return ranked, told


def keep(workspace: Workspace, name: str) -> Dataset:
    """The labels that stand, as a new version (of a bundled sample: as a dataset of its own), with who gave how many."""
    dataset = library.find(workspace, name)
    board = open_board(workspace, name, "-")
    labels = board.labels
    final = labels.final()
    if not final:
        raise UserError("There is no label to save yet.", "还没有可保存的标签。", field="labels")
    extra = added(board.mode, board.view)
    kind = dataset.meta.get("task") or board.mode.tasks[0]
    roles = {name: role for name, role in dataset.meta["roles"].items() if role in allowed(TASKS.get(kind))}
    view = View([*dataset.meta["columns"], *extra], {**roles, **extra})
    rows = [
        board.mode.apply(row, final[place], board.view) if place in final else row
        for place, row in enumerate(dataset.rows())
    ]
    people = Counter(who for _, who, _, _ in labels.standing())
    step = {
        "kind": "annotate",
        "labels": len(final),
        "who": dict(people),
        "when": round(time.time(), 3),
        "agreement": labels.agreement(),
    }
    facts = {
        "task": kind, "roles": dict(view.roles),
        "steps": [*dataset.meta.get("steps", []), step],
        "parent": {"name": dataset.name, "version": dataset.version, "sha256": dataset.meta.get("sha256")},
    }  # fmt: skip
    table = Table(view.columns, rows, [], str(dataset.meta.get("format", "")), str(dataset.meta.get("encoding", "")))
    return library.save_version(workspace, f"{name}-labelled" if dataset.sample else name, table, facts)
