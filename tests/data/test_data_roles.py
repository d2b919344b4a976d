"""Columns are understood as people call them, with a reason; roles that cannot feed a task are refused beside data.roles."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.task import Task
from workbench.data.roles import check, guess
from workbench.data.table import Table

TURNS = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
MESSAGES = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
LONG = [f"a sentence that is number {number}" for number in range(12)]


def table(**columns: list[Any]) -> Table:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return Table(list(columns), rows)


CASES = [
    ("text-classification", {"text": "text", "label": "label"}, table(text=LONG, label=["a", "b"] * 6)),
    ("text-classification", {"Review": "text", "Sentiment": "label"}, table(Review=LONG, Sentiment=["a", "b"] * 6)),
    ("text-classification", {"评论": "text", "情感": "label"}, table(评论=LONG, 情感=["好", "差"] * 6)),
    ("text-classification", {"x": "text", "y": "label"}, table(x=LONG, y=[0, 1] * 6)),
    ("text-classification", {"content": "text", "label": "label"}, table(id=list(range(12)), title=LONG, content=[x * 9 for x in LONG], label=[True, False] * 6)),
    ("text-classification", {"premise": "text", "hypothesis": "text_pair", "label": "label"}, table(premise=LONG, hypothesis=LONG, label=["0", "1"] * 6)),
    ("text-classification", {"question": "text", "category": "label"}, table(question=LONG, category=["a", "b"] * 6)),
    ("text-classification", {"text": "text", "label": "label", "split": "split"}, table(text=LONG, label=["a", "b"] * 6, split=["train"] * 8 + ["test"] * 4)),
    ("chat", {"指令": "prompt", "输出": "response"}, table(指令=LONG, 输出=LONG)),
    ("chat", {"instruction": "prompt", "input": "context", "output": "response", "system": "system", "history": "history"}, table(instruction=LONG, input=[""] * 12, output=LONG, system=LONG, history=[[]] * 12)),
    ("chat", {"input": "prompt", "output": "response"}, table(input=LONG, output=LONG)),
    ("chat", {"question": "prompt", "answer": "response"}, table(question=LONG, answer=["yes", "no"] * 6)),
    ("chat", {"conversations": "messages", "system": "system"}, table(conversations=[TURNS] * 3, system=["be kind"] * 3)),
    ("chat", {"anything": "messages"}, table(anything=[MESSAGES] * 3, label=[True, False, True])),
    (None, {}, table(number=list(range(12)), price=[x / 7 for x in range(12)])),
]  # fmt: skip


@pytest.mark.parametrize(("task", "roles", "given"), CASES)
def test_roles_are_guessed(task: str | None, roles: dict[str, str], given: Table) -> None:
    found = guess(given)
    assert (found.task, found.roles) == (task, roles)
    assert list(found.reasons) == given.columns
    assert all(reason.en and reason.zh for reason in found.reasons.values())


def test_a_column_called_label_that_holds_long_texts_is_no_label() -> None:
    assert "label" not in guess(table(text=LONG, target=[text * 5 for text in LONG])).roles.values()


COLUMNS = ["text", "label", "other"]


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({"txt": "text", "label": "label"}, "no column “txt”"),
        ({"text": "text"}, "needs a column for: label"),
        ({}, "needs a column for: text, label"),
        ({"text": "text", "other": "text", "label": "label"}, "given to 2 columns"),
        ({"text": "text", "label": "wisdom"}, "“wisdom” is no role here"),
    ],
)
def test_roles_that_cannot_work_are_refused(roles: dict[str, str], expected: str, classification: Task) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        check(roles, COLUMNS, classification)
    assert caught.value.field == "data.roles"
    assert caught.value.text.zh


@pytest.mark.parametrize("roles", [{"text": "messages"}, {"text": "prompt", "label": "response", "other": "context"}])
def test_chat_takes_messages_or_prompt_and_response(roles: dict[str, str], chat: Task) -> None:
    check(roles, COLUMNS, chat)


def test_chat_without_answers_is_refused(chat: Task) -> None:
    with pytest.raises(UserError, match="messages, or prompt and response"):
        check({"text": "prompt"}, COLUMNS, chat)
