"""The door: host, origin, role, size, headers, on every route."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import faults
import pytest

from workbench.door import limits
from workbench.door.guard import HEADERS, ROLE, Guard, address_of, cookies, is_loopback
from workbench.door.limits import Quota
from workbench.door.peer import CALLER, Caller
from workbench.door.roles import (
    AT_HOME,
    EVERYBODY,
    LOOPBACK,
    OWNER_RULES,
    UNKNOWN,
    Role,
    Rule,
    allowed,
    host_name,
    is_local,
)

ALL = (Rule(".*", EVERYBODY),)
Sent = list[dict[str, Any]]


async def inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """As an application that takes a body in."""
    while (await receive()).get("more_body"):
        pass
    await inner(scope, receive, send)


def ask(guard: Guard, client: tuple[str, int] = ("127.0.0.1", 1), path: str = "/", method: str = "GET", pieces: tuple[bytes, ...] = (b"",), **headers: str) -> tuple[int, dict[str, str], dict[str, Any]]:  # fmt: skip
    sent: Sent = []
    left = list(pieces)

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        if not left:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or len(pieces) > 5}

    named = {name.replace("_", "-"): value for name, value in {"host": "127.0.0.1:7860", **headers}.items()}
    pairs = [(key.encode(), value.encode()) for key, value in named.items()]
    scope = {
        "type": "http",
        "headers": pairs,
        "client": client,
        CALLER: Caller(client, ours=True),
        "path": path,
        "method": method,
    }
    asyncio.run(guard(scope, receive, send))
    return sent[0]["status"], {key.decode(): value.decode() for key, value in sent[0]["headers"]}, scope


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_this_machine_is_served_with_safe_headers(host: str) -> None:
    status, headers, scope = ask(Guard(inner, ALL), host=host)
    assert status == 200
    assert HEADERS.items() <= headers.items()
    assert scope[ROLE] == AT_HOME


HOSTS = {"127.0.0.1:7860": True, "localhost:7860": True, "share.example": False, "127.0.0.1.evil.example": False}
ORIGINS = ("", "same", "https://evil.example", "null")


def test_sixteen_pairs_of_host_and_origin_end_as_designed() -> None:
    ends = {}
    for host, origin in itertools.product(HOSTS, ORIGINS):
        given = {"origin": f"http://{host}" if origin == "same" else origin} if origin else {}
        ends[host, origin] = ask(Guard(inner, ALL), host=host, **given)[0]
    wanted = {(host, origin): 400 if not good else 200 if origin in ("", "same") else 403 for (host, good), origin in itertools.product(HOSTS.items(), ORIGINS)}  # fmt: skip
    faults.note(
        "S4",
        f"of {len(ends)} pairs, those that end otherwise than designed",
        sum(ends[each] != wanted[each] for each in wanted),
        most=0,
    )
    assert ends == wanted
    assert len(ends) == 16


@pytest.mark.parametrize("host", ["evil.example", "", "evil:7860", "[::2]", "192.168.1.5:7860"])
def test_any_other_host_name_is_refused_on_loopback(host: str) -> None:
    assert ask(Guard(inner, ALL), host=host)[0] == 400


def test_an_open_door_is_asked_for_by_its_addresses_and_by_names_that_were_allowed() -> None:
    guard = Guard(inner, ALL, hosts=(*LOOPBACK, "bench.example"), numbers=True)
    ends = [ask(guard, host=host)[0] for host in ("192.168.1.5:7860", "[fe80::1]", "bench.example", "evil.example")]
    assert ends == [200, 200, 200, 400]


@pytest.mark.parametrize(
    "header",
    [
        "x_forwarded_for",
        "forwarded",
        "x_real_ip",
        "via",
        "x_forwarded_host",
        "x_forwarded_port",
        "cf_connecting_ip",
        "true_client_ip",
    ],
)
def test_what_a_proxy_passes_on_is_not_this_machine(header: str) -> None:
    status, _, scope = ask(Guard(inner, OWNER_RULES), path="/health", **{header: "9.9.9.9"})
    assert (status, scope[ROLE]) == (401, UNKNOWN)
    assert not is_local(Caller(("9.9.9.9", 1), ours=True), {"host": "localhost"})
    assert not is_local(Caller(("127.0.0.1", 1), ours=True), {"host": "192.168.1.5:7860"}), (
        "asked for by a name that others use"
    )
    assert is_local(Caller(("::1", 1), ours=True), {"host": "[::1]:7860"})


def test_who_asks_is_counted_by_the_address_a_proxy_names() -> None:
    told = {"x-forwarded-for": "1.2.3.4, 5.6.7.8"}
    assert address_of(("127.0.0.1", 1), told, True) == "5.6.7.8"
    assert address_of(("127.0.0.1", 1), told, False) == "127.0.0.1", "no proxy was told of"
    assert address_of(("9.9.9.9", 1), told, True) == "9.9.9.9", "a stranger names what it likes"
    assert address_of(("127.0.0.1", 1), {}, True) == "127.0.0.1"


def test_what_no_rule_names_is_refused_whoever_asks() -> None:
    for path in ("/en/monitoring", "/en/gradio_api/deep_link", "/docs", "/openapi.json", "/en/../en/", "/EN/"):
        assert allowed(OWNER_RULES, "GET", path) == frozenset()
        assert ask(Guard(inner, OWNER_RULES), path=path)[0] == 404
    assert ask(Guard(inner, OWNER_RULES), path="/en/", method="DELETE")[0] == 404


def test_somebody_unknown_is_led_to_the_login_page() -> None:
    guard = Guard(inner, OWNER_RULES, who=lambda *given: UNKNOWN, login="/login", prefix="/wb")
    status, headers, _ = ask(guard, path="/wb/zh/")
    assert (status, headers["location"]) == (303, "/wb/login?next=/zh/")
    assert ask(guard, path="/wb/en/config")[0] == 401
    assert ask(guard, path="/login")[0] == 200


@pytest.mark.parametrize("path", ["/wb/en/news", "/en/news"])
def test_a_proxys_path_may_be_stripped_or_not(path: str) -> None:
    status, _, scope = ask(Guard(inner, OWNER_RULES, prefix="/wb"), path=path)
    assert (status, scope["path"], scope["root_path"]) == (200, "/wb/en/news", "/wb")
    assert ask(Guard(inner, OWNER_RULES, prefix="/wb"), path="/wbx/en/news")[0] == 404


def test_a_body_is_cut_off_where_it_grows_too_big(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.door.guard.BODY", 1000)
    guard = Guard(reading, ALL)
    assert ask(guard, method="POST", content_length="5000")[0] == 413, "announced"
    assert ask(guard, method="POST", pieces=(b"x" * 600, b"x" * 600))[0] == 413, "not announced"
    assert ask(guard, method="POST", pieces=(b"x" * 300, b"x" * 300))[0] == 200


def test_a_body_that_stops_coming_is_not_waited_for() -> None:
    assert ask(Guard(reading, ALL, patience=0.05), method="POST", pieces=(b"x",) * 6)[0] == 408


def test_a_body_that_comes_by_drops_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PACE", 10**9)
    assert ask(Guard(reading, ALL, patience=0.0001), method="POST", pieces=(b"x",) * 3)[0] in (200, 408)
    body = limits.Counted(inner, 10**9, since=-1000.0, patience=1.0)  # type: ignore[arg-type]
    body._count(1)
    assert body.much == limits.TooMuch(408, limits.TOO_SLOW)


def test_all_uploads_together_have_a_quota_and_leave_nothing_when_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(limits, "COUNTED", 0)
    quota = Quota(tmp_path / "up", most=1000)
    (tmp_path / "up" / "abc").mkdir(parents=True)
    (tmp_path / "up" / "abc" / "kept.csv").write_bytes(b"x" * 700)
    (tmp_path / "up" / "tmphalf").write_bytes(b"x" * 20)
    guard = Guard(reading, ALL, quota=quota)
    upload: dict[str, Any] = {"method": "POST", "path": "/en/gradio_api/upload"}
    assert ask(guard, **upload, pieces=(b"x" * 200, b"x" * 200))[0] == 413
    assert (quota.held, quota.busy) == (0, 0)
    assert [path.name for path in (tmp_path / "up").rglob("*")] == ["abc", "kept.csv"]
    assert ask(guard, **upload, pieces=(b"x" * 100, b"x" * 100))[0] == 200
    assert ask(guard, **upload, content_length="400")[0] == 413
    assert ask(guard, method="POST", path="/en/gradio_api/run/x", pieces=(b"x" * 400,))[0] == 200, "no upload"


def test_what_is_cleaned_up_while_it_is_counted_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COUNTED", 0)
    quota = Quota(tmp_path / "up", most=1000)
    (tmp_path / "up" / "abc").mkdir(parents=True)
    (tmp_path / "up" / "abc" / "going.csv").symlink_to(tmp_path / "gone")  # listed, and not there when it is looked at
    guard = Guard(reading, ALL, quota=quota)
    assert ask(guard, method="POST", path="/en/gradio_api/upload", pieces=(b"x" * 100,), content_length="100")[0] == 200
    monkeypatch.setattr(Quota, "room", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(guard, method="POST", path="/en/gradio_api/upload", pieces=(b"x" * 100,), content_length="100")
    assert (quota.held, quota.busy) == (0, 0)


def test_names_and_cookies_are_read_right() -> None:
    assert [host_name(name) for name in ("a:1", "A", "[::1]:5", "::1", "[::1]evil.com")] == ["a", "a", "::1", "::1", ""]
    assert [is_loopback(name) for name in ("localhost", *LOOPBACK, "0.0.0.0", "x")] == [True] * 4 + [False] * 2
    assert cookies({"cookie": "a=1; b=2"}) == {"a": "1", "b": "2"}
    assert cookies({}) == {}
    assert cookies({"cookie": '_x={"a":1}; session=GOOD'})["session"] == "GOOD", "a foreign cookie of odd form"


def test_roles_do_not_overlap_by_accident() -> None:
    assert Role.OWNER not in UNKNOWN
    assert {Role.OWNER, Role.LOCAL} == AT_HOME
