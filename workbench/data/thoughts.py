"""What a model thinks of rows that are to be labelled: which to begin with, and which label it would give. A small classifier made on
the spot, its doubts about the labels there are, or what a trained run said of every row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.data.clean import view_of
from workbench.data.cleaning.label_errors import FEW, suspects
from workbench.data.mode import MODES, Mode
from workbench.data.values import as_text
from workbench.data.working import Working

LOOKED_AT = 20_000
"""Rows that are put in order by what is thought of them."""
LEARNT = 5_000
FILE = "prelabels.json"
Thoughts = tuple[list[int], dict[int, Any]]
"""(ids to begin with, id → {"label", "sure": 0 – 1})."""


@dataclass(frozen=True, eq=False)
class Same:
    """A working copy as a key."""

    dataset: Working

    def __hash__(self) -> int:
        return hash(self.dataset.folder)

    def __eq__(self, other: object) -> bool:
        """The same version, standing at the same entry."""
        return isinstance(other, Same) and (other.dataset.folder, other.dataset.state) == (
            self.dataset.folder,
            self.dataset.state,
        )


@lru_cache(maxsize=4)
def bare_first(key: Same, mode: Mode) -> list[int]:
    """Ids of the rows without a label, then the others."""
    view, pairs = view_of(key.dataset), list(zip(key.dataset.ids, key.dataset.rows(), strict=True))
    bare = [row for row, values in pairs if mode.show(values, view)["given"] is None]
    rest = set(bare)
    return [*bare, *(row for row, _ in pairs if row not in rest)]


@lru_cache(maxsize=4)
def unsure(key: Same, learnt: tuple[tuple[int, str], ...]) -> Thoughts:
    """(ids, the least sure first; id → {"label", "sure"}): a small classifier on all labels there are."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier

    dataset = key.dataset
    view, choice = view_of(dataset), MODES.get("choice")
    rows, ids = dataset.rows(0, LOOKED_AT), dataset.ids
    place_of = {row: place for place, row in enumerate(ids[:LOOKED_AT])}
    given = {
        place: shown["given"]["label"] for place, row in enumerate(rows) if (shown := choice.show(row, view))["given"]
    }
    given.update({place_of[row]: label for row, label in learnt if row in place_of})
    if len(set(given.values())) < 2:
        return list(place_of), {}
    make = HashingVectorizer(analyzer="char", ngram_range=(1, 3), n_features=1 << 18, alternate_sign=False)
    seen = make.transform([view.text_of(row) for row in rows])
    taught = np.array(sorted(given)[:LEARNT])
    model = SGDClassifier(loss="log_loss", alpha=1e-5, random_state=0)
    model.fit(seen[taught], [given[int(place)] for place in taught])
    shares = model.predict_proba(seen)
    bare = set(range(len(rows))) - given.keys()
    ranked = sorted(range(len(rows)), key=lambda place: (place not in bare, float(shares[place].max())))
    told = {
        ids[place]: {"label": str(model.classes_[row.argmax()]), "sure": float(row.max())}
        for place, row in enumerate(shares)
    }
    return [ids[place] for place in ranked], told


@lru_cache(maxsize=4)
def doubtful(key: Same) -> Thoughts:
    """Rows whose label is probably wrong, the surest first (confident learning, as the cleaning step has it)."""
    dataset = key.dataset
    view, rows = view_of(dataset), dataset.rows(0, LOOKED_AT)
    label = view.column("label")
    given = [as_text(row.get(label)).strip() for row in rows]
    counts = Counter(given)
    judged = [place for place, name in enumerate(given) if name and counts[name] >= FEW]
    if len({given[place] for place in judged}) < 2:
        return [], {}
    found = suspects([view.text_of(rows[place]) for place in judged], [given[place] for place in judged])
    told = {dataset.ids[judged[place]]: {"label": better, "sure": sure} for place, better, sure in found}
    return list(told), told


def of_run(folder: Path, dataset: Working) -> Thoughts:
    """What a trained run said, the least sure first; UserError when none was asked yet."""
    path = folder / FILE
    found = _said(path, path.stat().st_mtime_ns, dataset.meta["root"]) if path.is_file() else None
    if found is None:
        raise UserError(
            "No run has labelled these rows yet: choose a run and press “Let this run label first”.",
            "还没有模型预先标注过这些行：请选择一个训练任务，并点击“先让模型标注”。",
            field="order",
        )
    return found


@lru_cache(maxsize=4)
def _said(path: Path, written: int, root: int) -> Thoughts | None:
    """What stands in the file; `written` only tells one state of it from another."""
    found = read_json(path)
    if not isinstance(found, dict) or found.get("root") != root:
        return None
    told: dict[int, Any] = {
        int(row): {"label": str(label), "sure": float(sure)} for row, label, sure in found["labels"]
    }
    return sorted(told, key=lambda row: told[row]["sure"]), told


def keep_of_run(folder: Path, root: int, run: str, labels: list[tuple[int, str, float]]) -> None:
    """Write down what a run said: (id, label, probability)."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / FILE, {"root": root, "run": run, "labels": labels})
