"""What a serving process says, line by line, and why it refuses. No connection is made here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.text import Text


class Busy(UserError):
    """The queue is full: the same question may be answered a moment later."""


class TooLong(UserError):
    """More than the model can read at once."""


@dataclass(frozen=True)
class Told:
    """What a stream says: text with the tokens it came with; why it ended; tokens used; or the place in the queue (and for whom it waits)."""

    text: str = ""
    tokens: tuple[dict[str, Any], ...] = ()
    reason: str | None = None
    usage: dict[str, int] | None = None
    place: int = 0
    away: str = ""


def told(line: str) -> Told | None:
    """A line of a stream; None for one that says nothing new. UserError where the server says that it failed."""
    if line.startswith(": place "):
        place, _, away = line.removeprefix(": place ").partition(" ")
        return Told(place=int(place), away=away)
    data = line.removeprefix("data: ")
    if not line.startswith("data: ") or data == "[DONE]":
        return None
    chunk = json.loads(data)
    if "error" in chunk:
        raise refusal(chunk)
    if not chunk["choices"]:
        return Told(usage=chunk.get("usage"))
    choice = chunk["choices"][0]
    text = choice["text"] if "text" in choice else choice["delta"].get("content") or ""
    tokens = _tokens(choice.get("logprobs") or {})
    reason = choice.get("finish_reason")
    return Told(text, tokens, reason) if text or tokens or reason else None


def _tokens(told: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Tokens with their probabilities, in the form of a conversation, whichever form they came in."""
    if "tokens" not in told:
        return tuple(told.get("content") or ())
    return tuple(
        {"token": token, "logprob": value, "top_logprobs": [{"token": t, "logprob": v} for t, v in tops.items()]}
        for token, value, tops in zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True)
    )


def refusal(body: Any) -> UserError:
    inner = body.get("error") if isinstance(body, dict) else None
    facts = inner if isinstance(inner, dict) else {}
    message = shorten(facts.get("message", body), 300)
    chinese = {
        "busy": Text("", "模型正忙，排队的请求已满，请稍后再试。"),
        "no_room": Text("", "内存不足，无法在基础模型之外再载入这个模型；请单独启动它，或调大 --room。"),
        "context_length_exceeded": Text("", "对话太长，超出模型的上下文长度；请缩短后再试。"),
    }.get(str(facts.get("code")), Text("", f"模型服务拒绝了请求：{message}"))
    kind = {"busy": Busy, "context_length_exceeded": TooLong}.get(str(facts.get("code")), UserError)
    return kind(message, chinese.zh, field=facts.get("param"))
