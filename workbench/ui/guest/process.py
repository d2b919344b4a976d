"""The guests' process: started by the owner's page or command line, ended by time, by the owner, or by a kill; it needs neither of them to go on.

It looks at its link's folder twice a second: a file there closes it. Its clock is both the day's and one that nobody can set.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import uvicorn

from workbench.core import clock
from workbench.core.errors import UserError
from workbench.core.files import write_json
from workbench.core.polite import GUESTS, give_way
from workbench.core.run import find
from workbench.core.workspace import Workspace
from workbench.door import link as links
from workbench.door.guests import Guests
from workbench.door.wire import CONNECTIONS, Patient, listen, way_out
from workbench.serve import client
from workbench.ui.guest.asking import slot_of
from workbench.ui.guest.environment import for_guests
from workbench.ui.guest.site import create
from workbench.ui.guest.tunnel import open_tunnel, tunnel_process

LOOKS = 0.4
"""Seconds between two looks at the folder."""
PATIENCE = 60.0
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Those that this process started: their ends are collected."""


def share(workspace: Workspace, run_id: str, terms: links.Terms) -> dict[str, Any]:
    """A new link that answers: its addresses with the token, which is told this once. UserError where it cannot be made."""
    link, token = links.make(workspace, find(workspace, run_id), terms)
    told = start(workspace, link, terms.port)
    return {
        "link": link.id,
        "run": link.run,
        "until": link.until,
        "urls": [f"{url}/in/{token}" for url in told["urls"]],
    }


def start(workspace: Workspace, link: links.Link, port: int = 0) -> dict[str, Any]:
    """Start the process of a link and wait until it answers: its state. UserError when it cannot."""
    folder = links.folder(workspace, link.id)
    command = [sys.executable, "-m", "workbench.ui.guest", "--workspace", str(workspace.root), "--link", link.id, "--port", str(port)]  # fmt: skip
    with (folder / "guest.log").open("ab") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=for_guests(os.environ))  # fmt: skip
    _CHILDREN[child.pid] = child
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        told = links.state(workspace, link.id)
        if "error" in told:
            links.close(workspace, link.id)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(2)
            shutil.rmtree(folder, ignore_errors=True)  # there never was a link
            raise UserError(told["error"]["en"], told["error"]["zh"], field=told["error"].get("field"))
        if "urls" in told:
            return told
        if child.poll() is not None:
            break
        time.sleep(0.05)
    links.close(workspace, link.id)
    raise UserError("The guests' page could not be started; guest.log in the link's folder says why.", "无法启动访客页面；原因见该链接文件夹中的 guest.log。")  # fmt: skip


def stop(workspace: Workspace, link_id: str) -> None:
    """Take the link back, and end its processes."""
    links.close(workspace, link_id)
    for name in ("tunnel", "pid"):
        process = links.running(workspace, link_id, name)
        if process is not None:
            with contextlib.suppress(psutil.Error):
                process.terminate()
    for pid in [pid for pid, child in _CHILDREN.items() if child.poll() is not None]:
        del _CHILDREN[pid]


def main(given: Sequence[str] | None = None) -> int:
    """Serve one link until it is over."""
    parser = argparse.ArgumentParser(prog="python -m workbench.ui.guest")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--link", required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(given)
    give_way(GUESTS)
    workspace = Workspace(options.workspace)
    link = links.load(workspace, options.link)
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(0)
    )  # uvicorn hands it on: what Gradio does at an exit ends its tunnel
    facts = clock.identity(psutil.Process())
    path = links.folder(workspace, link.id) / "state.json"
    try:
        sock = listen("0.0.0.0" if link.place == "network" else "127.0.0.1", options.port)  # noqa: S104 (the owner chose it)
        port = int(sock.getsockname()[1])
        facts |= {"port": port, "urls": addresses(link, port)}
        facts |= {"tunnel": clock.identity(started)} if (started := tunnel_process()) else {}
        app, guests = create(workspace, link)
    except UserError as error:
        write_json(path, {**facts, "error": {**error.text._asdict(), "field": error.field}})
        return 2
    config = uvicorn.Config(app, log_level="warning", ws="none", http=Patient, limit_concurrency=CONNECTIONS, proxy_headers=False, server_header=False, timeout_graceful_shutdown=0)  # fmt: skip
    slot, watch = slot_of(workspace, link), _Watch(workspace, link, guests, facts)
    asyncio.run(_serve(uvicorn.Server(config), sock, watch, lambda: client.shutdown(workspace, slot)))
    return 0


def addresses(link: links.Link, port: int) -> list[str]:
    """Where the page answers, without the token: on a network first where the way out begins, then every other card (other networks, bridges
    of containers). UserError when the world was wanted and no tunnel can be had."""
    if link.place == "tunnel":
        return [open_tunnel(port)]
    if link.place == "here":
        return [f"http://127.0.0.1:{port}{link.prefix}"]
    found = [each.address for cards in psutil.net_if_addrs().values() for each in cards if each.family.name == "AF_INET"]  # fmt: skip
    outside = [address for address in found if not address.startswith(("127.", "169.254."))]
    first = way_out()
    outside = [*dict.fromkeys([*([first] if first in outside else []), *outside])]
    return [f"http://{address}:{port}{link.prefix}" for address in outside or ["127.0.0.1"]]


class _Watch:
    """Tells how many guests there are."""

    def __init__(self, workspace: Workspace, link: links.Link, guests: Guests, facts: dict[str, Any]) -> None:
        self.guests, self.facts = guests, facts
        self.path = links.folder(workspace, link.id) / "state.json"
        self.told: dict[str, Any] = {}

    def tell(self) -> None:
        """Write down what changed; a disk that takes nothing keeps nobody in and nobody out."""
        now = {**self.facts, "guests": self.guests.here, "asked": self.guests.asked, "answers": self.guests.answers}
        if now != self.told:
            with contextlib.suppress(OSError):
                write_json(self.path, now)
                self.told = now


async def _serve(server: uvicorn.Server, sock: Any, watch: _Watch, done: Callable[[], None]) -> None:
    async def look() -> None:
        try:
            while not watch.guests.over():
                watch.tell()
                await asyncio.sleep(LOOKS)
        finally:  # however looking ends, nobody is served unlooked at
            server.should_exit = server.force_exit = True

    looking = asyncio.create_task(look())
    try:
        await server.serve(sockets=[sock])
    finally:
        looking.cancel()
        watch.guests.over = lambda: True  # who waits for the model gives up
        # not one of the threads that may all be waiting for the model
        ending = threading.Thread(target=_quietly, args=(done,))
        ending.start()
        while ending.is_alive():
            await asyncio.sleep(0.05)


def _quietly(done: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        done()
