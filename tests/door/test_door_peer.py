"""Whose program is at the other end of a connection to this machine's own address."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
import uvicorn

from workbench.core.workspace import Workspace
from workbench.door import peer, wire
from workbench.door.guard import Guard
from workbench.door.peer import CALLER, Caller, Looks
from workbench.door.roles import LOOPBACK, OWNER_RULES, is_local
from workbench.ui.app import Door, accounts_of, create

pytestmark = pytest.mark.skipif(not peer.tells(), reason="this system does not tell whose a connection is")
AT_LOCALHOST = {"host": "localhost:7860"}
STRANGER = 65_534


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, Caller]]:
    """A client's socket, and its connection as the server sees it."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family) as server, socket.socket(family) as client:
        try:
            server.bind((request.param, 0))
        except OSError:
            pytest.skip("no such address here")
        server.listen()
        client.connect(server.getsockname())
        yield client, Caller(client.getsockname()[:2], server.getsockname()[:2])


def looked(*callers: Caller, looks: Looks | None = None) -> list[bool | None]:
    async def scene() -> None:
        at = looks or Looks()
        await asyncio.gather(*(at.at(each) for each in callers))

    asyncio.run(scene())
    return [each.ours for each in callers]


def again(caller: Caller, **other: Any) -> Caller:
    """Another connection between the same two ends."""
    return Caller(caller.client, caller.server, **other)


def test_a_program_of_ours_is_at_home(ends: tuple[socket.socket, Caller]) -> None:
    _, caller = ends
    assert not is_local(caller, AT_LOCALHOST), "before anybody has looked"
    assert looked(caller) == [True]
    assert is_local(caller, AT_LOCALHOST)


@pytest.mark.parametrize(("user", "ours"), [(1000, True), (0, True), (STRANGER, False)])
def test_the_administrator_is_at_home_and_another_user_is_not(ends: tuple[socket.socket, Caller], monkeypatch: pytest.MonkeyPatch, user: int, ours: bool) -> None:  # fmt: skip
    caller = ends[1]
    key = next(iter(peer.listed().keys() & {" ".join(each) for each in zip(*map(peer._written, (caller.client, caller.server)), strict=True)}))  # fmt: skip
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(peer, "listed", lambda: {key: user})
    assert looked(caller) == [ours]
    assert is_local(caller, AT_LOCALHOST) == ours


def test_a_connection_that_was_broken_off_is_nobodys_and_nothing_of_it_is_kept(ends: tuple[socket.socket, Caller]) -> None:  # fmt: skip
    client, caller = ends
    looks, next_one = Looks(), again(caller)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert looked(caller, looks=looks) == [None]
    assert not is_local(caller, AT_LOCALHOST)
    assert looked(next_one, looks=looks) == [None]


def test_a_connection_that_ends_meanwhile_is_nobodys(ends: tuple[socket.socket, Caller]) -> None:
    assert looked(again(ends[1], has_ended=lambda: True)) == [None]


def test_the_same_port_at_another_address_is_another_connection(ends: tuple[socket.socket, Caller]) -> None:
    caller = ends[1]
    assert looked(Caller(("127.0.0.9", caller.client[1]), caller.server), Caller(caller.client, (caller.server[0], 9))) == [None, None]  # fmt: skip
    assert looked(caller) == [True]


def test_fifty_that_come_at_once_share_a_reading(ends: tuple[socket.socket, Caller], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    readings: list[int] = []
    listed = peer.listed
    monkeypatch.setattr(peer, "listed", lambda: readings.append(1) or listed())
    assert looked(*(again(ends[1]) for _ in range(50))) == [True] * 50
    assert len(readings) <= 2


def test_where_nobody_tells_whoever_is_here_is_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert looked(Caller(("127.0.0.1", 1), ("127.0.0.1", 2))) == [True]


def test_where_looking_fails_nobody_is_at_home_meanwhile(ends: tuple[socket.socket, Caller], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    looks, right = Looks(), peer.listed
    assert looked(again(ends[1]), looks=looks) == [True]

    def no_handle_left() -> dict[str, int]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(peer, "listed", no_handle_left)
    assert looked(again(ends[1]), again(ends[1]), looks=looks) == [None, None], "an older reading counts for nothing"
    assert peer.is_blind()
    monkeypatch.setattr(peer, "listed", right)
    assert looked(again(ends[1]), looks=looks) == [True]
    assert not peer.is_blind()


def test_a_system_that_should_tell_and_does_not_asks_for_a_password(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:  # fmt: skip
    monkeypatch.setattr(peer, "listed", dict)
    assert peer.is_blind()
    assert looked(Caller(("127.0.0.1", 1), ("127.0.0.1", 2))) == [None]
    door = Door(blind=True).locked(accounts_of(workspace))
    assert door.password
    assert create(workspace, door).login == "/login"
    assert create(workspace, Door()).login == ""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], tuple[int, list[Caller]]]]:
    """The guard behind the real server; the connections that asked for something."""
    seen: list[Caller] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope[CALLER])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    sock = wire.listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(Guard(app, OWNER_RULES), http=wire.Patient, log_level="critical", lifespan="off", ws="none"))  # fmt: skip
    serving = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
    serving.start()
    yield lambda: (sock.getsockname()[1], seen)
    server.should_exit = True
    serving.join()


def asked(sock: socket.socket) -> bytes:
    """The first line of an answer, which is taken in whole."""
    sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = HTTPResponse(sock)
    answer.begin()
    answer.read()
    return b"%d" % answer.status


def test_it_is_found_out_once_for_a_connection(served: Callable[[], tuple[int, list[Caller]]], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    port, seen = served()
    with socket.create_connection(("127.0.0.1", port)) as first, socket.create_connection(("127.0.0.1", port)) as other:
        assert b"200" in asked(first)
        monkeypatch.setattr(peer, "listed", dict)
        assert b"200" in asked(first)
        assert b"401" in asked(other), "nothing is known of another connection"
    assert seen[0] is seen[1]
    assert len(seen) == 2


@pytest.mark.skipif(os.name == "nt" or not shutil.which("bash"), reason="needs bash")
def test_another_user_of_the_machine_is_refused(served: Callable[[], tuple[int, list[Caller]]]) -> None:
    if os.getuid() != 0:
        pytest.skip("only the administrator can play another user")
    port, seen = served()
    words = f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3"  # fmt: skip
    done = subprocess.run(["bash", "-c", words], user=STRANGER, capture_output=True, timeout=60, check=True)
    assert done.stdout.startswith(b"HTTP/1.1 401")
    assert seen == []


def test_a_loop_that_takes_what_it_likes_is_let_do_so() -> None:
    class Fixed:
        __slots__ = ()

    wire.in_pieces(Fixed())
    wire.in_pieces(free := type("Free", (), {})())
    assert free.max_size == wire.PIECE


def test_home_is_this_machine_only() -> None:
    assert not is_local(Caller(("9.9.9.9", 1), ours=True), AT_LOCALHOST)
    assert all(is_local(Caller((each, 1), ours=True), AT_LOCALHOST) for each in LOOPBACK)
