"""Rows by column names → rows by role names, the form every task takes. What is left out is counted, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import Unusable, UserError
from workbench.core.task import Row, Task
from workbench.core.text import Text
from workbench.data.chat import conversation, tools_of
from workbench.data.names import HELD_OUT, normal
from workbench.data.roles import allowed, check
from workbench.data.table import Refused, Table
from workbench.data.values import as_text

ANSWERS = ("label",)
"""Roles whose value is a name: stripped, and needed in every row that is trained on."""


@dataclass
class Converted:
    """Training rows, the dataset's own held-out rows (None when it marks none), and what was left out (row numbers)."""

    rows: list[Row]
    heldout: list[Row] | None
    dropped: list[Refused] = field(default_factory=list)

    def notes(self) -> list[Text]:
        """One sentence per reason for which rows were left out."""
        en = Counter(item.reason for item in self.dropped)
        return [
            Text(f"{count} rows left out: {reason.en}", f"略去 {count} 行：{reason.zh}") for reason, count in en.items()
        ]


def convert(rows: Iterable[dict[str, Any]], roles: dict[str, str], columns: Iterable[str], task: Task) -> Converted:
    """Every usable row for a task; UserError when the roles do not fit or no row is left."""
    check(roles, columns, task)
    made = Converted([], [] if "split" in roles.values() else None)
    for number, row in enumerate(rows, start=1):
        named = {role: row.get(column) for column, role in roles.items()}
        try:
            ready = _row(named, row, task)
        except Unusable as error:
            made.dropped.append(Refused(number, error.reason))
            continue
        own = made.heldout is not None and normal(as_text(named.get("split"))) in HELD_OUT
        (made.heldout if own and made.heldout is not None else made.rows).append(ready)
    made.heldout = made.heldout or None
    if not made.rows:
        raise _nothing(made)
    return made


def _row(named: dict[str, Any], raw: dict[str, Any], task: Task) -> Row:
    if "messages" in allowed(task):
        tools = tools_of(raw)
        return {"messages": conversation(named, raw), **({"tools": tools} if tools else {})}
    ready: Row = {}
    for role in task.roles:
        if role.name not in named:
            continue
        value = named[role.name]
        ready[role.name] = value if isinstance(value, (list, dict)) else as_text(value)
        if role.name in ANSWERS:
            ready[role.name] = as_text(value).strip()
        needed = role.required or role.name in task.one_of
        if needed and not (str(ready[role.name]).strip() and ready[role.name]):
            raise Unusable(f"{role.name} is empty", f"{role.name} 为空")
    return task.prepare(ready)


def _nothing(made: Converted) -> UserError:
    reasons = [note.reason for note in made.dropped] or [Text("every row is marked held-out", "所有行都标为留出")]
    why = Counter(reasons).most_common(1)[0][0]
    return UserError(
        f"data.roles: no row can be trained on ({why.en}). Choose other columns or complete the data.",
        f"data.roles：没有可用于训练的行（{why.zh}）。请改选列或补全数据。",
        field="data.roles",
    )


def refuse_empty(table: Table, roles: dict[str, str]) -> Table:
    """The table without rows whose text, prompt, response or conversation is empty; each is counted with its line."""
    needed = [column for column, role in roles.items() if role in ("text", "prompt", "response", "messages")]
    reasons = {
        index: Text(f"{roles[column]} is empty (column “{column}”)", f"{roles[column]} 为空（“{column}”列）")
        for index, row in enumerate(table.rows)
        for column in reversed(needed)
        if not as_text(row.get(column)).strip() or row.get(column) == []
    }
    return table.refuse(reasons) if reasons else table
