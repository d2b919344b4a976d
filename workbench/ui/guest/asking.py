"""What a guest may ask the shared model, and the answer as it comes. Nothing that is said is written down."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from workbench.core.errors import UserError
from workbench.core.run import Run, find
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.door.guests import Refused
from workbench.door.link import Limits, Link, folder
from workbench.serve import client
from workbench.serve.hearing import Busy, Told, TooLong, told
from workbench.serve.slot import Slot, within
from workbench.serve.talk import CHAT
from workbench.ui.talk import mode_of

GOOD = 5.0
"""Seconds for which an endpoint that answered is taken to answer still."""
Messages = list[dict[str, str]]


class Model:
    """The shared run behind the link's own server: the owner's chat and other links go on beside it. One request makes sure that it is
    there, however many wait for it."""

    def __init__(self, workspace: Workspace, link: Link, over: Callable[[], bool] = lambda: False) -> None:
        self.workspace, self.link = workspace, link
        self.slot = slot_of(workspace, link, over)
        self.run: Run = find(workspace, link.run)
        self.mode = mode_of(self.run)
        self._lock = asyncio.Lock()
        self._endpoint: tuple[float, client.Endpoint] | None = None

    @property
    def asks(self) -> tuple[str, ...]:
        """Fields of a question, for a model that does not talk."""
        return TASKS.get(self.run.recipe.task.kind).asks

    @property
    def ready(self) -> bool:
        """Whether it answered a moment ago."""
        return self._endpoint is not None and time.monotonic() - self._endpoint[0] < GOOD

    async def endpoint(self) -> client.Endpoint:
        """Where it answers; it is started when it has gone. UserError says why it cannot be."""
        async with self._lock:
            if not self.ready or self._endpoint is None:
                found = await asyncio.to_thread(client.ensure, self.workspace, self.run, slot=self.slot)
                self._endpoint = (time.monotonic(), found)
            return self._endpoint[1]

    def answered(self, endpoint: client.Endpoint) -> None:
        """It did: for the next question it need not be asked whether it is there."""
        self._endpoint = (time.monotonic(), endpoint)

    def lost(self) -> None:
        """It did not answer: look again before the next question."""
        self._endpoint = None

    async def stream(self, asked: Messages | str) -> AsyncIterator[dict[str, Any]]:
        """What happens: {"loading"}, {"place": n}, {"text": piece}, {"end": reason}."""
        if not self.ready:
            yield {"loading": True}
        endpoint = await self.endpoint()
        talk = isinstance(asked, list)
        path = "/v1/chat/completions" if talk else "/v1/completions"
        body: dict[str, Any] = {
            "model": client.name_of(self.run),
            "messages" if talk else "prompt": asked,
            "stream": True,
        }
        body |= {"max_tokens": self.link.limits.tokens, "temperature": 0}
        async with client.asynchronous(endpoint) as asking, asking.stream("POST", path, json=body) as answer:
            if answer.status_code >= 400:
                await answer.aread()
                raise client.refused(answer)
            self.answered(endpoint)
            async for line in answer.aiter_lines():
                heard = told(line)
                if heard:
                    yield _piece(heard)

    async def attempt(self, fields: dict[str, str]) -> dict[str, Any]:
        """The answer of a model that does not talk: words, and where it has them probabilities, marks or gaps. UserError where none comes."""
        endpoint = await self.endpoint()
        try:
            async with client.asynchronous(endpoint) as asking:  # whoever ends the link ends the waiting, too
                shown = await client.attempted(asking, client.name_of(self.run), fields)
        except (UserError, httpx.HTTPError) as error:
            self.lost()
            raise (error if isinstance(error, UserError) else UserError(*BROKEN)) from error
        self.answered(endpoint)
        return shown


def slot_of(workspace: Workspace, link: Link, over: Callable[[], bool] = lambda: False) -> Slot:
    """Where the server of a link is written down; it ends with the guests' process."""
    return within(folder(workspace, link.id), over)


def _piece(heard: Told) -> dict[str, Any]:
    named = {"place": heard.place, "text": heard.text, "end": heard.reason}
    return {name: value for name, value in named.items() if value}


async def events(model: Model, asked: Messages | str) -> AsyncIterator[str]:
    """An answer as server-sent events; what goes wrong is one sentence in both languages, and never a path."""
    try:
        async for piece in model.stream(asked):
            if piece:
                yield _event(piece)
    except (UserError, httpx.HTTPError) as error:
        said = BUSY if isinstance(error, Busy) else TOO_MUCH if isinstance(error, TooLong) else BROKEN
        if said is BROKEN:
            model.lost()
        yield _event({"error": said._asdict()})


BUSY = Text("The model is busy; try again in a moment.", "模型正忙，请稍后再试。")
TOO_MUCH = Text(
    "This conversation is longer than the model can read at once: shorten what you wrote, or begin a new conversation.",
    "这段对话超出了模型一次能读的长度：请缩短输入，或开始新的对话。",
)
BROKEN = Text("No answer came; try again in a moment.", "没有得到回答，请稍后再试。")


def _event(told: dict[str, Any]) -> str:
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n"


def conversation(body: Any, limits: Limits, mode: str) -> Messages | str:
    """A checked question: a conversation that ends with the guest's words, or a text to go on with. Refused for anything else."""
    given = body.get("messages") if isinstance(body, dict) else None
    if not isinstance(given, list) or not given or len(given) > 200:
        raise Refused(400, Text("Write something first.", "请先输入内容。"))
    messages = [_message(each, place) for place, each in enumerate(given)]
    if messages[-1]["role"] != "user":
        raise Refused(400, Text("Write something first.", "请先输入内容。"))
    if len(messages[-1]["content"]) > limits.characters:
        raise Refused(413, Text(f"At most {limits.characters:,} characters at once; these are {len(messages[-1]['content']):,}.", f"一次最多 {limits.characters:,} 个字符；现有 {len(messages[-1]['content']):,} 个。"))  # fmt: skip
    if sum(len(each["content"]) for each in messages) > limits.history:
        raise Refused(413, Text("This conversation has grown too long; begin a new one.", "对话太长，请开始新的对话。"))
    return messages if mode == CHAT else messages[-1]["content"]


def _message(given: Any, place: int) -> dict[str, str]:
    """People and model take turns; a guest gives no system prompt."""
    role = "assistant" if place % 2 else "user"
    content = given.get("content") if isinstance(given, dict) and given.get("role") == role else None
    if not isinstance(content, str) or (role == "user" and not content.strip()):
        raise Refused(400, Text("Write something first.", "请先输入内容。"))
    return {"role": role, "content": content.encode("utf-8", "replace").decode()}


def fields(body: Any, limits: Limits, asks: tuple[str, ...]) -> dict[str, str]:
    """A checked question to a model that does not talk."""
    given = body.get("fields") if isinstance(body, dict) else None
    found = {name: str(given.get(name) or "") for name in asks} if isinstance(given, dict) else {}
    if not found or not found[asks[0]].strip():
        raise Refused(400, Text("Write something first.", "请先输入内容。"))
    if sum(map(len, found.values())) > limits.characters:
        raise Refused(413, Text(f"At most {limits.characters:,} characters at once.", f"一次最多 {limits.characters:,} 个字符。"))  # fmt: skip
    return {name: value.encode("utf-8", "replace").decode() for name, value in found.items()}
