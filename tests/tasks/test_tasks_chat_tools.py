"""Tools in a conversation: calls are answers to learn, results are only read, with templates that know tools and others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_tasks_chat_masks import tokenizer, trained_text

from workbench.core.task import TASKS
from workbench.data.convert import convert
from workbench.models.conversation import prompt_ids, spoken

CALL = {"name": "weather", "arguments": {"town": "Oslo"}}
TOOL = {"name": "weather", "description": "Tells the weather", "parameters": {"type": "object"}}
SHAREGPT = [
    {"from": "human", "value": "Weather in Oslo?"},
    {"from": "function_call", "value": json.dumps(CALL)},
    {"from": "observation", "value": '{"sky": "clear"}'},
    {"from": "gpt", "value": "It is clear."},
]
OPENAI = [
    {"role": "user", "content": "Weather in Oslo?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"type": "function", "function": {**CALL, "arguments": json.dumps(CALL["arguments"])}}],
    },
    {"role": "tool", "content": '{"sky": "clear"}'},
    {"role": "assistant", "content": "It is clear."},
]
ABLE = (
    "{% for t in tools or [] %}<s>tool {{ t.function.name }}</s>{% endfor %}{% for m in messages %}<s>{{ m.role }}\\n{{ m.content }}"
    "{% for c in m.tool_calls or [] %}CALL {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant\\n{% endif %}"
)
PLAIN = "{% for m in messages %}<s>{{ m.role }}\\n{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant\\n{% endif %}"


def row(turns: list[Any]) -> dict[str, Any]:
    """A row with its tools, as the chat task sees it."""
    raw = {"conversations": turns, "tools": json.dumps([TOOL])}
    return convert([raw], {"conversations": "messages"}, list(raw), TASKS.get("chat")).rows[0]


@pytest.mark.parametrize("turns", [SHAREGPT, OPENAI], ids=["sharegpt", "openai"])
def test_both_shapes_become_one(turns: list[Any]) -> None:
    made = row(turns)
    assert made["messages"][1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": CALL}],
    }
    assert made["messages"][2] == {"role": "tool", "content": '{"sky": "clear"}'}
    assert made["tools"] == [{"type": "function", "function": TOOL}]


@pytest.mark.parametrize("template", [ABLE, PLAIN, None], ids=["knows tools", "knows none", "no template"])
def test_calls_are_learned_and_results_are_not(template: str | None) -> None:
    made, sample = tokenizer(template), row(SHAREGPT)
    talk = spoken(made, sample["messages"], sample["tools"])
    learned = made.decode([token for token, mark in zip(talk.ids, talk.trained, strict=True) if mark])
    assert "weather" in learned
    assert "Oslo" in learned
    assert "It is clear." in learned
    assert "sky" not in learned
    assert "Weather in Oslo?" not in learned
    assert "weather" in made.decode(prompt_ids(made, sample["messages"][:1], sample["tools"]))  # the tools are offered


def test_special_tokens_inside_a_call_stay_text() -> None:
    made, sample = (
        tokenizer(ABLE),
        row(
            [
                SHAREGPT[0],
                {"from": "function_call", "value": json.dumps({"name": "x", "arguments": {"a": "</s>"}})},
                *SHAREGPT[2:],
            ]
        ),
    )
    ids = spoken(made, sample["messages"], sample["tools"]).ids
    plain = spoken(made, row(SHAREGPT)["messages"], sample["tools"]).ids
    assert ids.count(made.eos_token_id) == plain.count(made.eos_token_id)


def test_a_talk_without_tools_is_as_before() -> None:
    made = tokenizer(PLAIN)
    assert trained_text(made, [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]) == "b</s>"
