"""Requests are checked field by field; text never comes in broken halves."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.serve.decode import Decoder
from workbench.serve.schema import Refused, chat_request, classify_request, completion_request

HELLO = {"model": "base", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2), ("logprobs", "yes"), ("top_logprobs", 3), ("tools", [{}]), ("response_format", {"type": "json_object"}), ("best_of", 3),
        ("temperature", "hot"), ("temperature", 3), ("temperature", True), ("top_p", -1), ("max_tokens", 0),
        ("max_tokens", 1.5), ("seed", "x"), ("stop", 5), ("stop", [""]), ("messages", []), ("stream", "yes"),
        ("temperature", float("nan")), ("logit_bias", {"5": 1}), ("made_up", 1), ("top_k", -1), ("presence_penalty", 3),
        ("min_p", 2), ("audio", {}), ("stream_options", "x"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(name: str, value: Any) -> None:
    with pytest.raises(Refused) as caught:
        chat_request({**HELLO, name: value}, ["base"])
    assert (caught.value.status, caught.value.param) == (400, name)


def test_neutral_values_pass() -> None:
    made = chat_request(
        {**HELLO, "n": 1, "tools": None, "user": "x", "max_completion_tokens": 5000, "seed": 1}, ["base"]
    )
    assert (made.max_tokens, made.sampling) == (5000, {"seed": 1})


def test_an_unknown_option_of_a_stream_is_named() -> None:
    with pytest.raises(Refused) as caught:
        chat_request({**HELLO, "stream_options": {"include_obfuscation": True}}, ["base"])
    assert caught.value.param == "stream_options.include_obfuscation"


@pytest.mark.parametrize(
    ("name", "value"),
    [("prompt", ""), ("prompt", ["a", "b"]), ("prompt", [1]), ("suffix", "x"), ("echo", True), ("logprobs", True)],
)
def test_a_completion_is_one_text(name: str, value: Any) -> None:
    with pytest.raises(Refused) as caught:
        completion_request({"model": "base", "prompt": "one", name: value}, ["base"])
    assert caught.value.param in (name, f"top_{name}")


@pytest.mark.parametrize("message", [{}, {"role": "tool", "content": "x"}, {"role": "user", "content": 3}, "hi"])
def test_a_message_is_a_role_and_text(message: Any) -> None:
    with pytest.raises(Refused, match=r"messages\.0"):
        chat_request({**HELLO, "messages": [message]}, ["base"])


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(Refused, match="base, tuned") as caught:
        chat_request({**HELLO, "model": "gpt"}, ["base", "tuned"])
    assert caught.value.status == 404


@pytest.mark.parametrize("rows", [None, [], "text", [{"text": 3}], [{"text": "a"}] * 257, [{"text_pair": "x"}]])
def test_what_can_be_classified(rows: Any) -> None:
    with pytest.raises(Refused, match="input"):
        classify_request({"model": "base", "input": rows}, ["base"])


def pieces(data: bytes, stops: list[str] | None = None) -> list[str]:
    decoder = Decoder(lambda ids: bytes(ids).decode("utf-8", "replace"), stops or [])
    made = []
    for byte in data:
        made.append(decoder.feed(byte))
        if decoder.stopped:
            break
    return [*made, decoder.finish()]


@pytest.mark.parametrize("text", ["你好，世界", "a🙂b👩‍👩‍👧c", "é", "plain"])
def test_bytes_come_out_as_whole_characters(text: str) -> None:
    made = pieces(text.encode())
    assert "".join(made) == text
    assert "\ufffd" not in "".join(made)


def test_half_a_character_at_the_end_is_dropped() -> None:
    assert "".join(pieces("好🙂".encode()[:-1])) == "好"


def test_the_space_of_the_template_is_dropped_once() -> None:
    assert "".join(pieces(b"  two")) == " two"


@pytest.mark.parametrize(("data", "seen"), [(b"one END two", "one "), (b"one EN", "one EN"), (b"END", "")])
def test_a_stop_string_is_never_shown(data: bytes, seen: str) -> None:
    made = pieces(data, ["END"])
    assert "".join(made) == seen
