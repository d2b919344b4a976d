"""The model behind a link: found again when it has gone, let go when the link is over."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tinymodels import tiny_llama

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.door import limits
from workbench.door import link as links
from workbench.door.limits import Counted
from workbench.door.link import Terms
from workbench.serve.schema import Refused as ServeRefused
from workbench.ui.guest import asking, process
from workbench.ui.guest.asking import Model


@pytest.fixture
def model(workspace: Workspace, tmp_path: Path) -> Model:
    from served import made_run

    run = made_run(workspace, tiny_llama(tmp_path / "llama"))
    return Model(workspace, links.make(workspace, run, Terms(hours=1))[0])


class Server:
    """In place of the model's: alive or not; how often it was looked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.alive, self.sought = True, 0
        monkeypatch.setattr(asking.client, "ensure", self.ensure)
        monkeypatch.setattr(asking.client, "asynchronous", lambda endpoint: httpx.AsyncClient(transport=httpx.MockTransport(self.answer), base_url="http://x"))  # fmt: skip

    def ensure(self, *_: Any, **__: Any) -> asking.client.Endpoint:
        self.sought, self.alive = self.sought + 1, True
        return asking.client.Endpoint("http://x", "", "run:x", 1)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not self.alive:
            raise httpx.ConnectError("nobody listens")
        return httpx.Response(200, json={"shown": {"text": "yes"}})


def test_a_conversation_that_is_longer_than_the_model_reads_is_told_so(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    server = Server(monkeypatch)
    refused = ServeRefused("4051 tokens", code="context_length_exceeded").body()
    monkeypatch.setattr(server, "answer", lambda request: httpx.Response(400, json=refused))
    monkeypatch.setattr(asking.client, "asynchronous", lambda endpoint: httpx.AsyncClient(transport=httpx.MockTransport(server.answer), base_url="http://x"))  # fmt: skip

    async def scene() -> list[str]:
        return [event async for event in asking.events(model, [{"role": "user", "content": "x" * 4000}])]

    told = json.loads(asyncio.run(scene())[-1].removeprefix("data: "))
    assert told == {"error": asking.TOO_MUCH._asdict()}
    assert "begin a new conversation" in told["error"]["en"]


def test_a_server_that_died_is_looked_for_with_the_next_question(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    server = Server(monkeypatch)

    async def scene() -> None:
        assert await model.attempt({"text": "x"}) == {"text": "yes"}
        assert await model.attempt({"text": "x"}) == {"text": "yes"}
        assert server.sought == 1, "it answered a moment ago"
        server.alive = False
        with pytest.raises(UserError, match="No answer came"):
            await model.attempt({"text": "x"})
        assert await model.attempt({"text": "x"}) == {"text": "yes"}

    asyncio.run(scene())
    assert server.sought == 2


def test_an_end_does_not_queue_behind_those_who_wait_for_the_model() -> None:
    ended: list[float] = []
    over = threading.Event()

    class Served:
        should_exit = force_exit = False

        async def serve(self, sockets: Any) -> None:
            for _ in range(64):  # more than there are threads for such work
                asyncio.get_running_loop().run_in_executor(None, over.wait, 20)
            while not self.should_exit:
                await asyncio.sleep(0.01)

    class Watch:
        class guests:
            over: Callable[[], bool] = staticmethod(lambda: True)

    async def scene() -> None:
        began = time.monotonic()
        await process._serve(Served(), None, Watch(), lambda: ended.append(time.monotonic() - began))  # type: ignore[arg-type]
        over.set()

    asyncio.run(scene())
    assert ended[0] < 10


def test_a_body_that_stops_coming_is_too_slow_whatever_the_exception_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(Exception):
        pass

    async def never(coming: Any, _: float) -> Any:
        coming.close()
        raise Own

    monkeypatch.setattr(limits.asyncio, "TimeoutError", Own)  # before Python 3.11 it is not the built-in one
    monkeypatch.setattr(limits.asyncio, "wait_for", never)

    async def receive() -> Any:
        return {}

    body = Counted(receive, 10)
    assert asyncio.run(body()) == limits.GONE
    assert body.much
    assert body.much.status == 408
