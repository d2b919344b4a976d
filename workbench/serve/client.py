"""The page's and the command line's door to the serving process: start or reuse it, ask it, end it. No torch here."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from workbench import ROOT
from workbench.core import clock
from workbench.core.errors import UserError
from workbench.core.files import read_json, writing
from workbench.core.run import Run
from workbench.core.workspace import Workspace, locked
from workbench.serve import slot as slots
from workbench.serve.hearing import Told, refusal, told
from workbench.serve.slot import Slot

PATIENCE = 300.0
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Endpoint:
    """Where a server answers, and the key it wants."""

    url: str
    key: str
    target: str
    pid: int


def state_path(workspace: Workspace) -> Path:
    """The state file of the workspace's own server."""
    return slots.own(workspace).state


def target_name(target: Run | str) -> str:
    """How a target is written down: run:ID or model:NAME."""
    return f"run:{target.id}" if isinstance(target, Run) else f"model:{target}"


def name_of(target: Run | str) -> str:
    """What to ask for as `model`: the run by its id, whoever else is served beside it; or the model as it is."""
    return target.id if isinstance(target, Run) else "base"


def ensure(workspace: Workspace, target: Run | str, idle: float = 20.0, slot: Slot | None = None) -> Endpoint:
    """A server that can answer as `target`: the one that runs in the slot (the workspace's own), if it holds the same base, or a new one
    in place of it. Waits until it can answer. UserError where it cannot, and where no room is left for its log."""
    wanted, slot = target_name(target), slot or slots.own(workspace)
    with writing(slot.folder), locked(slot.lock):
        state = read_json(slot.state)
        if isinstance(state, dict) and process_of(state) and _serves(state, wanted, target):
            return _endpoint(state)
        _end(slot)
        return _await(slot, _spawn(workspace, slot, wanted, idle))


def shutdown(workspace: Workspace, slot: Slot | None = None) -> None:
    """End the server of the slot (the workspace's own), if there is one."""
    slot = slot or slots.own(workspace)
    with locked(slot.lock):
        _end(slot)


def process_of(state: Any) -> psutil.Process | None:
    """The living server process of a state file: same pid and same start."""
    try:
        process = psutil.Process(int(state["pid"]))
        same = clock.is_same(process, state)
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError):
        return None


def _endpoint(state: dict[str, Any]) -> Endpoint:
    return Endpoint(f"http://127.0.0.1:{state['port']}", state["key"], state["target"], int(state["pid"]))


def _serves(state: dict[str, Any], wanted: str, target: Run | str) -> bool:
    """Whether somebody who holds the target listens there. Slow is alive: a busy machine may take long to answer."""
    same = state.get("target") == wanted
    try:
        with _client(_endpoint(state)) as client:
            answer = client.get("/health", timeout=5)
            return answer.status_code == 200 and (same or _beside(target, answer.json()))
    except httpx.TimeoutException:
        return same
    except (httpx.HTTPError, KeyError, ValueError):
        return False


def _beside(target: Run | str, health: dict[str, Any]) -> bool:
    return isinstance(target, Run) and target.id in health["models"]


def _end(slot: Slot) -> None:
    process = process_of(read_json(slot.state))
    if process is not None:
        _stop(process)
    slot.state.unlink(missing_ok=True)
    for pid in [pid for pid, child in _CHILDREN.items() if child.poll() is not None]:
        child = _CHILDREN.pop(pid)
        if child.stdin:
            child.stdin.close()


def _stop(process: psutil.Process) -> None:
    """TERM to its group, then KILL."""
    for name, patience in (("SIGTERM", 4.0), ("SIGKILL", 4.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error, subprocess.TimeoutExpired):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, getattr(signal, name))
            else:
                process.kill()
            child = _CHILDREN.get(process.pid)
            child.wait(patience) if child else process.wait(patience)
            return
        if not process.is_running():
            return


def _spawn(workspace: Workspace, slot: Slot, target: str, idle: float) -> subprocess.Popen[bytes]:
    kind, _, name = target.partition(":")
    slot.folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "workbench.serve.server", "--workspace", str(workspace.root), f"--{kind}={name}"]
    command += ["--state", str(slot.state), "--idle", str(idle), "--tell-key", *(["--held"] if slot.held else [])]
    search = os.pathsep.join(part for part in (str(ROOT), os.environ.get("PYTHONPATH", "")) if part)
    # The key travels in the environment: a command line can be read by every user of the machine.
    environment = {**os.environ, "PYTHONPATH": search, "WORKBENCH_SERVE_KEY": secrets.token_urlsafe(24)}
    # A pipe closes when this process ends, even by a kill.
    held = subprocess.PIPE if slot.held else subprocess.DEVNULL
    with (slot.folder / "server.log").open("ab") as log:
        child = subprocess.Popen(command, stdin=held, stdout=log, stderr=log, start_new_session=True, env=environment)
    _CHILDREN[child.pid] = child
    return child


def _await(slot: Slot, child: subprocess.Popen[bytes]) -> Endpoint:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not slot.over():
        ended = child.poll() is not None
        state = read_json(slot.state)
        if isinstance(state, dict) and isinstance(state.get("error"), dict):
            child.wait()
            slot.state.unlink(missing_ok=True)
            raise UserError(str(state["error"].get("en", "")), str(state["error"].get("zh", "")))
        if isinstance(state, dict) and state.get("pid") == child.pid and "port" in state:
            return _endpoint(state)
        if ended:
            break
        time.sleep(0.1)
    if child.poll() is None:
        _stop(psutil.Process(child.pid))
    raise UserError(
        f"The model could not be started for chat; {slot.folder.name}/server.log in the workspace says why.",
        f"无法启动用于对话的模型；原因见工作区中的 {slot.folder.name}/server.log。",
    )


def chat(endpoint: Endpoint, model: str, messages: list[dict[str, str]], **sampling: Any) -> Iterator[str]:
    """The answer's text, piece by piece. Closing the generator closes the stream, which stops the model."""
    with contextlib.closing(stream(endpoint, model, messages, **sampling)) as told:
        for each in told:
            if each.text:
                yield each.text


def stream(
    endpoint: Endpoint, model: str, asked: list[dict[str, str]] | str, **sampling: Any
) -> Generator[Told, None, None]:
    """All that is told of an answer to a conversation, or of how a text goes on."""
    talk = isinstance(asked, list)
    body = {"model": model, "messages" if talk else "prompt": asked, "stream": True, **sampling}
    body["stream_options"] = {"include_usage": True}
    path = "/v1/chat/completions" if talk else "/v1/completions"
    with _explained(), _client(endpoint) as client, client.stream("POST", path, json=body) as answer:
        _check(answer)
        for line in answer.iter_lines():
            seen = told(line)
            if seen:
                yield seen


def classify(endpoint: Endpoint, model: str, rows: list[dict[str, str]]) -> list[dict[str, float]]:
    """Probabilities by label of every row; those of "base" come from an untrained head."""
    with _explained(), _client(endpoint) as client:
        answer = client.post("/v1/classify", json={"model": model, "input": rows})
        _check(answer)
        return list(answer.json()["data"])


def attempt(endpoint: Endpoint, model: str, fields: dict[str, str]) -> dict[str, Any]:
    """The task's answer to what was typed, as `Task.picture` tells it: in words ("text"), with probabilities, marks or gaps."""
    with _explained(), _client(endpoint) as client:
        answer = client.post("/v1/attempt", json={"model": model, "fields": fields})
        _check(answer)
        return dict(answer.json()["shown"])


async def attempted(asking: httpx.AsyncClient, model: str, fields: dict[str, str]) -> dict[str, Any]:
    """As `attempt`, for a program that waits for many answers at once. UserError, or httpx.HTTPError where nobody answers."""
    answer = await asking.post("/v1/attempt", json={"model": model, "fields": fields})
    if answer.status_code >= 400:
        raise refused(answer)
    return dict(answer.json()["shown"])


def health(endpoint: Endpoint) -> dict[str, Any]:
    """What the server holds and how much it has generated."""
    with _explained(), _client(endpoint) as client:
        answer = client.get("/health")
        _check(answer)
        return dict(answer.json())


def _client(endpoint: Endpoint) -> httpx.Client:
    """No proxy may stand before loopback; a token may take long on a slow machine."""
    headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    timeout = httpx.Timeout(10, read=300)
    return httpx.Client(base_url=endpoint.url, headers=headers, timeout=timeout, trust_env=False)


def asynchronous(endpoint: Endpoint) -> httpx.AsyncClient:
    """For a program that waits for many answers at once."""
    headers = {"Authorization": f"Bearer {endpoint.key}"}
    return httpx.AsyncClient(
        base_url=endpoint.url, headers=headers, timeout=httpx.Timeout(10, read=300), trust_env=False
    )


def _check(answer: httpx.Response) -> None:
    if answer.status_code >= 400:
        answer.read()
        raise refused(answer)


def refused(answer: httpx.Response) -> UserError | httpx.HTTPError:
    """What a refusal that has been read says."""
    try:
        return refusal(answer.json())
    except ValueError:
        return httpx.HTTPError(f"status {answer.status_code}")


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise UserError(
            "The connection to the model broke; ask again, it will be started anew if it has ended.",
            "与模型服务的连接中断；请重新提问，服务若已结束会重新启动。",
        ) from error
