"""The web application: FastAPI behind the guard, the page mounted once per language at /en/ and /zh/."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from workbench import ASSETS
from workbench.core.errors import UserError
from workbench.core.text import LANGS, Lang
from workbench.core.workspace import Workspace
from workbench.door.accounts import FIRST, Accounts
from workbench.door.guard import Guard, anybody, is_loopback
from workbench.door.limits import FILE, Quota
from workbench.door.peer import is_blind
from workbench.door.roles import LOOPBACK, OWNER_RULES
from workbench.door.wire import CONNECTIONS, Patient, alone, way_out, why
from workbench.ui import hints, login
from workbench.ui.feed import Feed
from workbench.ui.login import Keeper
from workbench.ui.site import Site
from workbench.ui.words import Words

STARTED = secrets.token_hex(8)
"""Of this process: a page that was made by another is loaded again, for what Gradio keeps of a page is in the memory of the process."""


@dataclass(frozen=True)
class Door:
    """Where the page is served and who may come in. `prefix` is the path a reverse proxy serves it under, `names` the host names it is
    asked for by (its addresses need no mention)."""

    host: str = "127.0.0.1"
    port: int = 7860
    lang: Lang | None = None
    password: str | None = None
    prefix: str = ""
    names: tuple[str, ...] = ()
    blind: bool = False
    """Whether the system does not tell whose a connection is (door/peer.py): then a password is asked for on loopback, too."""

    @property
    def open_to_others(self) -> bool:
        """Whether anyone but this machine can reach it, a reverse proxy on this machine included."""
        return self.is_proxied or not is_loopback(self.host)

    @property
    def asks(self) -> bool:
        """Whether a password is asked for, accounts or not."""
        return self.open_to_others or self.blind

    def locked(self, accounts: Accounts) -> Door:
        """The same door with a password, made up when there is none and no account, wherever others can reach it."""
        if not self.asks or self.password or accounts.names():
            return self
        return replace(self, password=secrets.token_urlsafe(16))

    @property
    def is_proxied(self) -> bool:
        """Whether the owner has said that a reverse proxy on this machine passes on what people ask."""
        return bool(self.prefix or self.names)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that may be asked for."""
        here = socket.gethostname().lower()
        return (
            *LOOPBACK,
            *(name.lower() for name in self.names),
            *((here, f"{here}.local") if self.open_to_others else ()),
        )


def theme() -> Any:
    """A plain base; the look is in assets/theme.css. No font is fetched."""
    import gradio as gr

    stack = ["Inter", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "system-ui", "sans-serif"]
    return gr.themes.Base(
        primary_hue="teal",
        neutral_hue="stone",
        font=stack,
        font_mono=["JetBrains Mono", "Consolas", "monospace"],
    )


def accounts_of(workspace: Workspace, password: str | None = None) -> Accounts:
    """The accounts of a workspace; `password` belongs to the user that needs no account."""
    return Accounts(workspace.root / "door" / "accounts.json", password)


def uploads_of(workspace: Workspace) -> Path:
    """Where Gradio puts what is uploaded: in the workspace, so that it is counted and can be tidied."""
    return workspace.root / "cache" / "uploads"


def create(workspace: Workspace, door: Door) -> Guard:
    """The guarded application."""
    feed, accounts = Feed(), accounts_of(workspace, door.password)
    asks = door.asks or accounts.names()
    keeper = Keeper(accounts, f"{login.COOKIE}-{door.port}", door.is_proxied) if asks else None
    site = Site(_front(door, keeper), lambda lang: _page(lang, workspace, door, feed))
    return Guard(
        site, OWNER_RULES, keeper.who if keeper else anybody, door.hosts, numbers=door.open_to_others,
        login="/login" if keeper else "", prefix=door.prefix, quota=Quota(uploads_of(workspace)),
    )  # fmt: skip


def _page(lang: Lang, workspace: Workspace, door: Door, feed: Feed) -> FastAPI:
    """The page in one language, as an application of its own."""
    import gradio as gr

    from workbench.ui.page import build, news
    from workbench.ui.toasts import only_text
    from workbench.ui.uploads import only_uploads

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def in_one_language(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        asked = request.url.path == f"{door.prefix}/{lang}/" and request.method == "GET"
        return await speak(response, lang, door.prefix) if asked else response

    @app.get(f"/{lang}/news", include_in_schema=False)
    def told() -> JSONResponse:
        return JSONResponse(news(lang, workspace, feed), headers={"x-started": STARTED})

    @app.get(f"/{lang}/hints", include_in_schema=False)
    def hinted() -> JSONResponse:
        return JSONResponse(hints.told(lang))

    head = "".join(
        f"<script>{(ASSETS / name).read_text(encoding='utf-8')}</script>" for name in ("page.js", "hints.js")
    )
    blocks = build(lang, workspace, feed, leave=door.open_to_others)
    mounted = gr.mount_gradio_app(
        app, blocks, path=f"/{lang}", server_name=door.host, server_port=door.port,
        footer_links=[], allowed_paths=[], max_file_size=FILE, show_error=True, ssr_mode=False,
        enable_monitoring=False, run_history=False, mcp_server=False, pwa=False,
        i18n=gr.I18n(**{name: {"common.complete": Words(lang)("complete")} for name in ("en", "zh-CN")}),
        theme=theme(), css_paths=[ASSETS / "theme.css"], head=head,
    )  # fmt: skip
    only_uploads(blocks)
    only_text()
    # a browser has six connections to one address for all its tabs, and each tab would hold one for ever: the seventh would not open
    blocks.config["connect_heartbeat"] = False
    return mounted


def _front(door: Door, keeper: Keeper | None) -> FastAPI:
    """The few routes outside the page."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def health() -> JSONResponse:
        return JSONResponse({"ok": True})

    @app.get("/favicon.ico")
    def favicon() -> FileResponse:
        return FileResponse(ASSETS / "favicon.svg", media_type="image/svg+xml")

    @app.get("/login.css")
    def style() -> FileResponse:
        return FileResponse(ASSETS / "login.css", media_type="text/css")

    @app.get("/en", include_in_schema=False)
    @app.get("/zh", include_in_schema=False)
    @app.get("/")
    def front(request: Request) -> RedirectResponse:
        lang = request.url.path.removeprefix(door.prefix).strip("/") or chosen_language(request, door.lang)
        return RedirectResponse(f"{door.prefix}/{lang}/", status_code=307)

    if keeper:
        login.routes(app, keeper, door.prefix, lambda request: chosen_language(request, door.lang))
    return app


async def speak(response: Any, lang: Lang, prefix: str = "") -> Response:
    """The page with Gradio's own words in `lang` too, and the choice remembered.

    Gradio takes its words from navigator.language; a script of `head=` comes too late, so ours is put first.
    Its resizer script comes from another host and is only for embedding in other pages: left out.
    """
    body = b"".join([piece async for piece in response.body_iterator])
    tongue = "zh-CN" if lang == "zh" else "en"
    first = (
        f"<script>for (const [k, v] of [['language', '{tongue}'], ['languages', ['{tongue}']]]) "
        "Object.defineProperty(navigator, k, {get: () => v});</script>"
    )
    body = body.replace(b"<head>", b"<head>" + first.encode(), 1)
    body = re.sub(rb"<script[^>]*cdnjs[^>]*>\s*</script>", b"", body)
    headers = {key: value for key, value in response.headers.items() if key.lower() != "content-length"}
    spoken = Response(body, response.status_code, headers)
    spoken.set_cookie("lang", lang, max_age=31_536_000, samesite="lax", httponly=True, path=f"{prefix}/")
    return spoken


def chosen_language(request: Request, fixed: Lang | None) -> Lang:
    """What is asked for in the address, else what was chosen before (cookie), else --lang, else what the browser asks for."""
    for asked in (request.query_params.get("lang"), request.cookies.get("lang")):
        if asked in LANGS:
            return asked
    if fixed:
        return fixed
    for part in request.headers.get("accept-language", "").lower().split(","):
        if part.strip().startswith("zh"):
            return "zh"
        if part.strip().startswith("en"):
            return "en"
    return "en"


def check_port(door: Door) -> None:
    """UserError when the port is taken, before anything slow happens."""
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        alone(probe)
        try:
            probe.bind((door.host, door.port))
        except OSError as error:
            raise UserError(
                f"Port {door.port} on {door.host} cannot be used ({why(error).en}); stop what uses it or choose another "
                f"with --port {door.port + 1}.",
                f"{door.host} 的端口 {door.port} 无法使用（{why(error).zh}）；请停止占用它的程序，或用 --port {door.port + 1} 换一个。",
                field="--port",
            ) from error


def serve(workspace: Workspace, door: Door, also: Callable[[], None] = lambda: None) -> None:
    """Serve until interrupted, after doing what is `also` asked for. Runs go on when this ends: they are processes of their own."""
    import uvicorn

    from workbench.engine.supervisor import Supervisor

    check_port(door)
    given, door = door.password, replace(door, blind=is_blind()).locked(accounts_of(workspace))
    os.environ["GRADIO_TEMP_DIR"] = str(uploads_of(workspace))
    app = create(workspace, door)
    Supervisor(workspace).start()
    config = uvicorn.Config(app, host=door.host, port=door.port, log_level="warning", ws="none", http=Patient, limit_concurrency=CONNECTIONS, proxy_headers=False)  # fmt: skip
    server = uvicorn.Server(config)
    _announce(door, workspace.root, given)
    also()
    server.run()


def _announce(door: Door, root: Path, given: str | None) -> None:
    """Where the page is. A password that was made up is told; one that was given is known, and logs are kept."""
    everywhere = door.host in ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
    print(f"Workbench · 工作台  http://{'127.0.0.1' if everywhere else door.host}:{door.port}{door.prefix}", flush=True)
    if everywhere and (address := way_out()):
        print(f"For others · 供他人访问  http://{address}:{door.port}{door.prefix}", flush=True)
    print(f"Workspace · 工作区  {root}", flush=True)
    if door.blind:
        print(
            "This system does not tell whose a connection is: log in. 此系统无法判断连接属于哪个用户：请登录。",
            flush=True,
        )
    if door.password:
        told = "WORKBENCH_PASSWORD" if given else door.password
        print(f"User · 用户 {FIRST}   Password · 密码 {told}", flush=True)
