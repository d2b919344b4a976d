"""A dataset's log as a file: taken away as JSON, tried out on another dataset entry by entry, and done there.

Labels and edits name their row by its id and by a mark of its words, so that they find it again in a file in another order.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json
from workbench.data import store
from workbench.data.history import History, prepared
from workbench.data.labels import taken_back
from workbench.data.log import Entry
from workbench.data.state import State, patched, touched
from workbench.data.step import CLEANING, Row, View

FORMAT = "workbench-log"
BY_HAND = ("label", "edit")


def exported(history: History) -> dict[str, Any]:
    """{"format", "dataset", "base": {"version", "rows", "sha256"}, "entries", "sha256": of the rows at the end}."""
    line, base = history.log.line(), history.state(0)
    gone = taken_back(line)
    entries = [_told(entry, base) for entry in line if entry.kind != "back" and entry.seq not in gone]
    about = {"version": history.root, "rows": len(base.rows), "sha256": store.digest(base.view.columns, base.rows)}
    return {
        "format": FORMAT,
        "dataset": history.newest.name,
        "base": about,
        "entries": entries,
        "sha256": history.digest(),
    }


def _told(entry: Entry, base: State) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": entry.kind, "value": entry.value, "who": entry.who, "at": round(entry.at, 3)}
    if entry.row is not None:
        told |= {"row": entry.row, "of": _mark(base.rows[entry.row], base.view) if entry.row < len(base.rows) else ""}
    return told


def _mark(row: Row, view: View) -> str:
    return hashlib.sha256(view.text_of(row).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def read_log(path: Path) -> dict[str, Any]:
    """A log from a JSON file, or a plain list of cleaning steps; UserError when it is neither."""
    found = read_json(path)
    if isinstance(found, list) and all(
        isinstance(step, dict) and step.get("kind") in CLEANING.kinds() for step in found
    ):
        found = {"format": FORMAT, "entries": [{"kind": "step", "value": step} for step in found]}
    entries = found.get("entries") if isinstance(found, dict) else None
    if not isinstance(entries, list) or found.get("format") != FORMAT or not all(map(_whole, entries)):
        raise UserError(
            f"{shorten(path.name)} is no log of a dataset; expected JSON as “data log” prints it.",
            f"{shorten(path.name)} 不是数据集的操作日志；应为“data log”输出的 JSON。",
            field="steps",
        )
    return dict(found)


def _whole(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("value"), dict):
        return False
    row = type(entry.get("row")) is int and {"label": {"mode", "value"}, "edit": {"column", "value"}}.get(entry["kind"], {""}) <= entry["value"].keys()  # fmt: skip
    return entry.get("kind") in ("step", "split") or row


def replayed(history: History, log: dict[str, Any], dry: bool = False) -> dict[str, Any]:
    """{"entries": [{"ok", "kind", counts or why not}], "sha256", "same": whether the rows are those the log was made for}.

    Entries that cannot be done are told and left out. `dry`: nothing is written.
    """
    state = history.state()
    here = {"rows": len(state.rows), "sha256": store.digest(state.view.columns, state.rows)}
    found = _finder(state, {key: (log.get("base") or {}).get(key) for key in here} == here)
    told: list[dict[str, Any]] = []
    made: list[tuple[Entry, bytes | None]] = []
    for kind, group in itertools.groupby(log["entries"], key=lambda entry: str(entry["kind"])):
        if kind in BY_HAND:
            state, fact, entries = _by_hand(state, [*group], found)
            told.append({"ok": not fact["missing"], "kind": kind, **fact})
            made += [(entry, None) for entry in entries]
            continue
        for each in group:
            try:
                effect, entry, delta = prepared(state, Entry(kind, each["value"], who=str(each.get("who", ""))))
                state = patched(state, delta or b"")
                made.append((entry, delta))
                told.append({"ok": True, **({"kind": kind, **entry.value} if effect is None else effect.facts())})
            except UserError as error:
                told.append({"ok": False, "kind": str(each["value"].get("kind", kind)), "en": error.text.en, "zh": error.text.zh})  # fmt: skip
    if made and not dry:
        history.log.add(*(entry for entry, _ in made), deltas=tuple(delta for _, delta in made))
    sha256 = store.digest(state.view.columns, state.rows)
    return {"entries": told, "rows": len(state.rows), "sha256": sha256, "same": sha256 == log.get("sha256")}


def _finder(base: State, same: bool) -> Any:
    """From (id, mark) to the id here: the same id when its words are the same, else the only row with these words. A row that a step
    added has no mark: its id says something only on the `same` rows."""
    marks = {number: _mark(row, base.view) for number, row in zip(base.ids, base.rows, strict=True)}
    counted = Counter(marks.values())
    by_mark = {mark: number for number, mark in marks.items() if counted[mark] == 1}

    def find(row: int, mark: str) -> int | None:
        return row if marks.get(row) == mark or (same and not mark) else by_mark.get(mark)

    return find


def _by_hand(state: State, entries: list[dict[str, Any]], find: Any) -> tuple[State, dict[str, Any], list[Entry]]:
    """Labels or edits, each on its row; those whose row is not here, or that do not fit it, are missing."""
    placed, unfit = list(_placed(entries, find)), list[Entry]()
    state = touched(state, placed, unfit)
    left = set(map(id, unfit))
    made = [entry for entry in placed if id(entry) not in left]
    return state, {"done": len(made), "missing": len(entries) - len(made)}, made


def _placed(entries: list[dict[str, Any]], find: Any) -> Iterator[Entry]:
    for entry in entries:
        row = find(entry["row"], str(entry.get("of", "")))
        if row is not None:
            yield Entry(entry["kind"], entry["value"], row, str(entry.get("who", "")), at=float(entry.get("at", 0)))
