"""One page per language, each built when somebody first asks for it: a start pays for one language only."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from fastapi import FastAPI

from workbench.core.text import LANGS, Lang
from workbench.door.guard import Scope, Send
from workbench.door.limits import Receive


class Site:
    """An ASGI application: /en/… and /zh/… go to their own applications, everything else to `front`."""

    def __init__(self, front: FastAPI, make: Callable[[Lang], FastAPI]) -> None:
        self.front = front
        self.make = make
        self.apps: dict[Lang, FastAPI] = {}
        self._open = contextlib.AsyncExitStack()
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        lang = next((lang for lang in LANGS if path.startswith(f"/{lang}/")), None)
        app = await self.app(lang) if lang else self.front
        await app(scope, receive, send)

    async def app(self, lang: Lang) -> FastAPI:
        """The application of one language, built and started on first use."""
        async with self._lock:
            if lang not in self.apps:
                made = self.make(lang)
                await self._open.enter_async_context(made.router.lifespan_context(made))
                self.apps[lang] = made
        return self.apps[lang]

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})
