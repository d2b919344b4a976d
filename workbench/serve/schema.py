"""What may be asked of the server, in OpenAI's words: every field is checked, an unsupported one is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MOST_TOKENS = 1024
IGNORED = {"user", "store", "metadata", "stream_options", "model", "messages", "stop", "stream"}
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,), "logprobs": (False,), "tools": ([],), "presence_penalty": (0,), "frequency_penalty": (0,),
    "response_format": ({"type": "text"},), "logit_bias": ({},),
}  # fmt: skip
NUMBERS: dict[str, tuple[type, float, float]] = {
    "temperature": (float, 0, 2), "top_p": (float, 0, 1), "repetition_penalty": (float, 0.01, 10),
    "max_tokens": (int, 1, 10**9), "max_completion_tokens": (int, 1, 10**9), "seed": (int, -(2**63), 2**63 - 1),
}  # fmt: skip


class Refused(Exception):
    """A request that is answered with an error in OpenAI's shape."""

    def __init__(self, message: str, param: str | None = None, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.param, self.status, self.code = message, param, status, code

    def body(self) -> dict[str, Any]:
        """{"error": {...}} as OpenAI's clients read it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


@dataclass(frozen=True)
class ChatRequest:
    """A checked chat completion request."""

    model: str
    messages: list[dict[str, str]]
    stream: bool = False
    usage: bool = False
    stop: list[str] = field(default_factory=list)
    temperature: float = 1.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 256
    seed: int | None = None


def chat_request(body: Any, models: list[str]) -> ChatRequest:
    """The request in `body`, or Refused."""
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    for name, value in body.items():
        if value is not None and name not in IGNORED and name not in NUMBERS:
            _check_unsupported(name, value)
    numbers: dict[str, Any] = {name: _number(name, body[name]) for name in NUMBERS if body.get(name) is not None}
    tokens = numbers.pop("max_completion_tokens", None)
    numbers["max_tokens"] = min(MOST_TOKENS, int(numbers.get("max_tokens", tokens or 256)))
    options = body.get("stream_options") or {}
    return ChatRequest(
        model=model_name(body, models),
        messages=_messages(body.get("messages")),
        stream=_flag(body, "stream"),
        usage=isinstance(options, dict) and bool(options.get("include_usage")),
        stop=_stops(body.get("stop")),
        **numbers,
    )


def _check_unsupported(name: str, value: Any) -> None:
    if value not in NEUTRAL.get(name, ()):
        raise Refused(f"“{name}” is not supported by this server.", name, code="unsupported_parameter")


def model_name(body: dict[str, Any], models: list[str]) -> str:
    """The model asked for, one of those there are."""
    name = body.get("model")
    if name not in models:
        raise Refused(f"There is no model {name!r}; there is {', '.join(models)}.", "model", 404, "model_not_found")
    return str(name)


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(f"“{name}” must be true or false.", name)
    return bool(value)


def _number(name: str, value: Any) -> float | int:
    kind, low, high = NUMBERS[name]
    fits = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        noun = "a whole number" if kind is int else "a number"
        raise Refused(f"“{name}” must be {noun} from {low:g} to {high:g}.", name)
    return kind(value)


def _stops(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value or []
    if not isinstance(stops, list) or len(stops) > 4 or not all(isinstance(item, str) and item for item in stops):
        raise Refused("“stop” must be a string or a list of at most 4 strings, none empty.", "stop")
    return stops


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value:
        raise Refused("“messages” must be a list with at least one message.", "messages")
    return [_message(item, f"messages.{index}") for index, item in enumerate(value)]


def _message(item: Any, where: str) -> dict[str, str]:
    if not isinstance(item, dict) or item.get("role") not in ROLES:
        raise Refused(f"{where} must have a role: {', '.join(ROLES)}.", where)
    content = item.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str):
        raise Refused(f"{where}.content must be text.", f"{where}.content")
    return {"role": ROLES[item["role"]], "content": content}


def attempt_request(body: Any, models: list[str], roles: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The model and what was typed, by the task's roles; or Refused."""
    fields = body.get("fields") if isinstance(body, dict) else None
    sound = isinstance(fields, dict) and all(isinstance(fields.get(role, ""), str) for role in roles)
    if not isinstance(fields, dict) or not sound or not fields.get(roles[0], "").strip():
        raise Refused(f"“fields” must be an object with a text for {roles[0]} (of: {', '.join(roles)}).", "fields")
    return model_name(body, models), {role: fields[role] for role in roles if fields.get(role, "").strip()}


def classify_request(body: Any, models: list[str]) -> tuple[str, list[dict[str, str]]]:
    """The model and the texts to classify, or Refused."""
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    rows = body.get("input")
    sound: Callable[[Any], bool] = lambda row: (  # noqa: E731
        isinstance(row, dict) and isinstance(row.get("text"), str) and isinstance(row.get("text_pair", ""), str)
    )
    if not isinstance(rows, list) or not 0 < len(rows) <= 256 or not all(sound(row) for row in rows):
        raise Refused('“input” must be a list of 1–256 objects {"text": …, "text_pair"?: …}.', "input")
    return model_name(body, models), rows
