"""The rows of a dataset at one point of its log: what an entry made of them is a delta, written down with the entry.

A delta is compressed JSON: ids that were dropped, cells that changed, rows that were added, columns and roles where they changed.
So a state is put together without doing any step again, and a step that is done otherwise in a later release changes nothing old.
"""

from __future__ import annotations

import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.data import store
from workbench.data.log import SHAPING, Entry
from workbench.data.mode import MODES, added
from workbench.data.roles import allowed
from workbench.data.step import Outcome, Row, View

PARTS = 200
"""Parts of a column that was cut and joined; of more, it is made anew."""


@dataclass(frozen=True, eq=False)
class State:
    """Rows with their ids. `fresh` is the id the next added row gets; `task` what the dataset is for."""

    ids: Sequence[int]
    rows: Sequence[Row]
    view: View
    task: str | None = None
    fresh: int = 0

    @cached_property
    def index(self) -> dict[int, int]:
        """Id → place."""
        return {row: place for place, row in enumerate(self.ids)}

    @cached_property
    def table(self) -> Any:
        """As an Arrow table."""
        return store.table(self.view.columns, self.rows)

    def row(self, number: int) -> Row:
        """The row with an id; UserError when it is not there (any more)."""
        place = self.index.get(number)
        if place is None:
            raise UserError(f"There is no row {number + 1}.", f"没有第 {number + 1} 行。", field="row")
        return self.rows[place]


def differs(one: Any, other: Any) -> bool:
    """Whether two values are not the same: True and 1, or 1 and 1.0, are not."""
    return type(one) is not type(other) or bool(one != other)


def delta_of(state: State, made: Outcome) -> bytes:
    """What an outcome changed."""
    dropped, changed = [], []
    for number, old, new in zip(state.ids, state.rows, made.rows, strict=True):
        if isinstance(new, Text):
            dropped.append(number)
        elif new is not old:
            cells = {name: value for name, value in new.items() if name not in old or differs(old[name], value)}
            if cells:
                changed.append([number, cells])
    told: dict[str, Any] = {"drop": dropped, "change": changed, "add": made.added}
    if made.columns:
        told["columns"] = [*state.view.columns, *(name for name in made.columns if name not in state.view.columns)]
    if made.roles is not None:
        told["roles"] = dict(made.roles)
    return zlib.compress(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"), 1)


def patched(state: State, delta: bytes) -> State:
    """The state after a delta."""
    told = json.loads(zlib.decompress(delta).decode("utf-8", "surrogatepass"))
    dropped, changed = set(told["drop"]), dict(map(tuple, told["change"]))
    ids, rows = [], []
    for number, row in zip(state.ids, state.rows, strict=True):
        if number not in dropped:
            ids.append(number)
            rows.append({**row, **changed[number]} if number in changed else row)
    ids += range(state.fresh, state.fresh + len(told["add"]))
    rows += told["add"]
    view = state.view.now(told.get("columns", state.view.columns), told.get("roles", state.view.roles))
    return State(ids, rows, view, state.task, state.fresh + len(told["add"]))


def advanced(
    state: State, entries: Iterable[Entry], gone: set[int], delta: Callable[[int], bytes], labels: bool = True
) -> State:
    """The state after these entries. `gone`: labels that were taken back; without `labels`, none is put in."""
    for shaping, group in itertools.groupby(entries, key=lambda entry: entry.kind in SHAPING):
        if shaping:
            for entry in group:
                state = patched(state, delta(entry.seq))
        else:
            standing = [entry for entry in group if _stands(entry, gone, labels)]
            state = touched(state, standing) if standing else state
    return state


def _stands(entry: Entry, gone: set[int], labels: bool) -> bool:
    return entry.kind == "edit" or (entry.kind == "label" and labels and entry.seq not in gone)


def touched(state: State, entries: Iterable[Entry], unfit: list[Entry] | None = None) -> State:
    """The state after cell edits and labels. Those of rows that are not there (any more) are left out and put into `unfit`; so are
    those that a row cannot take, which raise their UserError where there is no such list."""
    hands = _Hands(list(state.rows), state.view, state.task)
    for entry in entries:
        place = state.index.get(entry.row if entry.row is not None else -1)
        try:
            if place is not None:
                hands.put(place, entry)
        except UserError:
            if unfit is None:
                raise
            place = None
        if place is None and unfit is not None:
            unfit.append(entry)
    made = replace(state, rows=hands.rows, view=hands.view, task=hands.task)
    made.__dict__["index"] = state.index  # the same ids at the same places
    if "table" in state.__dict__:
        made.__dict__["table"] = _table_after(state.table, made, sorted(hands.touched))
    return made


def _table_after(table: Any, made: State, places: list[int]) -> Any:
    """The table of a state that differs from another one in some places: columns in which nothing changed are taken over."""
    import pyarrow as pa

    columns = []
    for name in made.view.columns:
        now = [made.rows[place].get(name) for place in places]
        if name not in table.column_names:
            columns.append(store.column(name, made.rows))
            continue
        old = table.column(name)
        new = [(place, value) for place, value in zip(places, now, strict=True) if differs(old[place].as_py(), value)]
        columns.append(_spliced(old, new) or store.column(name, made.rows) if new else old)
    return pa.table(columns, names=made.view.columns)


def _spliced(old: Any, new: list[tuple[int, Any]]) -> Any:
    """A column with a few other texts in it, cut and joined; None where it is better made anew."""
    import pyarrow as pa

    if (
        not pa.types.is_string(old.type)
        or len(new) + old.num_chunks > PARTS
        or not all(isinstance(value, str) for _, value in new)
    ):
        return None
    parts, end = [], 0
    for place, value in new:
        parts += [*old.slice(end, place - end).chunks, pa.array([value], pa.string())]
        end = place + 1
    return pa.chunked_array([*parts, *old.slice(end).chunks], pa.string())


@dataclass
class _Hands:
    """Rows that are being worked on by hand: one copy of the list for any number of entries."""

    rows: list[Row]
    view: View
    task: str | None
    touched: set[int] = field(default_factory=set)

    def put(self, place: int, entry: Entry) -> None:
        """One edit or label; UserError, with nothing changed, when the row cannot take it."""
        self.touched.add(place)
        if entry.kind == "edit":
            self.view.check(entry.value["column"])
            self.rows[place] = {**self.rows[place], entry.value["column"]: entry.value["value"]}
            return
        mode = MODES.get(entry.value["mode"])
        extra = added(mode, self.view)
        self.rows[place] = mode.apply(self.rows[place], entry.value["value"], self.view)
        if extra:
            self.task = self.task or mode.tasks[0]
            fit = allowed(TASKS.get(self.task))
            roles = {name: role for name, role in self.view.roles.items() if role in fit}
            self.view = self.view.now([*self.view.columns, *extra], {**roles, **extra})
