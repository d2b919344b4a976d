"""Conversations in the shapes people have (OpenAI messages, ShareGPT, Alpaca) → [{"role", "content"}, …].

Tools: an assistant's calls become `tool_calls`, what a tool answered becomes a message of role `tool`, and the row's tools are
read from its column `tools`. Reasoning (a part of that type, or a key `reasoning_content`) stands before the answer between <think> and
</think>, as reasoning models write it. What it does not know: pictures, sound and video; rows that need them are refused.
Turns after the last answer teach nothing (the loss is on answers only) and are cut off.
"""

from __future__ import annotations

import json
from typing import Any

from workbench.core.errors import Unusable, shorten
from workbench.data.values import as_text

SPEAKERS = {
    "user": "user human 用户 人类 问 prompter",
    "assistant": "assistant gpt bot model chatgpt bing bard ai 助手 助理 答",
    "system": "system developer 系统",
}
ROLE = {word: role for role, words in SPEAKERS.items() for word in words.split()}
CALLS = frozenset(("function_call", "tool_call"))
REASONING = frozenset(("reasoning", "thinking", "think"))
RESULTS = frozenset(("tool", "tools", "function", "tool_response", "observation", "ipython"))
MEDIA = ("images", "image", "videos", "video", "audios", "audio")
Message = dict[str, Any]


def turns(value: Any) -> list[Any]:
    """The list of turns in a cell; JSON text of one counts too."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return value if isinstance(value, list) else []


def is_conversation(value: Any) -> bool:
    """A list of {"role", "content"} or {"from", "value"}."""
    found = turns(value)
    return bool(found) and all(isinstance(turn, dict) and _speaker(turn) and _said(turn) is not None for turn in found)


def _speaker(turn: dict[str, Any]) -> str:
    return as_text(turn.get("role") or turn.get("from")).strip().lower()


def _said(turn: dict[str, Any]) -> Any:
    content = turn.get("content")
    return turn.get("value") if content is None else content


def conversation(row: dict[str, Any], raw: dict[str, Any]) -> list[Message]:
    """Messages from a row by role names; `raw` is the same row by column names. Unusable when it cannot be trained on."""
    if any(raw.get(name) for name in MEDIA):
        raise Unusable("pictures, sound or video belong to it", "含图片、声音或视频")
    messages = _of_instruction(row) if not row.get("messages") and "prompt" in row else _of_turns(row.get("messages"))
    system = as_text(row.get("system")).strip()
    if system and messages and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    return _usable(messages)


def _of_turns(value: Any) -> list[Message]:
    found = turns(value)
    if not found:
        raise Unusable("no list of messages", "不是消息列表")
    return [_message(turn) for turn in found]


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Unusable(f"a message is no object: {shorten(turn, 30)}", f"消息不是对象：{shorten(turn, 30)}")
    speaker = _speaker(turn)
    if ROLE.get(speaker) == "assistant" and (reasoned := _reasoned(turn)):
        return reasoned
    if speaker in CALLS or turn.get("tool_calls"):
        made = calls(turn.get("tool_calls") or _said(turn))
        said = _content(turn.get("content")) if turn.get("tool_calls") else ""
        return {"role": "assistant", "content": said, "tool_calls": made}
    if speaker in RESULTS:
        return {"role": "tool", "content": _content(_said(turn))}
    if speaker not in ROLE:
        raise Unusable(f"unknown speaker “{shorten(speaker, 30)}”", f"未知的说话者“{shorten(speaker, 30)}”")
    return {"role": ROLE[speaker], "content": _content(_said(turn))}


def _reasoned(turn: dict[str, Any]) -> Message | None:
    """An answer whose reasoning, or whose calls, are parts of their own; None when it has none."""
    said = _said(turn)
    parts = [part for part in said if isinstance(part, dict)] if isinstance(said, list) else []
    kinds = {part.get("type", "text") for part in parts}
    thought = as_text(turn.get("reasoning_content")) + "".join(map(_text, _only(parts, REASONING)))
    if not thought and not kinds & CALLS:
        return None
    rest = [part for part in parts if part.get("type") not in REASONING | CALLS] if parts else said
    made: Message = {"role": "assistant", "content": _content(rest)}
    if thought:
        made["content"] = f"<think>\n{thought.strip()}\n</think>\n\n{made['content']}"
    asked = turn.get("tool_calls") or [call for part in _only(parts, CALLS) for call in calls(part.get("value", part))]
    return {**made, "tool_calls": calls(asked)} if asked else made


def _only(parts: list[dict[str, Any]], kinds: frozenset[str]) -> list[dict[str, Any]]:
    return [part for part in parts if part.get("type") in kinds]


def _text(part: dict[str, Any]) -> str:
    return as_text(next((part[name] for name in ("text", "value", "thinking", "reasoning") if part.get(name)), ""))


def calls(value: Any) -> list[dict[str, Any]]:
    """Calls in OpenAI's form from the forms people have; Unusable when they name no function."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Unusable("a tool call is no JSON", "工具调用不是 JSON") from error
    made = []
    for item in value if isinstance(value, list) else [value]:
        inner = item.get("function", item) if isinstance(item, dict) else {}
        inner = inner if isinstance(inner, dict) else {}
        arguments = inner.get("arguments", inner.get("parameters", {}))
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments)
            except (ValueError, RecursionError):
                arguments = {"input": arguments}
        if not isinstance(inner.get("name"), str) or not isinstance(arguments, dict):
            raise Unusable("a tool call names no function", "工具调用没有函数名")
        made.append({"type": "function", "function": {"name": inner["name"], "arguments": arguments}})
    return made


def tools_of(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """The tools a row offers (its column `tools`: a list, or JSON of one), in OpenAI's form; empty when there are none."""
    found = [item for item in turns(raw.get("tools")) if isinstance(item, dict)]
    return [item if "function" in item else {"type": "function", "function": item} for item in found]


def _content(said: Any) -> str:
    if not isinstance(said, list):
        return as_text(said)
    parts = [part if isinstance(part, dict) else {"type": "text", "text": part} for part in said]
    if any(part.get("type", "text") != "text" for part in parts):
        raise Unusable("a message has parts that are no text", "消息中有非文字内容")
    return "".join(map(_text, parts))


def _of_instruction(row: dict[str, Any]) -> list[Message]:
    if (
        (worked := row.get("response"))
        and isinstance(worked, list)
        and isinstance(worked[0], dict)
        and "output" in worked[0]
    ):
        row = {**row, "context": row.get("context") or worked[0].get("input"), "response": worked[0]["output"]}
    if isinstance(row.get("prompt"), (list, dict)) or isinstance(row.get("response"), (list, dict)):
        raise Unusable("prompt or response is no text", "提示或回答不是文字")
    prompt, context = as_text(row.get("prompt")), as_text(row.get("context"))
    asked = "\n".join(part for part in (prompt, context) if part.strip())
    messages = _history(row.get("history"))
    messages.append({"role": "user", "content": asked})
    messages.append({"role": "assistant", "content": as_text(row.get("response"))})
    return messages


def _history(value: Any) -> list[Message]:
    """Alpaca's history: earlier [question, answer] pairs."""
    messages: list[Message] = []
    for pair in turns(value):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unusable("history is not a list of [question, answer]", "history 不是 [问, 答] 列表")
        messages.append({"role": "user", "content": as_text(pair[0])})
        messages.append({"role": "assistant", "content": as_text(pair[1])})
    return messages


def _usable(messages: list[Message]) -> list[Message]:
    while messages and messages[-1]["role"] != "assistant":
        messages.pop()
    if not messages:
        raise Unusable("no answer to learn from", "没有可供学习的回答")
    if not any(message["role"] == "user" for message in messages):
        raise Unusable("nobody asks anything", "没有提问")
    if any(message["role"] == "system" for message in messages[1:]):
        raise Unusable("a system message that is not the first one", "系统消息不在最前")
    for message in messages:
        if not message["content"].strip() and not message.get("tool_calls"):
            raise Unusable(f"an empty {message['role']} message", f"{message['role']} 消息为空")
    return messages
