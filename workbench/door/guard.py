"""The door in front of every route, Gradio's raw ones included: host, origin, role, size, response headers.

Gradio's own `auth` leaves some raw routes open, never slows a guesser down and bounds no request; this ASGI layer sits before it.
"""

from __future__ import annotations

import http.cookies
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import ClientDisconnect

from workbench.door import roles
from workbench.door.limits import BODY, FILE, PATIENCE, Counted, Message, Quota, Receive
from workbench.door.roles import AT_HOME, UNKNOWN, Roles, Rule

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = dict[str, str]
Refusal = tuple[int, str, Headers]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Gradio's page needs inline scripts and compiled templates; nothing may be fetched from, sent to or framed by another site.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer a browser calls our own forms foreign: Origin: null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
ROLE = "workbench.role"
"""Where in a request's scope it is written what roles who asks has."""
Who = Callable[[str, Headers, dict[str, str]], Roles]
"""Roles by address, headers and cookies."""


def anybody(client: str, headers: Headers, cookies: dict[str, str]) -> Roles:
    """Without accounts: the owner, if it is a program of this very machine."""
    return AT_HOME if roles.is_local(client, headers) else UNKNOWN


@dataclass
class Guard:
    """Wraps an ASGI app.

    `who` tells the roles. `hosts` are the names that may be asked for; addresses written as numbers
    may be, too, where `numbers` is set (a name is what another site can turn into our address; a number is not); None: any, where nothing is given without a token in any case. `login` is where
    people without a role are sent. `prefix` is the path a reverse proxy serves us under, whether it strips it or not.
    """

    app: App
    rules: tuple[Rule, ...]
    who: Who = anybody
    hosts: tuple[str, ...] | None = LOOPBACK
    numbers: bool = False
    login: str = ""
    prefix: str = ""
    quota: Quota | None = None
    headers: Headers = field(default_factory=lambda: HEADERS)
    patience: float = PATIENCE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        path = self._path(str(scope["path"]))
        # as ASGI wants it: the path with what it is mounted under
        scope.update(path=self.prefix + path, root_path=self.prefix)
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        send = with_headers(send, self.headers)
        refusal = self._refusal(scope, path, headers)
        if refusal:
            await answer(send, *refusal)
        else:
            await self._counted(scope, headers, receive, send)

    def _path(self, path: str) -> str:
        return path.removeprefix(self.prefix) or "/" if path == self.prefix or path.startswith(self.prefix + "/") else path  # fmt: skip

    def _refusal(self, scope: Scope, path: str, headers: Headers) -> Refusal | None:
        host = headers.get("host", "")
        if not self._is_ours(host_name(host)):
            return 400, "This host name is not served here (--allow-host adds one). 这里不提供该主机名的服务（可用 --allow-host 添加）。", {}  # fmt: skip
        origin = headers.get("origin")
        if origin and not self._same(origin, host):
            return 403, "Requests from another site are refused. 拒绝来自其他网站的请求。", {}
        scope[ROLE] = held = self.who(str((scope.get("client") or ("",))[0]), headers, cookies(headers))
        return self._by_role(held, scope["method"], path)

    def _is_ours(self, name: str) -> bool:
        return self.hosts is None or name in self.hosts or (self.numbers and is_number(name))

    def _same(self, origin: str, host: str) -> bool:
        """Whether a page of ours sent it. A proxy that speaks https may stand before us: only names are compared with the host asked for."""
        try:
            return urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False

    def _by_role(self, held: Roles, method: str, path: str) -> Refusal | None:
        may = roles.allowed(self.rules, method, path)
        if held & may:
            return None
        if held != UNKNOWN:
            return (
                (403, "That is not for you. 你无权进行此操作。", {})
                if may
                else (404, "There is no such page. 没有这个页面。", {})
            )
        if self.login and method == "GET" and path.endswith("/"):
            return (
                303,
                "",
                {"location": f"{self.prefix}{self.login}?next={quote(path)}", "cache-control": "no-store"},
            )
        return 401, "Log in first. 请先登录。" if self.login else "A link is needed. 需要有效的链接。", {}

    async def _counted(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        upload = scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/upload")
        body = Counted(receive, FILE + BODY if upload else BODY, self.quota if upload else None, self.patience)
        begun = False

        async def sender(message: Message) -> None:
            nonlocal begun
            if begun or body.much is None:
                begun = True
                await send(message)

        body.begin(headers.get("content-length", ""))
        try:
            if body.much is None:
                await self.app(scope, body, sender)
        except ClientDisconnect:
            pass  # nobody is there to be told
        except Exception:
            if body.much is None:
                raise
        finally:
            body.done()
        if body.much is not None and not begun:
            await answer(send, body.much.status, body.much.text, {"connection": "close"})


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def is_number(name: str) -> bool:
    """Whether a host is written as an address."""
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine only."""
    return host == "localhost" or (is_number(host) and ipaddress.ip_address(host).is_loopback)


def cookies(headers: Headers) -> dict[str, str]:
    """What the browser remembered for us; nothing of a header that is none."""
    try:
        return {name: morsel.value for name, morsel in http.cookies.SimpleCookie(headers.get("cookie", "")).items()}
    except http.cookies.CookieError:
        return {}


def is_secure(scheme: str, headers: Headers) -> bool:
    """Whether the person's browser speaks https, to us or to the proxy before us."""
    return scheme == "https" or headers.get("x-forwarded-proto", "").split(",")[0].strip() == "https"


def with_headers(send: Send, extra: Headers) -> Send:
    """`send` that adds these response headers where they are missing."""

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message.get("headers", [])}
            more = [(k.encode(), v.encode()) for k, v in extra.items() if k.encode() not in present]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sender


async def answer(send: Send, status: int, text: str, extra: Headers) -> None:
    """A whole answer in plain text."""
    body = text.encode()
    headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), **extra}
    pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
