"""Who waits, is told where and for whom; who is one too many is told so; who leaves makes room. With training in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import faults
import httpx
import psutil
import pytest
from served import engine_for, made_run
from tinymodels import tiny_llama

from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.serve import precedence
from workbench.serve.app import build, streamed
from workbench.serve.schema import Refused, chat_request
from workbench.serve.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")]
ASK = {
    "model": "tuned",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0,
    "max_tokens": 5,
    "stream": True,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("queue")
    return made_run(Workspace(root / "w"), tiny_llama(root / "llama", initializer_range=0.3))


@pytest.fixture
def service(run: Run) -> Iterator[Service]:
    engine = engine_for(Workspace(run.folder.parents[1]), run, slots=2, start=False)
    yield Service(engine.holder.roster, engine, "", most=3)
    engine.end()


def scene(service: Service, play: Callable[[], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        service.start()
        return await asyncio.wait_for(play(), 60)

    return asyncio.run(whole())


async def until(true: Callable[[], Any]) -> None:
    while not true():
        await asyncio.sleep(0.02)


def talk(service: Service) -> Any:
    request = chat_request(ASK, service.roster.names())
    ask = service.ask(request)
    service.enter()
    return streamed(service, request, ask)


async def line(stream: Any, start: str) -> str:
    """The next line that begins so."""
    async for each in stream:
        if each.startswith(start):
            return str(each).strip()
    raise AssertionError(f"no line {start}")


def test_a_place_is_told_and_one_too_many_is_busy(service: Service) -> None:
    async def play() -> None:
        service.engine.go_away("run-7")
        talks = [talk(service) for _ in range(3)]
        assert [await line(each, ": place") for each in talks] == [f": place {n} run-7" for n in (1, 2, 3)]
        with pytest.raises(Refused, match="3 requests wait"):
            service.enter()
        door = httpx.ASGITransport(app=build(service))
        async with httpx.AsyncClient(transport=door, base_url="http://127.0.0.1") as client:
            answer = await client.post("/v1/chat/completions", json=ASK)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["error"]["code"] == "busy"
        await talks[0].aclose()
        assert await line(talks[1], ": place") == ": place 1 run-7"
        service.engine.go_away("")
        assert [await line(each, "data: [DONE]") for each in talks[1:]] == ["data: [DONE]"] * 2
        [await each.aclose() for each in talks]
        assert service.held == 0

    scene(service, play)


def test_leaving_ends_the_answer_within_its_next_token(service: Service) -> None:
    async def play() -> int:
        request = chat_request({**ASK, "max_tokens": 400}, service.roster.names())
        service.enter()
        stream = streamed(service, request, service.ask(request))
        await line(stream, "data: ")
        await line(stream, "data: ")
        await stream.aclose()
        await until(lambda: not service.engine._tables and not service.engine._reading)
        return service.engine.generated

    assert scene(service, play) < 395


def test_training_takes_the_device_and_gives_it_back(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.serve.server import _give_way

    working = [run]
    monkeypatch.setattr(precedence, "working", lambda workspace: list(working))
    monkeypatch.setattr(precedence, "device_name", lambda device: "cuda:0")
    monkeypatch.setattr(precedence, "EVERY", 0.02)
    monkeypatch.setattr(Run, "device", "cuda:1,cuda:0")

    async def play() -> None:
        watch = asyncio.create_task(_give_way(service))
        await until(lambda: service.engine.away == run.id)
        stream = talk(service)
        assert await line(stream, ": place") == f": place 1 {run.id}"
        assert service.health()["away"] == run.id
        working.clear()
        rest = [each.strip() async for each in stream]
        watch.cancel()
        faults.note("F17", "answers lost when training took the device", 1 - rest.count("data: [DONE]"), most=0)
        assert rest.count("data: [DONE]") == 1

    scene(service, play)


def test_on_a_cpu_only_short_memory_sends_chat_away_until_training_ends(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, working = Workspace(run.folder.parents[1]), [run]
    monkeypatch.setattr(precedence, "working", lambda workspace: list(working))
    ask = precedence.wanted_by
    assert ask(workspace, "cpu", "", floor=0.0) == ""
    assert ask(workspace, "cpu", "", floor=1.0) == run.id
    assert ask(workspace, "cpu", run.id, floor=0.0) == run.id
    working.clear()
    assert ask(workspace, "cpu", run.id, floor=1.0) == ""
    assert ask(workspace, "cpu", "", floor=1.0) == ""


def test_guests_are_answered_slower_while_a_run_trains_on_the_same_processor(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.serve.server import _give_way

    working, engine = [run], service.engine
    monkeypatch.setenv("WORKBENCH_NICE", "")
    monkeypatch.setattr(precedence, "working", lambda workspace: list(working))
    monkeypatch.setattr(precedence, "EVERY", 0.02)

    async def play() -> None:
        watch = asyncio.create_task(_give_way(service, guests=True))
        await until(lambda: engine.pace.share == precedence.GUESTS)
        begin = time.monotonic()
        await asyncio.gather(*(service.do("tuned", lambda voice: time.sleep(0.05)) for _ in range(3)))
        assert time.monotonic() - begin > 2 * 0.05 / precedence.GUESTS, "each is followed by a rest"
        working.clear()
        await until(lambda: engine.pace.share == 1)
        assert await line(talk(service), "data: [DONE]") == "data: [DONE]"
        watch.cancel()
        working.append(run)
        watch = asyncio.create_task(_give_way(service))
        await asyncio.sleep(0.2)
        assert engine.pace.share == 1, "who talks alone with a model is no guest"
        watch.cancel()

    scene(service, play)


def test_giving_way_goes_on_after_a_look_that_failed(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.serve.server import _give_way

    looks = iter([OSError("no handle left"), psutil.NoSuchProcess(1)])

    def wanted(*given: Any) -> str:
        for error in looks:
            raise error
        return run.id

    monkeypatch.setattr(precedence, "wanted_by", wanted)
    monkeypatch.setattr(precedence, "EVERY", 0.02)

    async def play() -> None:
        watch = asyncio.create_task(_give_way(service))
        await until(lambda: service.engine.wanted_away == run.id)
        watch.cancel()

    scene(service, play)


def test_only_training_on_this_processor_is_made_room_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(run.folder.parents[1])
    monkeypatch.setenv("WORKBENCH_NICE", "")
    monkeypatch.setattr(precedence, "working", lambda workspace: [run])
    assert precedence.share(workspace, "cpu") == precedence.GUESTS < 1
    assert precedence.share(workspace, "cuda:0") == 1, "a GPU is given up whole"
    run.ask_to_pause()
    assert precedence.share(workspace, "cpu") == 1
    run.ask_to_pause(False)
    monkeypatch.setattr(Run, "device", "cuda:0")
    assert precedence.share(workspace, "cpu") == 1
    monkeypatch.setattr(Run, "device", "cpu")
    monkeypatch.setenv("WORKBENCH_NICE", "0")
    assert precedence.share(workspace, "cpu") == 1, "all are equal"


def test_a_run_that_works_is_seen(run: Run) -> None:
    workspace = Workspace(run.folder.parents[1])
    assert precedence.working(workspace) == []
    run.claim(psutil.Process(), "cpu")
    assert precedence.working(workspace) == [run]
    (run.folder / "worker.json").unlink()
