"""Every handler and every route of the owner's page has a rule, and a raw call meets it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import gradio as gr
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from workbench.core.workspace import Workspace
from workbench.door.guard import ROLE, Guard
from workbench.door.roles import (  # fmt: skip
    AT_HOME,
    GUEST_RULES,
    GUESTS,
    LOCALS,
    OWNER_RULES,
    OWNERS,
    UNKNOWN,
    VIEWERS,
    Role,
    Roles,
    allowed,
)
from workbench.ui import access
from workbench.ui.app import Door, _front, _page
from workbench.ui.feed import Feed
from workbench.ui.login import Keeper

WHO: dict[str, Roles] = {
    "anonymous": UNKNOWN,
    "guest": GUESTS,
    "viewer": VIEWERS,
    "owner": OWNERS,
    "owner here": AT_HOME,
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Made inside a loop that is closed afterwards: Gradio leaves none behind then."""

    async def made() -> FastAPI:
        return _page("en", Workspace(tmp_path_factory.mktemp("roles")), Door(), Feed())

    return asyncio.run(made())


@pytest.fixture(scope="module")
def blocks(page: FastAPI) -> access.Gated:
    return next(route.app.get_blocks() for route in page.routes if hasattr(getattr(route, "app", None), "get_blocks"))


def routes(app: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, of mounted and included ones too, with something in place of its parameters."""
    for route in getattr(app, "routes", []):
        path = before + getattr(route, "path", "")
        inner = getattr(route, "app", None) or getattr(route, "router", None) or getattr(route, "original_router", None)
        if getattr(route, "methods", None):
            yield from ((method, re.sub(r"{[^}]*}", "x", path)) for method in route.methods)
        elif hasattr(inner, "routes"):
            yield from routes(inner, path)


@pytest.mark.parametrize("who", WHO)
def test_every_handler_answers_whom_its_rule_names_and_nobody_else(blocks: access.Gated, who: str) -> None:
    """4 roles × all handlers, as a raw call comes in: straight at the function, with whatever role the guard wrote down."""
    request = gr.Request(Request({"type": "http", "headers": [], ROLE: WHO[who]}))
    wrong = []
    for event in (each for each in blocks.fns.values() if each.fn is not None):
        may = bool(WHO[who] & access.rule(event.fn))
        refused = _refused(blocks, event, request)
        wrong += [event.api_name] if refused is may else []
        if not WHO[who] & OWNERS:
            assert not may
    assert wrong == []
    faults.note("S1", f"handlers that answer wrongly, asked as {who}", len(wrong), most=0)


class _Called(Exception):
    pass


def _refused(blocks: access.Gated, event: Any, request: Any) -> bool:
    """Whether the call is refused before anything of Gradio's is asked to run it."""

    async def called(self: Any, *given: Any, **named: Any) -> Any:
        raise _Called

    real, gr.Blocks.call_function = gr.Blocks.call_function, called  # type: ignore[method-assign]
    try:
        asyncio.run(blocks.call_function(event, [], None, request))
    except _Called:
        return False
    except gr.Error:
        return True
    finally:
        gr.Blocks.call_function = real  # type: ignore[method-assign]
    raise AssertionError("neither called nor refused")


def test_sharing_and_consent_are_for_the_owner_at_this_machine(blocks: access.Gated) -> None:
    here = {
        event.fn.__name__ for event in blocks.fns.values() if event.fn is not None and access.rule(event.fn) == LOCALS
    }
    assert {"shared", "stopped", "all_stopped", "agreed"} <= here


def test_what_scripts_of_components_call_is_gated_too(blocks: access.Gated) -> None:
    found = [function for block in blocks.blocks.values() for _, function in access.served(block)]
    assert len(found) >= 3
    for function in found:
        with pytest.raises(gr.Error, match="owner"):
            function({})


def test_a_call_without_a_sender_is_refused(blocks: access.Gated) -> None:
    event = next(event for event in blocks.fns.values() if event.fn is not None)
    for request in (None, gr.Request(None), [gr.Request(Request({"type": "http", "headers": []}))]):
        assert _refused(blocks, event, request)


CLOSED = {
    "/login/", "/login", "/logout", "/monitoring", "/monitoring/summary", "/monitoring/x", "/openapi.json", "/pwa_icon", "/pwa_icon/x",
    "/gradio_api/deep_link",
}  # fmt: skip


def test_every_route_has_a_rule_or_is_closed_to_all(page: FastAPI, tmp_path: Path) -> None:
    """A route that a new Gradio brings is closed until somebody decides; this test then names it."""
    keeper = Keeper(None)  # type: ignore[arg-type]
    found = {*routes(page), *routes(_front(Door(password="x"), keeper))}
    assert len(found) > 50
    ruled = {(method, path) for method, path in found if allowed(OWNER_RULES, method, path)}
    used = {path for _, path in ruled}
    assert {"/en/", "/en/news", "/en/gradio_api/queue/join", "/en/gradio_api/upload", "/en/gradio_api/component_server", "/login"} <= used  # fmt: skip
    for method, path in ruled:
        may = allowed(OWNER_RULES, method, path)
        assert Role.OWNER in may
        assert not may & (GUESTS | VIEWERS) or path in ("/login", "/logout", "/favicon.ico", "/login.css")
        assert Role.ANONYMOUS not in may or path in ("/login", "/logout", "/favicon.ico", "/login.css")


@pytest.mark.parametrize("who", WHO)
def test_routes_answer_by_the_table(page: FastAPI, who: str) -> None:
    """Everything but the owner's is refused before the application sees it."""
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = TestClient(Guard(app, OWNER_RULES, lambda *given: WHO[who]), base_url="http://localhost")
    found = sorted(set(routes(page)))
    wrong = []
    for method, path in found:
        status = client.request(method, path, follow_redirects=False).status_code
        if (status == 200) is not bool(WHO[who] & allowed(OWNER_RULES, method, path)):
            wrong.append((method, path, status))
    assert wrong == []
    faults.note("S1", f"routes that answer wrongly, of {len(found)}, asked as {who}", len(wrong), most=0)
    assert bool(reached) is bool(WHO[who] & OWNERS)


MATRIX = {
    ("GET", "/"): GUESTS | VIEWERS, ("GET", "/about"): GUESTS | VIEWERS, ("POST", "/chat"): GUESTS, ("POST", "/try"): GUESTS,
    ("GET", "/runs"): VIEWERS, ("GET", "/runs/x"): VIEWERS, ("GET", "/plotly.js"): VIEWERS,
    ("GET", "/in/x"): frozenset(Role), ("GET", "/guest.js"): frozenset(Role), ("GET", "/guest.css"): frozenset(Role), ("GET", "/favicon.ico"): frozenset(Role),
}  # fmt: skip


def test_the_guests_table_is_as_it_was_promised() -> None:
    assert {key: allowed(GUEST_RULES, *key) for key in MATRIX} == MATRIX
    for path in ("/en/", "/en/gradio_api/queue/join", "/health", "/config", "/news", "/login", "/docs", "/openapi.json", "/runs/x/y", "/in/", "/in/a/b"):  # fmt: skip
        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
            assert allowed(GUEST_RULES, method, path) == frozenset()


def test_the_page_says_nothing_of_the_machine_to_who_is_refused(page: FastAPI) -> None:
    client = TestClient(Guard(page, OWNER_RULES, lambda *given: UNKNOWN), base_url="http://localhost")
    answer = client.post(
        "/en/gradio_api/queue/join", content=json.dumps({"data": [], "fn_index": 0, "session_hash": "x"})
    )
    assert answer.status_code == 401
    assert len(answer.text) < 60
    assert "/" not in answer.text
