"""What columns mean: guessed from names and content, each guess with its reason, and checked against a task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from workbench.core.errors import UserError, shorten
from workbench.core.task import TASKS, Role, Task
from workbench.core.text import Text
from workbench.data.chat import is_conversation
from workbench.data.column import Column
from workbench.data.names import normal
from workbench.data.table import Table

PROBE = 2000
CLASSIFICATION = "text-classification"
CHAT = "chat"
READING = "text-generation"
DOCUMENTS = ("text", "markdown", "html", "pdf", "docx")
EXTRA = ("split",)
"""Roles every task accepts beside its own."""
CHAT_ROLES = ("messages", "prompt", "context", "response", "system", "history")


@dataclass(frozen=True)
class Guess:
    """The likely task, the role of each column that has one, and for every column the reason."""

    task: str | None
    roles: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, Text] = field(default_factory=dict)


def guess(table: Table) -> Guess:
    """The likely task and roles of a table; a guess to be confirmed, never a requirement to rename."""
    columns = [Column(name, [row.get(name) for row in table.rows[:PROBE]]) for name in table.columns]
    found = (
        _by_roles(columns)
        or _messages(columns)
        or _instruction(columns)
        or _prose(table, columns)
        or _unnamed(columns)
        or _classification(columns)
        or _by_name(columns)
    )
    roles, reasons = dict(found.roles), dict(found.reasons)
    for column in columns:
        if column.named == "split" and column.is_split and column.name not in roles:
            roles[column.name] = "split"
            reasons[column.name] = Text(
                f"marks training and held-out rows: {column.says()}", f"标明训练与留出行：{column.says()}"
            )
    unused = Text("not needed for this task", "此任务用不到")
    ordered = {name: roles[name] for name in table.columns if name in roles}
    return Guess(found.task, ordered, {name: reasons.get(name, unused) for name in table.columns})


def _by_roles(columns: list[Column]) -> Guess | None:
    """The first task all of whose required roles have a column of that name and kind."""
    for task in TASKS.all():
        held = {role.name: next((c for c in columns if _holds(c, role)), None) for role in task.roles if role.names}
        needed = [role.name for role in task.roles if role.required]
        if needed and all(held.get(name) for name in needed):
            columns_of = {role: column for role, column in held.items() if column}
            reasons = {column.name: _named(column, role) for role, column in columns_of.items()}
            return Guess(task.kind, {column.name: role for role, column in columns_of.items()}, reasons)
    return None


def _holds(column: Column, role: Role) -> bool:
    """Called like the role, and holding what it asks for."""
    if normal(column.name) not in {normal(name) for name in role.names.split()}:
        return False
    lists = any(isinstance(value, (list, dict)) for value in column.values)
    return {"text": column.is_text and not lists, "list": lists or column.is_text}.get(role.looks, True)


def _named(column: Column, role: str) -> Text:
    return Text(f"its name means “{role}”", f"列名的含义是“{role}”")


def _messages(columns: list[Column]) -> Guess | None:
    for column in columns:
        values = [value for value in column.values[:50] if value is not None]
        if sum(map(is_conversation, values)) * 2 > len(values):
            roles = {column.name: "messages"}
            reasons = {
                column.name: Text(
                    "lists of turns, each with who speaks and what is said", "是对话轮次的列表，含说话者与内容"
                )
            }
            _take_system(columns, roles, reasons)
            return Guess(CHAT, roles, reasons)
    return None


def _take_system(columns: list[Column], roles: dict[str, str], reasons: dict[str, Text]) -> None:
    for column in columns:
        if column.named == "system" and column.is_text and "system" not in roles.values():
            roles[column.name], reasons[column.name] = "system", _named(column, "system")


def _instruction(columns: list[Column]) -> Guess | None:
    """Alpaca and its kin: an instruction or question, perhaps an input, and an answer."""
    wanted: dict[str, Column] = {}
    for column in columns:
        wordy = column.is_text or column.named in ("context", "history") or column.is_turns
        if column.named in CHAT_ROLES and wordy:
            wanted.setdefault(column.named, column)
    if "prompt" not in wanted and "context" in wanted and "response" in wanted:
        wanted["prompt"] = wanted.pop("context")
    if "prompt" not in wanted or "response" not in wanted:
        return None
    roles = {column.name: role for role, column in wanted.items() if role != "messages"}
    reasons = {column.name: _named(column, role) for role, column in wanted.items()}
    return Guess(CHAT, roles, reasons)


def _prose(table: Table, columns: list[Column]) -> Guess | None:
    """A document: its texts are to be read on."""
    text = next((column for column in columns if column.name == "text"), None)
    if table.format not in DOCUMENTS or text is None:
        return None
    return Guess(READING, {"text": "text"}, {"text": Text("the text of a document", "文档中的文字")})


def _unnamed(columns: list[Column]) -> Guess | None:
    """A table without a header: two texts and a number between them, or a long text and a short one that stands for it."""
    if not all(column.name.startswith("column_") for column in columns):
        return None
    wordy = [column for column in columns if column.is_text and len(set(column.filled)) > 1]
    scales = [column for column in columns if column.is_numbers]
    if len(wordy) != 2 or len(scales) > 1 or any(column.is_label for column in columns):
        return None
    first, second = sorted(wordy, key=lambda column: -column.mean)
    if scales:
        pair = sorted(wordy, key=columns.index)
        roles = {pair[0].name: "text", pair[1].name: "text_pair", scales[0].name: "score"}
        reasons = {
            scales[0].name: Text(f"numbers on a scale: {scales[0].says()} …", f"连续的数值：{scales[0].says()} …")
        }
        return Guess(CLASSIFICATION, roles, {**{c.name: _about(c) for c in pair}, **reasons})
    if first.mean < 3 * second.mean:
        return None
    return Guess("summarization", {first.name: "text", second.name: "summary"}, {c.name: _about(c) for c in wordy})


def _about(column: Column) -> Text:
    mean = round(column.mean)
    return Text(f"text of {mean} characters on average", f"平均 {mean} 个字符的文字")


def _classification(columns: list[Column]) -> Guess | None:
    label = _label(columns)
    if several := next((column for column in columns if column.named == "label" and column.is_lists), None):
        label = several, Text("lists of labels", "标签列表")
    elif scored := next((column for column in columns if column.is_scale), None):
        label = scored, Text(f"numbers on a scale: {scored.says()} …", f"连续的数值：{scored.says()} …")
    if label is None:
        return None
    others = [
        column
        for column in columns
        if column is not label[0] and (column.is_text or (column.named == "text" and not column.filled))
    ]
    pair = _pair(others)
    texts = pair or _text(others)
    if not texts:
        return None
    answer = "labels" if label[0].is_lists else "score" if label[0].is_scale else "label"
    roles = {label[0].name: answer, **{column.name: role for column, role in texts}}
    reasons = {label[0].name: label[1]}
    for column, role in texts:
        reasons[column.name] = _named(column, role) if column.named == role else _about(column)
    return Guess(CLASSIFICATION, roles, reasons)


def _by_name(columns: list[Column]) -> Guess:
    """No task is complete: still say what the names tell, so that only the rest must be chosen."""
    roles: dict[str, str] = {}
    for column in columns:
        fits = column.may_be_label if column.named == "label" else column.is_text or not column.filled
        if column.named in ("text", "label", "prompt", "response") and column.named not in roles.values() and fits:
            roles[column.name] = column.named
    return Guess(None, roles, {column.name: _named(column, column.named) for column in columns if column.name in roles})


def _label(columns: list[Column]) -> tuple[Column, Text] | None:
    for column in columns:
        if column.named == "label" and column.may_be_label:
            return column, _named(column, "label")
    few = [column for column in columns if column.is_label and column.named in ("", "label", "response")]
    if not few:
        return None
    column = min(few, key=lambda found: (len(set(found.filled)), columns.index(found)))
    count, values = len(set(column.filled)), column.says()
    return column, Text(f"{count} different short values: {values} …", f"{count} 种不同的短取值：{values} …")


def _pair(texts: list[Column]) -> list[tuple[Column, str]]:
    second = next((column for column in texts if column.named == "text_pair"), None)
    first = next((column for column in texts if column.named == "text"), None)
    if second is None or first is None:
        return []
    return [(first, "text"), (second, "text_pair")]


def _text(texts: list[Column]) -> list[tuple[Column, str]]:
    """The longest of the columns called like a text, else the longest text there is."""
    known = [column for column in texts if column.named in ("text", "prompt", "context", "text_pair")]
    chosen = known or [column for column in texts if not column.is_label] or texts
    return [(max(chosen, key=lambda column: column.mean), "text")] if chosen else []


def allowed(task: Task) -> list[str]:
    """The roles a column may have for a task."""
    own = [role.name for role in task.roles]
    chat = [role for role in CHAT_ROLES if role not in own] if "messages" in own else []
    return [*own, *chat, *(role for role in EXTRA if role not in own)]


def check(roles: dict[str, str], columns: Iterable[str], task: Task) -> None:
    """UserError when these roles cannot feed the task: an unknown column or role, one given twice, one missing."""
    present, known = list(columns), allowed(task)
    listed = ", ".join(shorten(column, 30) for column in present[:20])
    for column, role in roles.items():
        if column not in present:
            raise _wrong(
                f"there is no column “{shorten(column)}”; the columns are: {listed}.",
                f"没有“{shorten(column)}”列；现有列：{listed}。",
            )
        if role not in known:
            raise _wrong(
                f"column “{shorten(column)}”: “{shorten(role)}” is no role here; use one of: {', '.join(known)}.",
                f"“{shorten(column)}”列：“{shorten(role)}”不是可用的角色；可用：{', '.join(known)}。",
            )
    _check_twice(roles)
    _check_missing(roles, listed, task)


def _wrong(en: str, zh: str) -> UserError:
    return UserError(f"data.roles: {en}", f"data.roles：{zh}", field="data.roles")


def _check_twice(roles: dict[str, str]) -> None:
    for role in dict.fromkeys(roles.values()):
        holders = [column for column, held in roles.items() if held == role]
        if len(holders) > 1:
            names = ", ".join(holders)
            raise _wrong(
                f"the role {role} is given to {len(holders)} columns ({shorten(names)}); give it to one.",
                f"角色 {role} 被指派给 {len(holders)} 列（{shorten(names)}）；请只保留一列。",
            )


def _check_missing(roles: dict[str, str], listed: str, task: Task) -> None:
    held = set(roles.values())
    if "messages" in allowed(task):
        if "messages" in held or {"prompt", "response"} <= held:
            return
        needed, missing = "messages, or prompt and response", "messages，或 prompt 与 response"
    else:
        required = [role.name for role in task.roles if role.required and role.name not in held]
        choices = " / ".join(task.one_of)
        if len(held & set(task.one_of)) > 1:
            raise _wrong(f"only one of {choices} may have a column.", f"{choices} 中只能有一个指定列。")
        if task.one_of and not held & set(task.one_of):
            required.append(choices)
        if not required:
            return
        needed = missing = ", ".join(required)
    raise _wrong(
        f"{task.label.en} needs a column for: {needed}. Give one of the columns that role: {listed}.",
        f"{task.label.zh}需要指定列：{missing}。请从现有列中指派：{listed}。",
    )
