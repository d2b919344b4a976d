"""The working copy of a dataset: its log, the rows at any point of it, and the versions made of them.

A version is immutable and knows the log it came from (`root`, the version the log began with) and how far (`seq`). The working copy is
what the log's head says; it becomes a version when somebody saves it. To go back is to move the head; nothing is ever lost.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.workspace import Workspace
from workbench.data import library, store
from workbench.data.dataset import Dataset
from workbench.data.heldout import hold_out
from workbench.data.labels import agreement, standing, taken_back
from workbench.data.log import SHAPING, Entry, Log, Moved
from workbench.data.state import State, advanced, delta_of, patched
from workbench.data.step import Effect, Outcome, View, checked, effect_of
from workbench.data.table import Table

KEPT = 12
"""States kept in memory; they share the rows that did not change."""
MOST = 3_000_000
"""Rows that are held in memory to be worked on."""
TRIES = 5
"""Times a step is done on the rows as they are now before giving up."""
Seen = Callable[[State], State]
Key = tuple[Path, str, int, float, bool]
_states: OrderedDict[Key, State] = OrderedDict()


class History:
    """The log of one dataset and what it says; of an older `version`, the log that one came from. UserError when there is no such
    dataset."""

    def __init__(self, workspace: Workspace, name: str, version: int = 0) -> None:
        self.workspace, self.newest = workspace, library.find(workspace, name, version)
        self.root = int(self.newest.meta.get("root") or self.newest.version)
        self.base = (
            self.newest if self.root == self.newest.version else library.find(workspace, self.newest.name, self.root)
        )
        self.log = Log(workspace.dataset_folder(self.newest.name), self.root)

    @property
    def saved(self) -> int:
        """The entry the newest version was made at."""
        return int(self.newest.meta.get("seq") or 0)

    @property
    def unsaved(self) -> bool:
        """Whether the working copy is no version yet."""
        return self.log.head() != self.saved

    def state(self, seq: int | None = None, labels: bool = True) -> State:
        """The rows at an entry (the head unless one is named)."""
        line = self.log.line(seq)
        known, found = self._nearest(line, labels)
        made = advanced(found, line[known:], taken_back(line), self.log.delta, labels)
        self._remember(self._key(line, labels), made)
        return made

    def _nearest(self, line: list[Entry], labels: bool) -> tuple[int, State]:
        """(how many entries it holds, the last state in memory): none of a label that was taken back since."""
        oldest: float = float("inf")
        for known in range(len(line), -1, -1):
            if known < len(line):
                oldest = min(oldest, line[known].undoes or oldest)
            found = _states.get(self._key(line[known - 1 : known] if known else [], labels))
            if found is not None and (not known or line[known - 1].seq < oldest):
                return known, found
        begun = self._begun()
        self._remember(self._key([], labels), begun)
        return 0, begun

    def _key(self, line: list[Entry], labels: bool) -> Key:
        seq, at = (line[-1].seq, line[-1].at) if line else (0, 0.0)
        return self.log.path, str(self.base.meta.get("sha256")), seq, at, labels

    def _remember(self, key: Key, state: State) -> None:
        _states[key] = state
        _states.move_to_end(key)
        while len(_states) > KEPT:
            _states.popitem(last=False)

    def _begun(self) -> State:
        if self.base.meta["rows"] > MOST:
            raise UserError(
                f"{self.base.name} has more than {MOST:,} rows, too many to be worked on here; import a part of it.",
                f"{self.base.name} 超过 {MOST:,} 行，无法在此处理；请导入其中一部分。",
                field="data.dataset",
            )
        rows = self.base.rows()
        view = View(list(self.base.meta["columns"]), dict(self.base.meta.get("roles") or {}), self.workspace)
        return State(range(len(rows)), rows, view, self.base.meta.get("task"), len(rows))

    def step(self, step: dict[str, Any], who: str = "", seen: Seen | None = None) -> Effect:
        """Do a cleaning step and write it down; UserError, with nothing written, when it cannot be done. `seen` puts something
        between the step and the rows, to see how far it is."""
        effect, _ = self._done(Entry("step", dict(step), who=who), seen)
        return effect

    def _done(self, entry: Entry, seen: Seen | None = None) -> tuple[Any, Entry]:
        """Do an entry that looks at all rows, on the rows as they are when it is written: done again when somebody wrote meanwhile."""
        for _ in range(TRIES):
            head = self.log.head()
            state = self.state(head)
            effect, made, delta = prepared(seen(state) if seen else state, entry)
            with contextlib.suppress(Moved):
                self.log.add(made, deltas=(delta,), after=head)
                return effect, made
        raise UserError(
            "Others change this dataset faster than this can be done; try again in a moment.",
            "其他人正在频繁修改此数据集；请稍后再试。",
            field="data.dataset",
        )

    def tried(self, step: dict[str, Any], seen: Seen | None = None) -> Effect:
        """What a step would do; nothing is written."""
        state = self.state()
        return prepared(seen(state) if seen else state, Entry("step", dict(step)))[0]

    def note(self, effect: Effect, made: Outcome, who: str = "") -> None:
        """Write down a step that was done on the rows at the head."""
        self.log.add(Entry("step", effect.facts(), who=who), deltas=(delta_of(self.state(), made),))

    def split(self, value: dict[str, Any], who: str = "") -> dict[str, Any]:
        """Hold rows out and write it down; the entry's value with the number of rows held out."""
        return self._done(Entry("split", value, who=who))[1].value

    def edit(self, row: int, column: str, text: str, who: str = "") -> Any:
        """Put another value into a cell; the value as it was taken. UserError when it is not of the cell's kind."""
        state = self.state()
        was = state.row(row).get(column)
        state.view.check(column)
        value = _of_kind(text, was, [each.get(column) for each in state.rows[:200]])
        if value != was:
            self.log.add(Entry("edit", {"column": column, "value": value, "was": was}, row, who))
        return value

    def label(self, rows: Sequence[int], label: str, who: str) -> None:
        """The same label for many rows, all or none."""
        value = {"mode": "choice", "value": {"label": label}}
        if rows:
            self.log.add(*(Entry("label", value, row, who) for row in rows))

    def undo(self) -> bool:
        """One entry back, or all that were made with one press; False at the beginning."""
        line = self.log.line()
        if line:
            self.log.move(_together(line[::-1])[-1].parent)
        return bool(line)

    def redo(self) -> bool:
        """The same forth, on the way one came back from; False at its end."""
        after = self.log.after(self.log.head())
        if after:
            self.log.move(_together(after)[-1].seq)
        return bool(after)

    def go(self, seq: int) -> None:
        """Stand at an entry."""
        if seq and seq not in self.log.entries():
            raise UserError(f"There is no entry {seq} in this log.", f"日志中没有第 {seq} 条。", field="seq")
        self.log.move(seq)

    def arrange(self, order: Sequence[int]) -> list[Effect]:
        """Another order of the entries, or fewer of them: done again from where it differs. UserError, with nothing written, when
        one cannot be done there. The old line stays."""
        line = self.log.line()
        by, gone = {entry.seq: entry for entry in line}, taken_back(line)
        wanted = [by[seq] for seq in order if seq in by]
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] is pair[1], zip(line, wanted, strict=False)))
        state, made, effects = self.state(line[same - 1].seq if same else 0), list[tuple[Entry, bytes | None]](), []
        standing_ = (entry for entry in wanted[same:] if entry.kind != "back" and entry.seq not in gone)
        for shaping, group in itertools.groupby(standing_, key=lambda entry: entry.kind in SHAPING):
            if not shaping:
                hands = [prepared(state, entry)[1] for entry in group]
                state = advanced(state, hands, set(), self.log.delta)
                made += [(entry, None) for entry in hands]
                continue
            for entry in group:
                effect, again, delta = prepared(state, entry)
                state = patched(state, delta or b"")
                made.append((again, delta))
                effects += [effect] if effect else []
        self.log.move(line[same - 1].seq if same else 0)
        if made:
            self.log.add(*(entry for entry, _ in made), deltas=tuple(delta for _, delta in made))
        return effects

    def publish(self, suffix: str = "mine", name: str = "") -> Dataset:
        """The working copy as a new version (of a bundled sample: as a dataset of its own). UserError when no row is left."""
        line, newest = self.log.line(), self.newest
        state = self.state(line[-1].seq if line else 0)
        self.some(state.rows)
        away = bool(name) or newest.sample
        facts = {
            "task": state.task, "roles": dict(state.view.roles),
            "steps": [*self.base.meta.get("steps", []), *told(line)],
            "parent": {"name": newest.name, "version": newest.version, "sha256": newest.meta.get("sha256")},
            **({} if away else {"root": self.root, "seq": line[-1].seq if line else 0}),
        }  # fmt: skip
        table = Table(state.view.columns, list(state.rows), [], str(newest.meta.get("format", "")), str(newest.meta.get("encoding", "")))  # fmt: skip
        made = library.save_version(self.workspace, name or (f"{newest.name}-{suffix}" if newest.sample else newest.name), table, facts)  # fmt: skip
        if newest.sample and not name:
            self.log.move(0)
        return made

    def some(self, rows: Sequence[Any]) -> None:
        """UserError when no row is left."""
        if not rows:
            name = self.newest.name
            raise UserError(
                f"{name}: no row is left after these steps; loosen them.",
                f"{name}：经过这些步骤后没有剩余的行；请放宽条件。",
                field="steps",
            )

    def digest(self) -> str:
        """What the rows hold at the head."""
        state = self.state()
        return store.digest(state.view.columns, state.rows)


def prepared(state: State, entry: Entry) -> tuple[Any, Entry, bytes | None]:
    """(the Effect of a step or None, the entry as it is to be written, its delta) of an entry done on a state."""
    if entry.kind == "step":
        kind, section = checked(entry.value)
        made = kind.apply(state.rows, section, state.view)
        effect = effect_of(section, state.rows, made, state.view)
        return effect, Entry("step", effect.facts(), who=entry.who), delta_of(state, made)
    if entry.kind == "split":
        held = hold_out(state.rows, state.view, entry.value)
        made = Outcome(held.rows, columns=held.columns, roles=held.roles)
        return None, Entry("split", held.value, who=entry.who), delta_of(state, made)
    return None, Entry(entry.kind, entry.value, entry.row, entry.who, at=entry.at), None


def _together(entries: list[Entry]) -> list[Entry]:
    """The first entry and those that were written with it at one press: labels or edits with the same time."""
    first = entries[0]
    same = itertools.takewhile(
        lambda entry: (entry.kind, entry.at, entry.who) == (first.kind, first.at, first.who), entries
    )
    return [first] if first.kind in SHAPING else list(same)


def told(line: list[Entry]) -> list[dict[str, Any]]:
    """A line as it is kept with a version: each step and split; labels, and edits, as one each with who made how many."""
    found: list[dict[str, Any]] = []
    for kind, group in itertools.groupby(line, key=lambda entry: "label" if entry.kind == "back" else entry.kind):
        entries = list(group)
        if kind in ("step", "split"):
            found += [{**({"kind": "split"} if kind == "split" else {}), **entry.value} for entry in entries]
            continue
        labels = standing(entries)
        people = Counter(who for _, who, _, _ in labels) if kind == "label" else Counter(each.who for each in entries)
        facts: dict[str, Any] = {"who": dict(people), "when": round(entries[-1].at, 3)}
        if kind == "label":
            rows = {row for row, _, _, _ in labels}
            found.append({"kind": "annotate", "labels": len(rows), **facts, "agreement": agreement(labels)})
        else:
            found.append(
                {"kind": "edit", "cells": len({(each.row, each.value["column"]) for each in entries}), **facts}
            )
    return found


def _of_kind(text: str, was: Any, others: list[Any]) -> Any:
    kind: Any = next((type(value) for value in (was, *others) if value is not None), str)
    if kind is str:
        return text
    if kind is not list and kind is not dict and not text.strip():
        return None
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.strip().lower()]
        if kind is int:
            return int(text)
        if kind is float:
            return float(text)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"“{shorten(text, 40)}” is no {kind.__name__}, as this column holds them.",
            f"“{shorten(text, 40)}”不是此列所需的 {kind.__name__}。",
            field="value",
        ) from error
    raise UserError(
        "This cell holds a list; label it on the board instead.", "此单元格是列表；请在标注台中修改。", field="value"
    )
