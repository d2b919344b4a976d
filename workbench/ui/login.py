"""The page for logging in, and who somebody is afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from workbench.core.text import LANGS, Lang
from workbench.door.accounts import LASTS, Accounts, Sessions, Tries
from workbench.door.guard import Headers, address_of, is_secure
from workbench.door.peer import Caller
from workbench.door.register import network
from workbench.door.roles import AT_HOME, OWNERS, UNKNOWN, Roles, is_local
from workbench.ui.notices import esc
from workbench.ui.words import Words

COOKIE = "workbench-session"
"""With the port behind it: a browser sends the cookies of a host to all its ports."""
AT_ONCE = 2
"""Passwords that are looked at at a time: each takes a core for a while."""
FORM = 10_000
"""Bytes of a form."""


@dataclass
class Keeper:
    """Knows the accounts, the open sessions and who guessed wrong."""

    accounts: Accounts
    cookie: str = COOKIE
    behind_proxy: bool = False
    sessions: Sessions = field(default_factory=Sessions)
    tries: Tries = field(default_factory=Tries)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def who(self, caller: Caller, headers: Headers, cookies: dict[str, str]) -> Roles:
        """The roles behind a request's cookie; none where the account is gone or has another password now."""
        session = self.sessions.of(cookies.get(self.cookie, ""))
        if session is None or not session.mark or session.mark != self.accounts.mark(session.name):
            return UNKNOWN
        return AT_HOME if is_local(caller, headers) else OWNERS


def routes(app: FastAPI, keeper: Keeper, prefix: str, language: Callable[[Request], Lang]) -> None:
    """Add the pages for logging in and out to `app`; `language` says in which."""

    def tongue(request: Request, after: str) -> Lang:
        """What was chosen on this page, else that of the page somebody wanted."""
        wanted = next((lang for lang in LANGS if after == f"/{lang}/"), None)
        return language(request) if wanted is None or "lang" in request.query_params else wanted

    @app.get("/login", include_in_schema=False)
    def asked(request: Request) -> HTMLResponse:
        return _page(
            Words(tongue(request, request.query_params.get("next", ""))), "", request.query_params.get("next", ""), 200
        )

    @app.post("/login", include_in_schema=False)
    async def tried(request: Request) -> Response:
        given = await _form(request)
        words = Words(tongue(request, given.get("next", "")))
        headers = {key.lower(): value for key, value in request.headers.items()}
        name = given.get("name", "")[:80]
        address = network(address_of(request.client or ("", 0), headers, keeper.behind_proxy))
        wait = keeper.tries.wait(name, address)
        if wait:
            return _page(words, words("login_wait", n=ceil(wait)), given.get("next", ""), 429, name)
        mark = keeper.accounts.mark(
            name
        )  # before the password is looked at: who is removed meanwhile has nothing that is good afterwards
        keeper.tries.wrong(name, address)  # before the answer is known: many at once are many
        async with keeper.turns:
            good = await asyncio.to_thread(keeper.accounts.right, name, given.get("password", ""))
        if not good:
            return _page(words, words("login_wrong"), given.get("next", ""), 401, name)
        keeper.tries.right(name, address)
        answer = RedirectResponse(f"{prefix}/{words.lang}/", status_code=303)
        answer.set_cookie(
            keeper.cookie, keeper.sessions.begin(name, mark), max_age=int(LASTS), path=f"{prefix}/", httponly=True, samesite="lax",
            secure=is_secure(request.url.scheme, headers),
        )  # fmt: skip
        return answer

    @app.post("/logout", include_in_schema=False)
    def left(request: Request) -> RedirectResponse:
        keeper.sessions.end(request.cookies.get(keeper.cookie, ""))
        answer = RedirectResponse(f"{prefix}/login", status_code=303)
        answer.delete_cookie(keeper.cookie, path=f"{prefix}/")
        return answer


async def _form(request: Request) -> dict[str, str]:
    """What a form sent; nothing of a body that is too long to be one."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM:
            return {}
    return {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()}


def _inner(path: str) -> str:
    """Where to go then: one of our own pages, never another site."""
    return path if path in ("/en/", "/zh/") else "/"


def _page(words: Words, said: str, after: str, status: int, name: str = "") -> HTMLResponse:
    """The form has no address of its own: what is sent to the page's keeps what stands behind its #, the page somebody wanted."""
    other = "zh" if words.lang == "en" else "en"
    note = f'<p class="bad" role="alert">{esc(said)}</p>' if said else ""
    body = (
        f'<!doctype html><html lang="{words.lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{esc(words("login_title"))}</title><link rel="stylesheet" href="login.css"><link rel="icon" href="favicon.ico"></head>'
        f'<body><main><h1>{esc(words("title"))}</h1><p>{esc(words("login_text"))}</p>{note}<form method="post">'
        f'<label>{esc(words("login_name"))}<input name="name" autocomplete="username" required maxlength="80" value="{esc(name)}" autofocus></label>'
        f'<label>{esc(words("login_password"))}<input name="password" type="password" autocomplete="current-password" required maxlength="1024"></label>'
        f'<input type="hidden" name="next" value="{esc(_inner(after))}"><button>{esc(words("login_go"))}</button></form>'
        f'<p class="other"><a href="?lang={other}&amp;next={quote(_inner(after))}" lang="{other}">{"中文" if other == "zh" else "English"}</a></p>'
        f'</main></body></html>'
    )  # fmt: skip
    answer = HTMLResponse(body, status, {"cache-control": "no-store"})
    answer.headers["content-security-policy"] = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"  # fmt: skip
    return answer
