"""The door in front of every route, Gradio's raw ones included: host, origin, password, response headers.

Gradio's own `auth` leaves some raw routes open and never slows a guesser down; this ASGI layer sits before it.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

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
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
TRIES, WINDOW = 5, 60.0


@dataclass
class Guard:
    """Wraps an ASGI app. `hosts` are the host names that may be asked for; None allows any (only with a password)."""

    app: App
    hosts: tuple[str, ...] | None = LOOPBACK
    password: str | None = None
    user: str = "workbench"
    _failures: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(headers, str((scope.get("client") or ("",))[0]))
        if refusal:
            await _answer(send, *refusal)
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, headers: dict[str, str], client: str) -> tuple[int, str, dict[str, str]] | None:
        host = host_name(headers.get("host", ""))
        if self.hosts is not None and host not in self.hosts:
            return 400, "This host name is not served here. 这里不提供该主机名的服务。", {}
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            return 403, "Requests from another site are refused. 拒绝来自其他网站的请求。", {}
        return self._password(headers, client) if self.password else None

    def _password(self, headers: dict[str, str], client: str) -> tuple[int, str, dict[str, str]] | None:
        now = time.monotonic()
        failures = self._failures[client]
        while failures and now - failures[0] > WINDOW:
            failures.popleft()
        if len(failures) >= TRIES:
            return (
                429,
                "Too many wrong passwords; wait a minute. 密码错误次数过多，请稍等一分钟。",
                {"retry-after": "60"},
            )
        given = headers.get("authorization", "")
        expected = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if hmac.compare_digest(given.encode(), expected.encode()):
            return None
        if given:
            failures.append(now)
        return (
            401,
            "A password is needed. 需要密码。",
            {"www-authenticate": 'Basic realm="workbench", charset="UTF-8"'},
        )


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def is_loopback(host: str) -> bool:
    """Whether a listening address can be reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {key.lower() for key, _ in message.get("headers", [])}
            extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present]
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return sender


async def _answer(send: Send, status: int, text: str, extra: dict[str, str]) -> None:
    body = text.encode()
    headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), **extra}
    pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
    await _with_headers(send)({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
