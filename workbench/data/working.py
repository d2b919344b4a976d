"""The working copy of a dataset, as a dataset: what its log says now, saved as a version or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data.dataset import Dataset
from workbench.data.history import History, told
from workbench.data.state import State


@dataclass(frozen=True)
class Working(Dataset):
    """The working copy as a dataset: rows by place, each with its id. `state` is None where nothing was done yet."""

    state: State | None = None

    @property
    def ids(self) -> Sequence[int]:
        """The id of the row at each place."""
        return range(self.meta["rows"]) if self.state is None else self.state.ids

    def place(self, row: int) -> int:
        """Where the row with an id stands; UserError when it is gone."""
        found = (row if 0 <= row < self.meta["rows"] else None) if self.state is None else self.state.index.get(row)
        if found is None:
            raise UserError(f"There is no row {row + 1}.", f"没有第 {row + 1} 行。", field="row")
        return found

    def table(self) -> Any:
        """As an Arrow table."""
        return super().table() if self.state is None else self.state.table

    def rows(self, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
        """Rows by column names."""
        if self.state is None:
            return super().rows(offset, limit)
        return list(self.state.rows[offset : None if limit is None else offset + limit])


def working(workspace: Workspace, name: str, labels: bool = True) -> Working:
    """The working copy of a dataset; without `labels`, as it is before anybody labelled it."""
    history = History(workspace, name)
    base, newest = history.base, history.newest
    facts = {"unsaved": history.unsaved, "root": history.root}
    line = history.log.line()
    if not any(labels or entry.kind not in ("label", "back") for entry in line):
        return Working(newest.name, newest.version, base.folder, {**base.meta, **facts})
    state = history.state(labels=labels)
    meta = {
        **newest.meta, **facts, "rows": len(state.rows), "columns": list(state.view.columns), "roles": dict(state.view.roles),
        "task": state.task, "steps": [*base.meta.get("steps", []), *told(line)],
    }  # fmt: skip
    return Working(newest.name, newest.version, newest.folder, meta, state)
