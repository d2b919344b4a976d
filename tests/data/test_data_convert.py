"""Rows in every shape become the rows of a task; what cannot is counted with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.task import Task
from workbench.data.convert import convert

ROLES = {"t": "text", "l": "label"}


def said(*contents: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(contents)]


def test_labels_become_stripped_text_and_texts_stay(classification: Task) -> None:
    values = [(" a ", " x "), ("b", 1), ("c", True), ("d", 2.0), ("e", 2.5)]
    made = convert([{"t": text, "l": label} for text, label in values], ROLES, ["t", "l"], classification)
    assert [row["label"] for row in made.rows] == ["x", "1", "true", "2", "2.5"]
    assert made.rows[0]["text"] == " a "
    assert made.heldout is None


def test_empty_texts_and_missing_labels_are_dropped_and_counted(classification: Task) -> None:
    rows = [{"t": "a", "l": "1"}, {"t": " ", "l": "1"}, {"t": "b", "l": None}, {"t": "c", "l": " "}, {"t": "d", "l": 0}]
    made = convert(rows, ROLES, ["t", "l"], classification)
    assert [row["text"] for row in made.rows] == ["a", "d"]
    assert [item.line for item in made.dropped] == [2, 3, 4]
    assert [note.en for note in made.notes()] == ["1 rows left out: text is empty", "2 rows left out: label is empty"]


def test_no_label_at_all_is_an_error_beside_the_roles(classification: Task) -> None:
    with pytest.raises(UserError, match="label is empty") as caught:
        convert([{"t": "a", "l": ""}], ROLES, ["t", "l"], classification)
    assert caught.value.field == "data.roles"


def test_own_heldout_rows(classification: Task) -> None:
    marks = ["train", "Validation", "test", "测试", "训练"]
    rows = [{"t": mark, "l": "1", "s": mark} for mark in marks]
    made = convert(rows, {**ROLES, "s": "split"}, ["t", "l", "s"], classification)
    assert [row["text"] for row in made.rows] == ["train", "训练"]
    assert [row["text"] for row in made.heldout or []] == ["Validation", "test", "测试"]


SHAPES: list[tuple[dict[str, Any], dict[str, str], list[dict[str, str]]]] = [
    ({"m": said("hi", "hello")}, {"m": "messages"}, said("hi", "hello")),
    ({"m": '[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]'}, {"m": "messages"}, said("hi", "yo")),
    ({"m": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}]}, {"m": "messages"}, said("hi", "yo")),
    ({"m": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, *said("", "yo")[1:]]}, {"m": "messages"}, said("hi", "yo")),
    ({"m": said("hi", "yo", "and?")}, {"m": "messages"}, said("hi", "yo")),
    ({"i": "add", "c": "1 2", "o": 3}, {"i": "prompt", "c": "context", "o": "response"}, said("add\n1 2", "3")),
    ({"i": "add", "c": "", "o": "3"}, {"i": "prompt", "c": "context", "o": "response"}, said("add", "3")),
    ({"i": "q2", "o": "a2", "h": [["q1", "a1"]]}, {"i": "prompt", "o": "response", "h": "history"}, said("q1", "a1", "q2", "a2")),
    ({"m": [*said("hi", "")[:1], {"role": "assistant", "content": "yo", "reasoning_content": "be short"}]}, {"m": "messages"}, said("hi", "<think>\nbe short\n</think>\n\nyo")),
    ({"m": [*said("hi", "")[:1], {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yo"}]}]}, {"m": "messages"}, said("hi", "<think>\nhm\n</think>\n\nyo")),
    ({"i": "q", "o": "a", "s": "be kind"}, {"i": "prompt", "o": "response", "s": "system"}, [{"role": "system", "content": "be kind"}, *said("q", "a")]),
]  # fmt: skip


@pytest.mark.parametrize(("row", "roles", "expected"), SHAPES)
def test_every_shape_of_conversation(row: dict[str, Any], roles: dict[str, str], expected: Any, chat: Task) -> None:
    assert convert([row], roles, list(row), chat).rows == [{"messages": expected}]


UNUSABLE = [
    ([{"from": "human", "value": "x"}, {"from": "function_call", "value": "{}"}, {"from": "gpt", "value": "y"}], "names no function"),
    ([{"from": "human", "value": "x"}, {"from": "function_call", "value": "go"}, {"from": "gpt", "value": "y"}], "no JSON"),
    ([{"role": "alien", "content": "x"}], "unknown speaker “alien”"),
    (said("only a question"), "no answer"),
    (said("", "an answer"), "an empty user message"),
    (said("a question", " "), "an empty assistant message"),
    ([*said("q", "a"), {"role": "system", "content": "late"}, *said("q", "a")], "system message"),
    ([{"role": "user", "content": [{"type": "image_url"}]}, *said("", "yo")[1:]], "parts that are no text"),
    ("not a list", "no list of messages"),
    (None, "no list of messages"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "reason"), UNUSABLE)
def test_what_cannot_be_learned_is_left_out_with_its_reason(messages: Any, reason: str, chat: Task) -> None:
    rows = [{"m": said("hi", "hello")}, {"m": messages}]
    made = convert(rows, {"m": "messages"}, ["m"], chat)
    assert len(made.rows) == 1
    assert made.dropped[0].line == 2
    assert reason in made.dropped[0].reason.en
    assert made.dropped[0].reason.zh


def test_rows_with_pictures_are_left_out(chat: Task) -> None:
    rows = [{"m": said("a", "b"), "images": []}, {"m": said("a", "b"), "images": ["x.png"]}]
    assert [item.line for item in convert(rows, {"m": "messages"}, ["m", "images"], chat).dropped] == [2]
