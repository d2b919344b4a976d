"""The process that holds a model and answers the OpenAI-compatible API: python -m workbench.serve.server --help."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import uvicorn

from workbench.core import clock
from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.files import write_json
from workbench.core.polite import GUESTS, TRAINING, give_way
from workbench.core.text import terminal_lang
from workbench.core.workspace import Workspace
from workbench.door.wire import listen
from workbench.serve import precedence
from workbench.serve.app import build
from workbench.serve.engine import Engine
from workbench.serve.holder import Holder, check_run
from workbench.serve.roster import Roster, base_of, base_of_model
from workbench.serve.service import LOOPBACK, Service

GRACE = 6.0
"""Seconds from being told to end until it is cut short."""


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m workbench.serve.server")
    parser.add_argument("--workspace", required=True)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--run")
    target.add_argument("--model")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=os.environ.get("WORKBENCH_SERVE_KEY", ""), help="or WORKBENCH_SERVE_KEY")
    parser.add_argument("--tell-key", action="store_true", help="into the state file: a key that was made up for it")
    parser.add_argument("--held", action="store_true", help="end when the standard input does")
    parser.add_argument("--idle", type=float, default=20.0, help="minutes without a request before it ends; 0: never")
    parser.add_argument("--slots", type=int, default=16, help="answers at once")
    parser.add_argument("--queue", type=int, default=256, help="requests in hand at most; one more is told: busy")
    parser.add_argument("--room", type=float, default=None, help="MB beside the base model; half of what is free")
    return parser.parse_args(given)


def loaded(options: argparse.Namespace) -> Service:
    """The base in memory and the endpoints' state; UserError says why not."""
    workspace = Workspace(options.workspace)
    target = runs.find(workspace, options.run) if options.run else None
    if target:
        check_run(target)
    base = base_of(workspace, target) if target else base_of_model(workspace, options.model)
    roster = Roster(workspace, base, target)
    holder = Holder(roster, None if options.room is None else int(options.room * 1e6))
    holder.load()
    service = Service(roster, Engine(holder, options.slots), options.key, options.queue)
    service.loopback = options.host in LOOPBACK
    return service


async def serve(service: Service, sock: socket.socket, idle: float, guests: bool = False) -> None:
    """Answer until told to end or until nothing was asked for `idle` minutes."""
    config = uvicorn.Config(build(service), log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    service.start()
    watching = [asyncio.create_task(_wait_idle(service, server, idle)), asyncio.create_task(_give_way(service, guests))]
    await server.serve(sockets=[sock])
    for each in watching:
        each.cancel()
    service.engine.end()


async def _wait_idle(service: Service, server: uvicorn.Server, idle: float) -> None:
    while not idle or service.held or time.monotonic() - service.last < idle * 60:
        await asyncio.sleep(0.5)
    server.should_exit = True


async def _give_way(service: Service, guests: bool = False) -> None:
    """Leave the device to training when the rule says so, and come back; for guests, work less beside it."""
    engine, workspace = service.engine, service.roster.workspace
    device = precedence.device_name(engine.holder.device)
    while True:
        with contextlib.suppress(
            OSError, psutil.Error
        ):  # a folder that goes, no handle left: looked at again in a moment
            why = await asyncio.to_thread(precedence.wanted_by, workspace, device, engine.away)
            if why != engine.away:
                engine.go_away(why)
            if guests:
                engine.pace.share = await asyncio.to_thread(precedence.share, workspace, device)
        await asyncio.sleep(precedence.EVERY)


def _let_go(state: Path) -> None:
    """End when whoever holds our standard input is no more; while a model is being loaded, too."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    with contextlib.suppress(OSError):
        state.unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)


def main(given: Sequence[str] | None = None) -> int:
    """Load, announce, answer. A refusal is written into the state file for whoever waits for it."""
    options = arguments(given)
    if options.held:
        threading.Thread(target=_let_go, args=(options.state,), daemon=True, name="held").start()
    me = psutil.Process()
    facts: dict[str, Any] = clock.identity(me)
    try:
        if options.host not in LOOPBACK and not options.key:
            raise UserError("Any other host than loopback needs --key.", "监听非本机地址时必须设置 --key。", "key")
        # before there are threads that work: each has a nice level of its own, and a new one takes that of its maker
        give_way(GUESTS if options.held else TRAINING)
        sock = listen(options.host, options.port)
        service = loaded(options)
    except UserError as error:
        write_json(options.state, {**facts, "error": error.text._asdict()})
        print(error.say(terminal_lang()), file=sys.stderr)
        return 2
    port = sock.getsockname()[1]
    target = f"run:{options.run}" if options.run else f"model:{options.model}"
    key = options.key if options.tell_key else ""  # a person's own key is written nowhere
    write_json(options.state, {**facts, "port": port, "key": key, "target": target})
    print(f"http://{options.host}:{port}/v1", flush=True)
    asyncio.run(serve(service, sock, options.idle, options.held))
    options.state.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
