"""Conversations as token ids: the tokenizer's own template, and which tokens are the assistant's answer.

Contract: what a person wrote never turns into a control token. A special token spelled out inside a message ("<s>") is
encoded as plain text. Role markers that a template spells in plain words ("User:") are words, inside a message too.
Training and chat both render through here, so that a model is asked as it was taught.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.models.chat_template import ensure_chat_template, understood

Messages = Sequence[dict[str, Any]]
GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
FIRST_SENTINEL = 0xF0000
"""Private-use characters stand for special tokens that a person spelled out, while the template is rendered."""


@dataclass(frozen=True)
class Spoken:
    """A whole conversation: ids, whether each is the assistant's, and whether the ids of the prompt stayed a prefix."""

    ids: list[int]
    trained: list[bool]
    exact: bool


def prompt_ids(tokenizer: Any, messages: Messages, tools: Messages = ()) -> list[int]:
    """What the model is asked with: the conversation so far and the beginning of an answer."""
    reader = _Reader(tokenizer, tools)
    messages = reader.plain(messages)
    return reader.encode(reader.render(messages, ask=True))


def spoken(tokenizer: Any, messages: Messages, tools: Messages = ()) -> Spoken:
    """A conversation to learn from, with the answers marked; an assistant's calls of tools are answers, what tools say is not."""
    reader = _Reader(tokenizer, tools)
    return reader.spoken(reader.plain(messages))


def call_text(message: dict[str, Any]) -> str:
    """What an assistant says and calls, in words: the form Hermes and Qwen use."""
    parts = [str(message.get("content") or "")]
    for call in message.get("tool_calls") or ():
        parts.append(f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>")
    return "\n".join(part for part in parts if part)


class _Reader:
    """Renders and encodes with one tokenizer; special tokens in messages are hidden behind sentinels in between."""

    def __init__(self, tokenizer: Any, tools: Messages = ()) -> None:
        ensure_chat_template(tokenizer)
        self.tokenizer = tokenizer
        self.template: str = tokenizer.get_chat_template()
        self.able = "tool_calls" in self.template  # whether the template itself knows how to write tools
        self.tools = list(tools)
        specials = sorted({*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}, key=len, reverse=True)
        self.hidden = {chr(FIRST_SENTINEL + index): word for index, word in enumerate(specials) if word.strip()}
        self._special = re.compile("|".join(map(re.escape, self.hidden.values())) or r"(?!)")
        self._sentinel = re.compile(f"([{chr(FIRST_SENTINEL)}-{chr(FIRST_SENTINEL + len(specials))}])")
        self._names = {word: mark for mark, word in self.hidden.items()}

    def render(self, messages: Messages, ask: bool = False) -> str:
        """The template filled in."""
        guarded = [self._guard(message) for message in messages]
        offered = {"tools": self._guarded(self.tools)} if self.able and self.tools else {}
        with understood():
            return str(
                self.tokenizer.apply_chat_template(guarded, tokenize=False, add_generation_prompt=ask, **offered)
            )

    def _guarded(self, value: Any) -> Any:
        """Every text inside lists and mappings guarded."""
        if isinstance(value, str):
            return self._special.sub(lambda found: self._names[found[0]], self._sentinel.sub("", value))
        if isinstance(value, dict):
            return {key: self._guarded(item) for key, item in value.items()}
        return [self._guarded(item) for item in value] if isinstance(value, list) else value

    def plain(self, messages: Messages) -> Messages:
        """Messages as this template can write them: one that knows no tools gets them in words."""
        if self.able or not (self.tools or any(m["role"] == "tool" or m.get("tool_calls") for m in messages)):
            return messages
        made = [
            {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
            if message["role"] == "tool"
            else {"role": message["role"], "content": call_text(message)}
            for message in messages
        ]
        if self.tools:
            offered = f"<tools>\n{json.dumps(self.tools, ensure_ascii=False)}\n</tools>"
            if made[0]["role"] == "system":
                made[0]["content"] += f"\n{offered}"
            else:
                made.insert(0, {"role": "system", "content": offered})
        return made

    def _guard(self, message: dict[str, Any]) -> dict[str, Any]:
        calls = {"tool_calls": self._guarded(message["tool_calls"])} if message.get("tool_calls") else {}
        return {**message, "content": self._guarded(str(message["content"])), **calls}

    def encode(self, text: str) -> list[int]:
        """Token ids: the template's special tokens are special, those that a person spelled out are text."""
        ids: list[int] = []
        for piece in self._sentinel.split(text):
            literal = piece in self.hidden
            word = self.hidden[piece] if literal else piece
            if word:
                ids += self.tokenizer(word, add_special_tokens=False, split_special_tokens=literal)["input_ids"]
        return ids

    def spoken(self, messages: Messages) -> Spoken:
        """Ids and marks; the marks come from token counts of prefixes, checked id by id."""
        text, spans = self._spans(messages)
        ids = self.encode(text)
        cuts = sorted({cut for span in spans for cut in span})
        heads = {cut: self.encode(text[:cut]) for cut in cuts if cut < len(text)}
        heads[len(text)] = ids
        if any(ids[: len(heads[cut])] != heads[cut] for cut in cuts):
            return self._pieces(text, spans)
        trained = [False] * len(ids)
        for start, end in spans:
            first, last = len(heads[start]), len(heads[end])
            trained[first:last] = [True] * (last - first)
        return Spoken(ids, trained, exact=True)

    def _pieces(self, text: str, spans: list[tuple[int, int]]) -> Spoken:
        """A token lies across a border: encode prompt and answer apart, as they are when the model answers."""
        ids: list[int] = []
        trained: list[bool] = []
        done = 0
        for start, end in [*spans, (len(text), len(text))]:
            for piece, mark in ((text[done:start], False), (text[start:end], True)):
                new = self.encode(piece)
                ids, trained = ids + new, trained + [mark] * len(new)
            done = end
        return Spoken(ids, trained, exact=False)

    def _spans(self, messages: Messages) -> tuple[str, list[tuple[int, int]]]:
        """The rendered text and where the answers stand in it."""
        if GENERATION.search(self.template):
            return self._marked(messages)
        text, spans = self.render(messages), []
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            before, after = self.render(messages[:index], ask=True), self.render(messages[: index + 1])
            if not after.startswith(before):
                before = self.render(messages[:index])
            if text.startswith(after) and after.startswith(before):
                spans.append((len(before), len(after)))
        return text, spans

    def _marked(self, messages: Messages) -> tuple[str, list[tuple[int, int]]]:
        from transformers.utils.chat_template_utils import render_jinja_template

        offered = {"tools": self._guarded(self.tools)} if self.able and self.tools else {}
        with understood():
            texts, spans = render_jinja_template(
                conversations=[[self._guard(message) for message in messages]],
                chat_template=self.template,
                return_assistant_tokens_mask=True,
                **offered,
                **self.tokenizer.special_tokens_map,
            )
        return texts[0], [(int(start), int(end)) for start, end in spans[0]]
