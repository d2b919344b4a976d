"""A dataset as a pandas DataFrame, and what was done to it as a script: for people who go on in a notebook.

The script is plain pandas where pandas has a word for it, and calls the workbench's own steps where it has none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library, store
from workbench.data.heldout import hold_out
from workbench.data.history import History
from workbench.data.labels import taken_back
from workbench.data.log import Entry
from workbench.data.mode import MODES, added
from workbench.data.step import Outcome, View, checked

if TYPE_CHECKING:
    import pandas as pd

Roles = dict[str, str]


def read(name: str, version: int = 0, workspace: str | Path | None = None) -> pd.DataFrame:
    """A version of a dataset; its index are the ids of the rows."""
    home = Workspace(workspace)
    found = library.find(home, name, version)
    made = _frame(range(found.meta["rows"]), found.rows(), list(found.meta["columns"]))
    made.attrs["workspace"] = str(home.root)
    return made


def step(df: pd.DataFrame, roles: Roles, kind: str, **knobs: Any) -> pd.DataFrame:
    """A cleaning step of the workbench."""
    entry, section = checked({"kind": kind, **knobs})
    home = df.attrs.get("workspace")  # where a step finds the model it names
    view = View(list(df.columns), roles, Workspace(home) if home else None)
    return _done(df, entry.apply(_rows(df), section, view), view)


def hold(df: pd.DataFrame, roles: Roles, **wish: Any) -> pd.DataFrame:
    """Rows held out; `roles` learns of the column."""
    view = View(list(df.columns), dict(roles))
    held = hold_out(_rows(df), view, wish)
    roles.update(held.roles)
    return _done(df, Outcome(held.rows, columns=held.columns), view)


def label(df: pd.DataFrame, roles: Roles, mode: str, row: int, value: dict[str, Any]) -> pd.DataFrame:
    """A label given by hand; `roles` learns of the columns it makes."""
    way = MODES.get(mode)
    view = View(list(df.columns), dict(roles))
    extra, rows = added(way, view), _rows(df)
    place = list(df.index).index(row)
    rows[place] = way.apply(rows[place], value, view)
    roles.update(extra)
    return _like(df, _frame(df.index, rows, [*view.columns, *extra]))


def digest(df: pd.DataFrame) -> str:
    """What the rows hold, as the workbench names it."""
    return store.digest(list(df.columns), _rows(df))


def _rows(df: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in df.to_dict("records")]


def _frame(ids: Any, rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], list(ids), dtype=object) for name in columns})


def _done(df: pd.DataFrame, made: Outcome, view: View) -> pd.DataFrame:
    kept = [(number, row) for number, row in zip(df.index, made.rows, strict=True) if not isinstance(row, Text)]
    fresh = max([int(df.attrs.get("fresh", 0)), *(int(number) + 1 for number in df.index)])
    ids = [*(number for number, _ in kept), *range(fresh, fresh + len(made.added))]
    return _like(df, _frame(ids, [*(row for _, row in kept), *made.added], made.seen(view).columns))


def _like(df: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    made.attrs.update(df.attrs)
    return made


def script(history: History) -> str:
    """What was done to a dataset, as Python."""
    line, base = history.log.line(), history.base
    gone, roles = taken_back(line), dict(base.meta.get("roles") or {})
    head = [
        f'"""{base.name}: what was done to it, as pandas code."""', "",
        "from workbench.data.frame import digest, hold, label, read, step", "",
        f"roles = {roles!r}",
        f"df = read({base.name!r}, version={history.root})  # {base.meta['rows']:,} rows; the index is the id of a row",
    ]  # fmt: skip
    body = [_line(entry, history) for entry in line if entry.kind != "back" and entry.seq not in gone]
    return "\n".join([*head, *body, "print(len(df), digest(df))", ""])


def _line(entry: Entry, history: History) -> str:
    by = f"  # {entry.who}" if entry.who else ""
    if entry.kind == "step":
        kind, section = checked(entry.value)
        view = history.state(entry.parent).view
        return kind.pandas(section, view) or _call(kind.kind, section)
    if entry.kind == "split":
        wish = {name: value for name, value in entry.value.items() if name != "heldout"}
        return f"df = hold(df, roles, {', '.join(f'{name}={value!r}' for name, value in wish.items())})"
    if entry.kind == "edit":
        return f"df.at[{entry.row}, {entry.value['column']!r}] = {entry.value['value']!r}{by}"
    column = next((name for name, role in history.state(entry.parent).view.roles.items() if role == "label"), "")
    if entry.value["mode"] == "choice" and column:
        return f"df.at[{entry.row}, {column!r}] = {entry.value['value']['label']!r}{by}"
    return f"df = label(df, roles, {entry.value['mode']!r}, {entry.row}, {entry.value['value']!r}){by}"


def _call(kind: str, section: Any) -> str:
    plain = section.model_dump(mode="json", exclude_defaults=True)
    knobs = "".join(f", {name}={value!r}" for name, value in plain.items() if name != "kind")
    return f"df = step(df, roles, {kind!r}{knobs})"
