"""Conversations in the shapes people have (OpenAI messages, ShareGPT, Alpaca) → [{"role", "content"}, …].

What it does not know: tool calls, pictures and reasoning parts; rows that need them are refused with that reason.
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
TOOLS = frozenset(
    ("tool", "tools", "function", "function_call", "tool_call", "tool_response", "observation", "ipython")
)
MEDIA = ("images", "image", "videos", "video", "audios", "audio")
Message = dict[str, str]


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
    if speaker in TOOLS or turn.get("tool_calls"):
        raise Unusable("it calls tools, which this task does not teach", "含工具调用，此任务不支持")
    if speaker not in ROLE:
        raise Unusable(f"unknown speaker “{shorten(speaker, 30)}”", f"未知的说话者“{shorten(speaker, 30)}”")
    return {"role": ROLE[speaker], "content": _content(_said(turn))}


def _content(said: Any) -> str:
    if not isinstance(said, list):
        return as_text(said)
    parts = [part if isinstance(part, dict) else {"type": "text", "text": part} for part in said]
    if any(part.get("type", "text") != "text" for part in parts):
        raise Unusable("a message has parts that are no text", "消息中有非文字内容")
    return "".join(as_text(part.get("text") or part.get("value")) for part in parts)


def _of_instruction(row: dict[str, Any]) -> list[Message]:
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
        if not message["content"].strip():
            raise Unusable(f"an empty {message['role']} message", f"{message['role']} 消息为空")
    return messages
