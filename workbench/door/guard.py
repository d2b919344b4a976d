"""The door in front of every route, Gradio's raw ones included: host, origin, role, size, response headers.

Gradio's own `auth` leaves some raw routes open, never slows a guesser down and bounds no request; this ASGI layer sits before it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import ClientDisconnect, cookie_parser

from workbench.door import roles
from workbench.door.limits import BODY, FILE, PATIENCE, Counted, Message, Quota, Receive
from workbench.door.peer import CALLER, Address, Caller, Looks
from workbench.door.roles import AT_HOME, LOOPBACK, UNKNOWN, Roles, Rule, host_name, seems_local

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = dict[str, str]
Refusal = tuple[int, str, Headers]

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
Who = Callable[[Caller, Headers, dict[str, str]], Roles]
"""Roles by connection, headers and cookies."""


def anybody(caller: Caller, headers: Headers, cookies: dict[str, str]) -> Roles:
    """Without accounts: the owner, if it is a program of this very machine."""
    return AT_HOME if roles.is_local(caller, headers) else UNKNOWN


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
    looks: Looks | None = field(default_factory=Looks)
    """None where `who` does not ask who is at this machine."""

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
        refusal = self._foreign(headers)
        if refusal is None:
            scope[ROLE] = held = await self._held(scope, headers)
            refusal = self._by_role(held, scope["method"], path)
        if refusal:
            await answer(send, *refusal)
        else:
            await self._counted(scope, headers, receive, send)

    def _path(self, path: str) -> str:
        return path.removeprefix(self.prefix) or "/" if path == self.prefix or path.startswith(self.prefix + "/") else path  # fmt: skip

    def _foreign(self, headers: Headers) -> Refusal | None:
        """Asked for under a name that is not ours, or by a page of another site."""
        host = headers.get("host", "")
        if not self._is_ours(host_name(host)):
            return 400, "This host name is not served here (--allow-host adds one). 这里不提供该主机名的服务（可用 --allow-host 添加）。", {}  # fmt: skip
        origin = headers.get("origin")
        if origin and not self._same(origin, host):
            return 403, "Requests from another site are refused. 拒绝来自其他网站的请求。", {}
        return None

    async def _held(self, scope: Scope, headers: Headers) -> Roles:
        """The roles of who asks. Whose connection it is is looked up where that matters."""
        client, server = (tuple(scope.get(end) or ("", 0)) for end in ("client", "server"))
        caller = scope.get(CALLER) or Caller(client, server)
        if self.looks and seems_local(caller, headers):
            await self.looks.at(caller)
        return self.who(caller, headers, cookies(headers))

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
        told = _Told(send, body)
        try:
            body.begin(headers.get("content-length", ""))
            if body.much is None:
                await self.app(scope, body, told)
        except ClientDisconnect:
            pass  # nobody is there to be told
        except Exception as error:
            if body.much is None and (told.begun or not is_junk(error)):
                await told.flush()
                raise
            told.failed = type(error).__name__
        finally:
            body.done()
        if body.much is None and not told.failed:
            await told.flush()
        elif body.much is not None:
            await told.instead(body.much.status, body.much.text)
        else:
            await told.instead(400, "This request could not be understood. 无法理解这个请求。")


JUNK = (KeyError, IndexError, TypeError, AttributeError, ValueError)


def is_junk(error: Exception) -> bool:
    """Whether this is what a request that is not one of the page's own raises in Gradio's routes: an unknown handler or page, a body of
    another shape."""
    return isinstance(error, JUNK) or type(error).__module__.startswith("gradio.")


@dataclass
class _Told:
    """What the application says, kept back where it only says that it failed or was told that the client had gone."""

    send: Send
    body: Counted
    begun: bool = False
    failed: str = ""
    kept: list[Message] = field(default_factory=list)

    async def __call__(self, message: Message) -> None:
        """One message of the answer."""
        if not self.begun and (self.body.much is not None or self.kept or message.get("status") == 500):
            self.kept.append(message)
            return
        self.begun = True
        await self.send(message)

    async def flush(self) -> None:
        """What was kept back, after all."""
        for message in self.kept:
            await self.send(message)
        self.kept.clear()

    async def instead(self, status: int, text: str) -> None:
        """Another answer, if none has begun."""
        if not self.begun:
            await answer(self.send, status, text, {"connection": "close"})


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
    """What the browser remembers for this host, as it says it: a foreign cookie of odd form spoils none of ours."""
    return cookie_parser(headers.get("cookie", ""))


def address_of(client: Address, headers: Headers, behind_proxy: bool) -> str:
    """Who asks, for counting. Where the owner has said that a proxy on this machine passes on, it is the last address that is named;
    anybody can name one to a proxy that does not set it itself (docs/sharing.md: X-Forwarded-For)."""
    told = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return told if told and behind_proxy and client[0] in LOOPBACK else client[0]


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
