"""The door: host, origin, password and headers, on every route."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from workbench.ui.app import Door
from workbench.ui.guard import HEADERS, LOOPBACK, TRIES, Guard, host_name, is_loopback


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def ask(guard: Guard, client: str = "9.9.9.9", **headers: str) -> tuple[int, dict[str, str]]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    pairs = [(key.encode(), value.encode()) for key, value in {"host": "127.0.0.1:7860", **headers}.items()]
    scope = {"type": "http", "headers": pairs, "client": (client, 1), "path": "/"}
    asyncio.run(guard(scope, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], {key.decode(): value.decode() for key, value in sent[0]["headers"]}


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_this_machine_is_served_with_safe_headers(host: str) -> None:
    status, headers = ask(Guard(inner), host=host)
    assert status == 200
    assert HEADERS.items() <= headers.items()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "evil:7860", "[::2]"])
def test_any_other_host_name_is_refused(host: str) -> None:
    assert ask(Guard(inner), host=host)[0] == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:7860"])
def test_a_page_of_another_site_cannot_call_us(origin: str) -> None:
    assert ask(Guard(inner), origin=origin)[0] == 403


def test_our_own_page_can() -> None:
    assert ask(Guard(inner), origin="http://127.0.0.1:7860")[0] == 200


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"workbench:{password}".encode()).decode()


def test_a_password_is_asked_for_and_guessing_is_slowed_down() -> None:
    guard = Guard(inner, hosts=None, password="right")
    assert ask(guard)[0] == 401
    assert ask(guard, authorization=basic("right"))[0] == 200
    assert [ask(guard, authorization=basic("wrong"))[0] for _ in range(TRIES)] == [401] * TRIES
    assert ask(guard, authorization=basic("right"))[0] == 429, "locked for a minute, also for the right one"
    assert ask(guard, client="8.8.8.8", authorization=basic("right"))[0] == 200, "others are not locked out"


@pytest.mark.parametrize("door", [Door(share=True), Door(host="0.0.0.0"), Door(host="192.168.1.5")])
def test_whatever_others_can_reach_has_a_password(door: Door) -> None:
    assert len(door.locked().password or "") >= 16
    assert Door(door.host, share=door.share, password="mine").locked().password == "mine"


def test_the_default_door_is_for_this_machine_only() -> None:
    assert Door().host == "127.0.0.1"
    assert not Door().open_to_others
    assert Door().locked().password is None


def test_host_names_are_read_right() -> None:
    assert [host_name(name) for name in ("a:1", "A", "[::1]:5", "::1")] == ["a", "a", "::1", "::1"]
    assert [is_loopback(name) for name in ("localhost", *LOOPBACK, "0.0.0.0", "x")] == [True] * 4 + [False] * 2
