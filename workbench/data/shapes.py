"""A file in which several kinds of conversations stand (OpenAI messages, ShareGPT, Alpaca): brought into one column, messages."""

from __future__ import annotations

from collections import Counter
from typing import Any

from workbench.core.errors import Unusable
from workbench.core.text import Text
from workbench.data.chat import conversation, is_conversation
from workbench.data.names import ROLE_OF, normal
from workbench.data.table import Refused, Table
from workbench.data.values import as_text

INSTRUCTION = ("prompt", "context", "response", "system", "history")
INTO = "messages"


def one_shape(table: Table) -> Table:
    """The table itself, unless its rows hold conversations in different columns; rows that cannot be brought along are refused."""
    turns = [name for name in table.columns if ROLE_OF.get(normal(name)) == INTO]
    asked: dict[str, str] = {}
    for name in table.columns:
        role = ROLE_OF.get(normal(name), "")
        if role in INSTRUCTION:
            asked.setdefault(role, name)
    if len(turns) + ({"prompt", "response"} <= asked.keys()) < 2:
        return table
    kinds = [_kind(row, turns, asked) for row in table.rows]
    counted = Counter(filter(None, kinds))
    return _brought(table, kinds, asked, counted) if len(counted) > 1 else table


def _kind(row: dict[str, Any], turns: list[str], asked: dict[str, str]) -> str:
    """The column that holds the conversation of a row, or the column of its prompt; empty when it holds none."""
    found = next((name for name in turns if is_conversation(row.get(name))), "")
    told = {"prompt", "response"} <= asked.keys() and as_text(row.get(asked["response"])).strip()
    return found or (asked["prompt"] if told else "")


def _brought(table: Table, kinds: list[str], asked: dict[str, str], counted: Counter[str]) -> Table:
    used = {*counted, *asked.values()}
    rest = [name for name in table.columns if name not in used and name != INTO]
    made = Table([INTO, *rest], [], list(table.refused), table.format, table.encoding, list(table.warnings))
    for index, (row, kind) in enumerate(zip(table.rows, kinds, strict=True)):
        named = {role: row.get(name) for role, name in asked.items()}
        if kind != asked.get("prompt"):
            named = {INTO: row.get(kind), "system": named.get("system")}
        try:
            made.rows.append({INTO: conversation(named, row), **{name: row.get(name) for name in rest}})
            made.lines.append(table.line(index))
        except Unusable as error:
            made.refused.append(Refused(table.line(index), error.reason, as_text(row)))
    made.refused.sort(key=lambda item: item.line)
    listed = ", ".join(f"{name} {count:,}" for name, count in counted.most_common())
    made.warnings.append(
        Text(
            f"conversations of several kinds ({listed}) were brought into one column, {INTO}",
            f"多种格式的对话（{listed}）已合并到一列 {INTO}",
        )
    )
    return made
