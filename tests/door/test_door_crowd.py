"""Many at once: guests who talk, files that are sent, clients that are slow or vanish. The page stays quick; figures are told, not asserted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import faults
import httpx
import psutil
import pytest
from places import ROOT
from served import made_run
from tinymodels import tiny_llama

from workbench.core import clock, polite
from workbench.core.files import write_json
from workbench.core.recipe import parse
from workbench.core.run import ENDED, Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door import wire
from workbench.door.link import Terms
from workbench.engine import supervisor
from workbench.serve import client
from workbench.ui.guest import process

pytestmark = pytest.mark.slow
BOUNDARY = "x" * 20
TOKENS = 48
TURNS, TURN = 5, 8.0
"""Of a run that trains alone and beside guests in turn: how many of each, and seconds."""


WATCHER = """
import http.client, json, sys, threading, time, urllib.parse
url, times, over = urllib.parse.urlsplit(sys.argv[1]), [], threading.Event()
def end():
    sys.stdin.read()
    over.set()
asking = http.client.HTTPConnection(url.netloc, timeout=60)
def ask():
    begin = time.monotonic()
    asking.request("GET", url.path)
    answer = asking.getresponse()
    answer.read()
    assert answer.status == 200
    return 1000 * (time.monotonic() - begin)
ask()
threading.Thread(target=end).start()
print("ready", flush=True)
while not over.is_set():
    times.append(ask())
    over.wait(0.02)
print(json.dumps(times))
"""
"""Asks from a process of its own: whoever makes the crowd has no time to look at a clock."""


class Page:
    """The owner's page in a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, "-m", "workbench.cli", "--workspace", str(root), "ui", "--port", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(900):
            with suppress(httpx.HTTPError):
                httpx.get(f"{self.url}/en/news", timeout=60, trust_env=False)
                return
            time.sleep(0.1)
        raise TimeoutError

    @contextmanager
    def watched(self, row: str, what: str) -> Iterator[None]:
        """Ask the page again and again meanwhile; its 95th percentile is told."""
        command = [sys.executable, "-c", WATCHER, f"{self.url}/en/news"]
        watching = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert watching.stdout
        assert watching.stdout.readline() == "ready\n"
        yield
        told, _ = watching.communicate()
        assert watching.returncode == 0
        faults.note(row, f"95 % of the page’s answers {what} take less than", _late(json.loads(told)), "ms", most=100)

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _late(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1] if len(times) > 1 else max(times, default=0.0)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    made = Page(tmp_path_factory.mktemp("crowd") / "w")
    yield made
    made.end()


def upload(size: int, name: str = "f.csv") -> tuple[dict[str, str], Callable[[], Iterator[bytes]]]:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'  # fmt: skip
    tail = f"\r\n--{BOUNDARY}--\r\n"

    def body() -> Iterator[bytes]:
        yield head.encode()
        for _ in range(size // 65_536):
            yield b"a,b\n" * 16_384
        yield tail.encode()

    return {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, body


def lying(page: Page) -> list[Path]:
    """What of broken uploads is left."""
    folder = page.root / "cache" / "uploads"
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


SENDER = """
import sys, threading, httpx
url, many, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
head = b'--x\\r\\nContent-Disposition: form-data; name="files"; filename="f.csv"\\r\\nContent-Type: text/csv\\r\\n\\r\\n'
def body():
    yield head
    for _ in range(size // 65536):
        yield b"a,b\\n" * 16384
    yield b"\\r\\n--x--\\r\\n"
def send():
    kind = {"content-type": "multipart/form-data; boundary=x"}
    told.append(httpx.post(url, headers=kind, content=body(), timeout=120, trust_env=False).status_code)
told = []
threads = [threading.Thread(target=send) for _ in range(many)]
for each in threads: each.start()
for each in threads: each.join()
print(*told)
"""


def test_fifty_uploads_at_once_leave_the_page_quick(page: Page) -> None:
    command = [sys.executable, "-c", SENDER, f"{page.url}/en/gradio_api/upload", "50", str(12 << 20)]
    with page.watched("F19", "while 50 files are sent at once"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["200"] * 50
    assert lying(page) == []


def test_a_client_that_vanishes_in_the_middle_leaves_nothing(page: Page) -> None:
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", page.port)) as sock:
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="f.csv"\r\n\r\n'.encode()
            sock.sendall(
                f"POST /en/gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nContent-Length: 9000000\r\n"
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
                + head
                + b"x" * 200_000
            )
            time.sleep(0.05)
    until = time.monotonic() + 20
    while lying(page) and time.monotonic() < until:
        time.sleep(0.1)
    faults.note("F19", "files left of 10 uploads that broke off", len(lying(page)), most=0)
    assert lying(page) == []


def test_silent_and_slow_clients_do_not_keep_others_out(page: Page) -> None:
    silent = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(200)]
    slow = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(50)]
    for each in slow:
        each.sendall(b"POST /en/gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{")
    with page.watched("F19", "beside 250 silent or slow clients"):
        for _ in range(100):
            for each in slow:
                each.sendall(b" ")
            time.sleep(0.05)
    for each in [*silent, *slow]:
        each.close()


def served(app: Any, play: Callable[[Any, tuple[str, int]], Any]) -> Any:
    """What `play` tells of a server with our protocol and its address."""
    import uvicorn

    async def scene() -> Any:
        sock = wire.listen("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(app, http=wire.Patient, log_level="critical", lifespan="off", ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            return await asyncio.wait_for(play(server, sock.getsockname()), 60)
        finally:
            server.should_exit = True
            await serving

    return asyncio.run(scene())


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


async def much(scope: Any, receive: Any, send: Any) -> None:
    """Eight megabytes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"8388608")]})
    for part in range(8):
        await send({"type": "http.response.body", "body": b"x" * 2**20, "more_body": part < 7})


def test_who_connects_and_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_WITHIN", 0.2)

    async def play(server: Any, address: tuple[str, int]) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTT")
        told = await reader.read()
        writer.close()
        return told

    assert served(nothing, play) == b""


def test_who_does_not_read_the_answer_is_let_go_and_who_reads_slowly_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEADERS_WITHIN", 0.3)

    async def play(server: Any, address: tuple[str, int]) -> int:
        deaf = [socket.create_connection(address) for _ in range(5)]
        for each in deaf:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        reader, writer = await asyncio.open_connection(*address, limit=2**16)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        came = 0
        while piece := await reader.read(2**17):
            came += len(piece)
            await asyncio.sleep(0.02)
        writer.close()
        while server.server_state.connections:
            with suppress(OSError):
                deaf[0].send(b"G")  # nor is somebody kept who goes on asking
            await asyncio.sleep(0.05)
        for each in deaf:
            each.close()
        return came

    assert served(much, play) > 2**23


def test_one_address_cannot_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "OF_ADDRESS", 3)

    async def ends(reader: Any) -> bool:
        with suppress(asyncio.TimeoutError, TimeoutError):
            return bool(await asyncio.wait_for(reader.read(), 0.5) == b"")
        return False

    async def play(server: Any, address: tuple[str, int]) -> list[bool]:
        made = [await asyncio.open_connection(*address) for _ in range(5)]
        found = list(await asyncio.gather(*(ends(reader) for reader, _ in made)))
        for _, writer in made:
            writer.close()
        return found

    assert served(nothing, play) == [False] * 5, "behind a proxy of this machine are many"
    monkeypatch.setattr(wire, "is_loopback", lambda host: False)
    assert served(nothing, play) == [False] * 3 + [True] * 2


@pytest.mark.long
def test_a_gigabyte_is_taken_in_without_being_held(page: Page) -> None:
    headers, body = upload(1 << 30)
    me = psutil.Process(page.process.pid)
    before, most = me.memory_info().rss, 0
    over = threading.Event()

    def weigh() -> None:
        nonlocal most
        while not over.is_set():
            most = max(most, me.memory_info().rss)
            over.wait(0.05)

    weighing = threading.Thread(target=weigh)
    weighing.start()
    with page.watched("F19", "while a gigabyte is sent"):
        answer = httpx.post(f"{page.url}/en/gradio_api/upload", headers=headers, content=body(), timeout=600, trust_env=False)  # fmt: skip
    over.set()
    weighing.join()
    assert answer.status_code == 200
    faults.note("F19", "memory the page took for a gigabyte", (most - before) / 2**20, "MiB", most=64)


def _talk(base: str, url: str, number: int, told: dict[int, dict[str, Any]]) -> None:
    house = httpx.HTTPTransport(local_address=f"127.0.0.{1 + number // 50}")  # one address is a class, not a hundred
    with httpx.Client(base_url=base, follow_redirects=True, timeout=300, trust_env=False, transport=house) as guest:
        assert guest.get(url).status_code == 200
        begin, first, text, status = time.monotonic(), 0.0, "", 0
        with guest.stream(
            "POST", "/chat", json={"messages": [{"role": "user", "content": question(number)}]}
        ) as answer:
            status = answer.status_code
            for line in answer.iter_lines():
                first = first or time.monotonic() - begin
                if line.startswith("data: "):
                    text += json.loads(line[6:]).get("text", "")
        told[number] = {"status": status, "first": first, "text": text}


def question(number: int) -> str:
    return f"guest {number} " + "abcdefghij"[number % 10] * 5


def crowd(tmp_path: Path, page: Page, many: int) -> None:
    workspace = Workspace(page.root)
    run = made_run(workspace, tiny_llama(tmp_path / "llama", initializer_range=0.3))
    link, token = links.make(workspace, run, Terms(hours=1))
    few = replace(link, limits=replace(link.limits, tokens=TOKENS))
    write_json(links.folder(workspace, link.id) / "link.json", asdict(few))
    base, told = process.start(workspace, few)["urls"][0], dict[int, dict[str, Any]]()
    url = f"{base}/in/{token}"
    _talk(base, url, many, told)  # the model is loaded now
    threads = [threading.Thread(target=_talk, args=(base, url, number, told)) for number in range(many)]
    with page.watched("F18", f"while {many} guests talk"):
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    try:
        assert [each["status"] for each in told.values()] == [200] * (many + 1)
        endpoint = client.ensure(workspace, run)
        alone = {number: "".join(client.chat(endpoint, run.id, [{"role": "user", "content": question(number)}], temperature=0, max_tokens=TOKENS)) for number in range(0, many, many // 10)}  # fmt: skip
        mixed = [number for number, text in alone.items() if told[number]["text"] != text]
        assert len(set(alone.values())) > 1, "the questions are told apart"
        faults.note("F18", "answers that were somebody else’s", len(mixed), most=0)
        faults.note("F18", "95 % of guests hear something (a place, a word) within", _late([each["first"] for each in told.values()]), "s", most=1)  # fmt: skip
        assert mixed == []
    finally:
        client.shutdown(workspace)
        for each in links.all_open(workspace):
            process.stop(workspace, each.id)
        for child in process._CHILDREN.values():
            child.wait(20)


def test_twenty_guests_talk_at_once(tmp_path: Path, page: Page) -> None:
    crowd(tmp_path, page, 20)


@pytest.mark.long
def test_a_hundred_guests_talk_at_once(tmp_path: Path, page: Page) -> None:
    crowd(tmp_path, page, 100)


def trained(workspace: Workspace, steps: int) -> Run:
    """A small real run of the model that we bring, as a worker of its own with as many threads as it likes; it has made its first steps."""
    recipe = parse({
        "task": {"kind": "chat", "max_length": 64}, "method": "lora", "model": {"id": "lumo"}, "data": {"dataset": TASKS.get("chat").sample},
        "training": {"max_steps": steps, "per_device_train_batch_size": 4, "save_steps": steps, "eval_steps": steps},
        "evaluation": {"max_rows": 4, "samples": 0, "baseline": False},
    })  # fmt: skip
    run = supervisor.start(workspace, recipe)
    until = time.monotonic() + 300
    while len(ups(run)) < min(steps, 10) and time.monotonic() < until:
        time.sleep(0.2)
    return run


def ups(run: Run) -> list[float]:
    """When its steps were done, by a clock that never jumps."""
    return [event.up for event in run.events()[0] if event.kind == "step" and event.up is not None]


def chatter(url: str, number: int, talk: threading.Event, over: threading.Event, heard: list[int]) -> None:
    """A guest who asks again as soon as there is an answer and the rate allows, while guests `talk`; pieces heard are counted."""
    with httpx.Client(base_url=url.partition("/in/")[0], follow_redirects=True, timeout=300, trust_env=False) as guest:
        guest.get(url)
        while not over.is_set():
            if not talk.wait(0.2):
                continue
            with guest.stream("POST", "/chat", json={"messages": [{"role": "user", "content": question(number)}]}) as answer:  # fmt: skip
                for line in answer.iter_lines():
                    heard[number] += line.startswith("data: ")
                    if not talk.is_set():
                        break
            over.wait(0.2 if answer.status_code == 200 else 2)


def turns(run: Run, talk: threading.Event) -> tuple[float, float]:
    """Steps a second without guests, and beside them, in turns one after the other, so that whatever else the machine does
    falls on both."""
    spans: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for turn in range(2 * TURNS):
        talking = bool(turn % 2)
        talk.set() if talking else talk.clear()
        time.sleep(2)  # answers in hand are let go, or begin
        begin = clock.up()
        time.sleep(TURN)
        spans[talking].append((begin, clock.up()))
    done = ups(run)
    assert run.status == "running", "it trained all the time"
    quiet, beside = (sum(begin <= up < end for up in done for begin, end in spans[talking]) / sum(end - begin for begin, end in spans[talking]) for talking in (False, True))  # fmt: skip
    assert quiet > 0, "the machine had nothing left for training even without guests"
    return quiet, beside


@contextmanager
def guests(url: str, talk: threading.Event) -> Iterator[list[int]]:
    """Twenty of them, who talk when `talk` is set; what each has heard."""
    over, heard = threading.Event(), [0] * 20
    threads = [threading.Thread(target=chatter, args=(url, number, talk, over, heard)) for number in range(20)]
    for each in threads:
        each.start()
    try:
        yield heard
    finally:
        talk.clear()
        over.set()
        for each in threads:
            each.join()


@pytest.mark.long
def test_twenty_guests_who_talk_all_the_time_leave_training_most_of_its_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    for name in ("OMP_NUM_THREADS", polite.MOST):  # every process takes all cores, and yields, as a person's do
        monkeypatch.delenv(name, raising=False)
    workspace, talk = Workspace(tmp_path / "w"), threading.Event()
    shared = trained(workspace, 10)
    until = time.monotonic() + 300
    while shared.status not in ENDED and time.monotonic() < until:
        time.sleep(0.2)
    url = process.share(workspace, shared.id, Terms(hours=1))["urls"][0]
    _talk(url.partition("/in/")[0], url, 0, {})  # the model is loaded now
    run = trained(workspace, 100_000)
    try:
        with guests(url, talk) as heard:
            quiet, beside = turns(run, talk)
    finally:
        supervisor.stop(run, grace=0.1)
        client.shutdown(workspace)
        for link in links.all_open(workspace):
            process.stop(workspace, link.id)
        for child in process._CHILDREN.values():
            child.wait(20)
    assert all(heard), "every guest was answered meanwhile"
    faults.note("F18", "training slows beside 20 guests who talk all the time", 100 * (1 - beside / quiet), "%", most=10)  # fmt: skip
    faults.note("F18", "words a second that those guests heard meanwhile", sum(heard) / (TURNS * TURN))


def test_the_limits_hold_for_the_whole_machine() -> None:
    assert os.sysconf("SC_OPEN_MAX") > 400, "the test of silent clients needs handles"
