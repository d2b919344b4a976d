"""The guests' routes. None of the owner's exist here, and no Gradio: a page, one question, one answer, and where the link says so, runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.text import Lang, Text
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door.guard import HEADERS, Guard, address_of, is_secure
from workbench.door.guests import Guests, Refused
from workbench.door.limits import PATIENCE
from workbench.door.register import Guest
from workbench.door.roles import GUEST_RULES
from workbench.serve.hearing import Busy
from workbench.ui.app import chosen_language
from workbench.ui.feed import Feed
from workbench.ui.guest import asking, looking
from workbench.ui.notices import esc
from workbench.ui.words import Words

POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"  # fmt: skip
"""Nothing but our own files; plotly sets styles in the page."""
STRICT = {**HEADERS, "content-security-policy": POLICY}
WORDS = ("guest_note", "guest_say", "guest_send", "guest_stop", "guest_new", "guest_you", "guest_model", "guest_loading", "guest_place", "guest_broken", "guest_runs", "guest_chat", "guest_before", "guest_after", "guest_none", "guest_gone", "guest_ends", "guest_cut", "guest_stopped", "guest_full", "guest_empty", "guest_metric")  # fmt: skip
TOO_LONG = 256 * 2**10
"""Bytes of a question's request."""


def create(workspace: Workspace, link: links.Link) -> tuple[Guard, Guests]:
    """The guarded application, and who is in it."""
    guests = Guests(link, over=links.Term(workspace, link).over)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _front(app, workspace, link, guests)
    _talk(app, workspace, link, guests)
    if link.runs:
        _runs(app, workspace)
    app.add_exception_handler(Refused, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(UserError, _unknown)  # type: ignore[arg-type]
    return Guard(
        app, GUEST_RULES, guests.who, hosts=None, prefix=link.prefix, headers=STRICT, patience=PATIENCE, looks=None
    ), guests


async def _refused(request: Request, error: Refused) -> Response:
    """A sentence; as a page for somebody who has just opened the link."""
    if "/in/" in request.url.path:
        return _closed(error.text, error.status)
    retry = {"retry-after": f"{max(1, error.after):.0f}"} if error.after else None
    return JSONResponse({"error": error.text._asdict()}, error.status, retry)


async def _unknown(request: Request, error: UserError) -> JSONResponse:
    return JSONResponse({"error": error.text._asdict()}, 404)


def _front(app: FastAPI, workspace: Workspace, link: links.Link, guests: Guests) -> None:
    @app.get("/in/{token}")
    async def enter(token: str, request: Request) -> Response:  # in the one thread that keeps the book of guests
        if guests.over():
            raise Refused(403, Text("This link is over.", "此链接已失效。"))
        headers = {key.lower(): value for key, value in request.headers.items()}
        known = request.cookies.get(guests.cookie, "")
        address = address_of(request.client or ("", 0), headers, link.place != "network")
        cookie = known if guests.of(known) else guests.enter(token, address)
        answer = RedirectResponse(f"{link.prefix}/", status_code=303, headers={"cache-control": "no-store"})
        answer.set_cookie(guests.cookie, cookie, max_age=86_400, path=f"{link.prefix}/", httponly=True, samesite="lax", secure=is_secure(request.url.scheme, headers))  # fmt: skip
        return answer

    @app.get("/")
    def page(request: Request) -> HTMLResponse:
        return _page(Words(chosen_language(request, None)), link)

    for name in ("guest.css", "guest.js"):
        app.get(f"/{name}")(_file(ASSETS / name))
    app.get("/favicon.ico")(_file(ASSETS / "favicon.svg"))


def _file(path: Path) -> Callable[[], FileResponse]:
    def found() -> FileResponse:
        return FileResponse(path, headers={"cache-control": "no-cache"})

    return found


def _talk(app: FastAPI, workspace: Workspace, link: links.Link, guests: Guests) -> None:
    model = asking.Model(workspace, link, lambda: guests.over())

    @app.get("/about")
    def about(request: Request) -> dict[str, Any]:
        task, words = TASKS.get(model.run.recipe.task.kind), Words(chosen_language(request, None))
        roles = {role.name: role for role in task.roles}
        more = {name: words("guest_optional") for name in model.asks if not roles[name].required}
        asked = [{"name": name, "label": words.say(roles[name].label) + more.get(name, "")} for name in model.asks]
        return {
            "link": link.id,
            "run": link.run,
            "mode": model.mode,
            "fields": asked,
            "until": link.until,
            "runs": link.runs,
            "limits": asdict(link.limits),
        }

    @app.post("/chat")
    async def chat(request: Request) -> Response:
        guest, body = _guest(guests, request), await _body(request)
        asked = asking.conversation(body, link.limits, model.mode)
        holding = guests.answering(guest)
        holding.__enter__()  # refused here is an answer of its own; what follows is a stream

        async def told() -> Any:
            try:
                async for event in asking.events(model, asked):
                    yield event
            finally:
                holding.__exit__(None, None, None)

        return StreamingResponse(
            told(), media_type="text/event-stream", headers={"cache-control": "no-store", "x-accel-buffering": "no"}
        )

    @app.post("/try")
    async def attempt(request: Request) -> JSONResponse:
        guest, body = _guest(guests, request), await _body(request)
        found = asking.fields(body, link.limits, model.asks)
        with guests.answering(guest):
            try:
                return JSONResponse(await model.attempt(found))
            except UserError as error:
                raise Refused(
                    429 if isinstance(error, Busy) else 400, asking.BUSY if isinstance(error, Busy) else asking.BROKEN
                ) from error


def _guest(guests: Guests, request: Request) -> Guest:
    found = guests.of(request.cookies.get(guests.cookie, ""))
    if found is None:
        raise Refused(401, Text("Open the link again.", "请重新打开链接。"))
    return found


async def _body(request: Request) -> Any:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > TOO_LONG:
            raise Refused(413, Text("That is too long.", "内容太长。"))
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, Text("Write something first.", "请先输入内容。")) from None


def _runs(app: FastAPI, workspace: Workspace) -> None:
    feed = Feed()

    @app.get("/runs")
    def listed(request: Request) -> list[dict[str, Any]]:
        return looking.listed(workspace, Words(chosen_language(request, None)))

    @app.get("/runs/{run_id}")
    def one(run_id: str, request: Request) -> dict[str, Any]:
        return looking.shown(workspace, feed, run_id, Words(chosen_language(request, None)))

    spec = find_spec("plotly")
    app.get("/plotly.js")(_file(Path(str(spec.origin if spec else "")).parent / "package_data" / "plotly.min.js"))


def _page(words: Words, link: links.Link) -> HTMLResponse:
    told = esc(json.dumps({name.removeprefix("guest_"): words(name) for name in WORDS}, ensure_ascii=False))
    tabs = f'<nav><button type="button" id="to-chat" aria-current="page">{esc(words("guest_chat"))}</button><button type="button" id="to-runs">{esc(words("guest_runs"))}</button></nav>' if link.runs else ""  # fmt: skip
    plotly = '<script src="plotly.js" defer></script>' if link.runs else ""
    other: Lang = "zh" if words.lang == "en" else "en"
    return HTMLResponse(
        f'<!doctype html><html lang="{words.lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta name="robots" content="noindex"><title>{esc(words("guest_title"))}</title><link rel="icon" href="favicon.ico">'
        f'<link rel="stylesheet" href="guest.css">{plotly}<script src="guest.js" defer></script></head>'
        f'<body data-words="{told}"><header><b>{esc(words("guest_title"))}</b><span id="about"></span>{tabs}'
        f'<a href="?lang={other}" lang="{other}">{"中文" if other == "zh" else "EN"}</a></header><main id="chat"></main>'
        f'<main id="runs" hidden></main></body></html>',
        headers={"cache-control": "no-store"},
    )  # fmt: skip


def _closed(text: Text, status: int) -> HTMLResponse:
    body = f"<main><h1>{esc(text.en)}</h1><p>{esc(text.zh)}</p></main>"
    return HTMLResponse(f'<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="stylesheet" href="../guest.css"></head><body class="closed">{body}</body></html>', status)  # fmt: skip
