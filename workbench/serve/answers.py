"""Answers on their way: a thread per model asks the server and writes the whole answer into the conversation. The page only looks.

The page may be closed meanwhile; what was said is kept all the same. No torch here.
"""

from __future__ import annotations

import contextlib
import math
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import UserError
from workbench.core.run import find
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.serve import client, talk
from workbench.serve.hearing import Told

USUAL = {"temperature": 0.0, "max_tokens": 128}
"""What counts where nothing is set."""
KNOBS = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty", "max_tokens",
)  # fmt: skip
TOPS = 4
"""Likeliest tokens that are kept of each place."""
Key = tuple[str, str, str]
_running: dict[Key, Live] = {}


@dataclass
class Live:
    """One answer that is being given."""

    model: str
    parent: int
    how: dict[str, Any]
    text: str = ""
    tokens: list[list[Any]] = field(default_factory=list)
    """[text, probability, [[likely text, its probability] …]] per token."""
    place: int = 0
    away: str = ""
    used: dict[str, int] = field(default_factory=dict)
    reason: str = ""
    error: Text | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    done: bool = False

    def hear(self, told: Told) -> None:
        """What the server says."""
        self.text += told.text
        if told.tokens:
            self.tokens.append(_token(told))
        self.place, self.away = told.place, told.away
        self.reason, self.used = told.reason or self.reason, told.usage or self.used


def _token(told: Told) -> list[Any]:
    """Text that came with a token, and how likely it was; half a character has no text yet."""
    last = told.tokens[-1]
    tops = [[each["token"], round(math.exp(each["logprob"]), 4)] for each in last["top_logprobs"]]
    return [told.text, round(math.exp(last["logprob"]), 4), tops]


def sampling(given: dict[str, Any]) -> dict[str, Any]:
    """Knobs as the server takes them, with a seed in any case, so that an answer can be had again."""
    how = USUAL | {name: given[name] for name in KNOBS if isinstance(given.get(name), (int, float))}
    stops = [each for each in given.get("stop") or [] if isinstance(each, str) and each][:4]
    seed = given.get("seed")
    how["seed"] = seed if type(seed) is int else secrets.randbelow(2**31)
    return {**how, **({"stop": stops} if stops else {})}


def answer(workspace: Workspace, talk_id: str) -> None:
    """Answer every question that waits in a conversation."""
    made = talk.load(workspace, talk_id)
    for model, question in made.waiting():
        start(workspace, made, model, question)


def check_idle(workspace: Workspace, talk_id: str) -> None:
    """UserError while an answer is being given: what is asked next would build upon it."""
    if any(not live.done for live in lives(workspace, talk_id).values()):
        raise UserError(
            "An answer is still being given; stop it first.", "上一个回答还在生成；请先停止。", field="text"
        )


def start(workspace: Workspace, made: talk.Talk, model: str, question: int) -> None:
    """Answer one question of one pane."""
    live = Live(model, question, sampling(made.facts["how"]))
    _running[str(workspace.root), made.id, model] = live
    threading.Thread(target=_answer, args=(workspace, made, live), daemon=True, name=f"answer-{made.id}").start()


def _answer(workspace: Workspace, made: talk.Talk, live: Live) -> None:
    try:
        run = find(workspace, made.facts["run"])
        endpoint = client.ensure(workspace, run)
        probable: dict[str, Any]
        asked: Any = made.messages(live.model, live.parent)
        if made.facts["mode"] == talk.COMPLETE:
            asked, probable = asked[-1]["content"], {"logprobs": TOPS}
        else:
            probable = {"logprobs": True, "top_logprobs": TOPS}
        with contextlib.closing(client.stream(endpoint, live.model, asked, **live.how, **probable)) as told:
            for each in told:
                if live.stop.is_set():
                    live.reason = "stopped"
                    break
                live.hear(each)
    except UserError as error:
        live.error = error.text
    finally:
        _keep(workspace, made.id, live)
        live.done = True


def _keep(workspace: Workspace, talk_id: str, live: Live) -> None:
    """What was said, into the file, or that it could not be written; a conversation that was deleted meanwhile stays deleted."""
    if not live.text and live.error:
        return
    facts = {"how": live.how, "tokens": live.tokens, "used": live.used, "reason": live.reason}
    try:
        with talk.changing(workspace, talk_id) as made:
            pane = made.pane(live.model)
            head = pane["head"]
            made.add(live.model, live.parent, "assistant", live.text, **facts)
            if head != live.parent:  # another branch was picked meanwhile: stay there
                pane["head"] = head
    except UserError as error:
        if talk.is_kept(workspace, talk_id):
            live.error = error.text


def stop(workspace: Workspace, talk_id: str) -> None:
    """End the answers of a conversation at their next token."""
    for live in lives(workspace, talk_id).values():
        live.stop.set()


def lives(workspace: Workspace, talk_id: str) -> dict[str, Live]:
    """Answers that are being given, or that failed, by model."""
    found = {key[2]: live for key, live in list(_running.items()) if key[:2] == (str(workspace.root), talk_id)}
    return {model: live for model, live in found.items() if not live.done or live.error}


def forget(workspace: Workspace, talk_id: str) -> None:
    """Failures that were seen."""
    for key, live in list(_running.items()):
        if key[:2] == (str(workspace.root), talk_id) and live.done:
            _running.pop(key, None)
