"""What may be asked of the server, in OpenAI's words: every field is checked, an unsupported one is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import shorten

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
USUAL_TOKENS = 2048
"""An answer's length at most, where none is asked for and the context allows it."""
IGNORED = {"user", "model", "stop", "stream", "stream_options"}
LONGEST_STOP = 200
"""Characters of a stop string."""
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,), "best_of": (1,), "echo": (False,), "tools": ([],), "response_format": ({"type": "text"},), "logit_bias": ({},),
    "parallel_tool_calls": (True,), "tool_choice": ("none",), "modalities": (["text"],), "service_tier": ("auto",),
    "store": (False,), "metadata": ({},),
}  # fmt: skip
NUMBERS: dict[str, tuple[type, float, float]] = {
    "temperature": (float, 0, 2), "top_p": (float, 0, 1), "top_k": (int, 0, 10**9), "min_p": (float, 0, 1),
    "repetition_penalty": (float, 0.01, 10), "presence_penalty": (float, -2, 2), "frequency_penalty": (float, -2, 2),
    "max_tokens": (int, 1, 10**9), "max_completion_tokens": (int, 1, 10**9), "seed": (int, -(2**63), 2**63 - 1),
    "top_logprobs": (int, 0, 20),
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
    """A checked request for a chat completion, or for a completion where `prompt` is given."""

    model: str
    messages: list[dict[str, str]] = field(default_factory=list)
    prompt: str | None = None
    stream: bool = False
    usage: bool = False
    logprobs: bool = False
    stop: list[str] = field(default_factory=list)
    max_tokens: int = USUAL_TOKENS
    sampling: dict[str, Any] = field(default_factory=dict)
    """Numbers by their names: temperature, seed …"""


def chat_request(body: Any, models: list[str]) -> ChatRequest:
    """The request in `body`, or Refused."""
    common = _common(body, models, {"messages", "logprobs"})
    logprobs = _flag(body, "logprobs")
    if common["sampling"].get("top_logprobs") and not logprobs:
        raise Refused("“top_logprobs” needs “logprobs”: true.", "top_logprobs")
    return ChatRequest(messages=_messages(body.get("messages")), logprobs=logprobs, **common)


def completion_request(body: Any, models: list[str]) -> ChatRequest:
    """The request for text that goes on, or Refused."""
    common = _common(body, models, {"prompt", "logprobs"})
    prompt, likely = body.get("prompt"), body.get("logprobs")
    if likely is not None:
        common["sampling"]["top_logprobs"] = _number("top_logprobs", likely)
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise Refused("“prompt” must be one text that is not empty.", "prompt")
    return ChatRequest(prompt=prompt, logprobs=likely is not None, **common)


def _common(body: Any, models: list[str], own: set[str]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    for name, value in body.items():
        if value is not None and name not in IGNORED | own and name not in NUMBERS:
            _check_unsupported(name, value)
    if not isinstance(body.get("user") or "", str):
        raise Refused("“user” must be text.", "user")
    numbers: dict[str, Any] = {name: _number(name, body[name]) for name in NUMBERS if body.get(name) is not None}
    longer = numbers.pop("max_completion_tokens", USUAL_TOKENS)
    return {
        "model": model_name(body, models), "stream": _flag(body, "stream"), "usage": _usage(body),
        "stop": _stops(body.get("stop")), "max_tokens": numbers.pop("max_tokens", longer), "sampling": numbers,
    }  # fmt: skip


def _usage(body: dict[str, Any]) -> bool:
    options = {} if body.get("stream_options") is None else body["stream_options"]
    if not isinstance(options, dict):
        raise Refused("“stream_options” must be an object.", "stream_options")
    for name, value in options.items():
        if name != "include_usage" and value not in (None, False):
            _check_unsupported(f"stream_options.{name}", value)
    return _flag(options, "include_usage")


def _check_unsupported(name: str, value: Any) -> None:
    if not any(value == usual and type(value) is type(usual) for usual in NEUTRAL.get(name, ())):
        said = shorten(name, 60)
        raise Refused(f"“{said}” is not supported by this server.", said, code="unsupported_parameter")


def model_name(body: dict[str, Any], models: list[str]) -> str:
    """The model asked for, one of those there are."""
    name = body.get("model")
    if name not in models:
        there = ", ".join(models[:20]) + (" …" if len(models) > 20 else "")
        raise Refused(f"There is no model “{shorten(name, 80)}”; there is {there}.", "model", 404, "model_not_found")
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
    stops = [value] if isinstance(value, str) else [] if value is None else value
    sound = isinstance(stops, list) and all(isinstance(item, str) and 0 < len(item) <= LONGEST_STOP for item in stops)
    if not sound or len(stops) > 4:
        raise Refused(f"“stop” must be a string or a list of at most 4 strings of 1–{LONGEST_STOP} characters.", "stop")
    return stops


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value:
        raise Refused("“messages” must be a list with at least one message.", "messages")
    return [_message(item, f"messages.{index}") for index, item in enumerate(value)]


def _message(item: Any, where: str) -> dict[str, str]:
    if not isinstance(item, dict) or not isinstance(item.get("role"), str) or item["role"] not in ROLES:
        raise Refused(f"{where} must have a role: {', '.join(ROLES)}.", where)
    for name, value in item.items():
        if name not in ("role", "content") and value not in (None, []):
            _check_unsupported(f"{where}.{name}", value)
    content = item.get("content")
    if isinstance(content, list) and all(map(_is_text, content)):
        content = "".join(part["text"] for part in content)
    if not isinstance(content, str):
        raise Refused(f"{where}.content must be text.", f"{where}.content")
    return {"role": ROLES[item["role"]], "content": content}


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


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
