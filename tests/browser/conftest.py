"""A real Chromium against a real page: one workbench process for the whole folder, a browser for each file."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from workbench.core.run import ENDED, Run, all_runs
from workbench.core.workspace import Workspace
from workbench.serve import client

SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is marked, whether its file says so or not, and they start first: nothing takes longer."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")
    items.sort(key=lambda item: here not in item.path.parents)


@dataclass
class Workbench:
    """A started page; `restart` kills it without mercy and starts another on the same workspace."""

    workspace: Workspace
    port: int = field(default_factory=free_port)
    extra: dict[str, str] = field(default_factory=dict)
    more: list[str] = field(default_factory=list)
    process: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "workbench.cli",
            "ui",
            "--port",
            str(self.port),
            "--workspace",
            str(self.workspace.root),
            *self.more,
        ]
        # As a person starts it; beside other tests its workers' threads would wait, spinning, for one another.
        beside_others = "PYTEST_XDIST_WORKER" in os.environ
        env = {name: value for name, value in os.environ.items() if beside_others or name != "OMP_NUM_THREADS"}
        with (self.workspace.root / "ui.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env={**env, **self.extra}, stdout=log, stderr=log)
        for _ in range(600):
            try:
                urllib.request.urlopen(self.url + "/health", timeout=5).close()  # noqa: S310
                return
            except urllib.error.HTTPError as error:  # a login is asked for
                error.close()
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError((self.workspace.root / "ui.log").read_text())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()

    def newest(self) -> Run:
        return all_runs(self.workspace)[0]

    def wait_end(self, seconds: float = 900) -> Run:
        run = self.newest()
        until = time.monotonic() + seconds
        while run.status not in ENDED:
            assert time.monotonic() < until, f"{run.id} is still {run.status}"
            time.sleep(0.5)
        return run


@pytest.fixture(scope="session")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    made = Workbench(Workspace(tmp_path_factory.mktemp("browser") / "w"))
    made.start()
    yield made
    made.kill()
    for run in all_runs(made.workspace):
        worker = run.worker()
        if worker is not None:
            worker.kill()
    client.shutdown(made.workspace)


@pytest.fixture(scope="session")
def workbench_at() -> type[Workbench]:
    """To start another on a workspace of its own."""
    return Workbench


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One for each file. Its driver keeps an event loop running in this thread, which forbids a loop of its own to any test that comes
    after, so none is left open for the files that follow."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("WORKBENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        if os.environ.get("CI"):
            pytest.fail("no Chromium; `python launch.py test` installs one")
        pytest.skip("no Chromium here; `python launch.py test` installs one")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=SWITCHES)
        yield browser
        browser.close()
    assert asyncio._get_running_loop() is None


@pytest.fixture
def visit(chromium: Any, workbench: Workbench) -> Iterator[Callable[..., Any]]:
    """Open a page in a fresh browser profile; the test fails on any script error or any request to another host."""
    contexts, problems = [], []

    def go(path: str = "/", locale: str = "en-US", width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 860}, locale=locale, **options)
        context.set_default_timeout(90_000)  # a busy machine is no failure
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
        page.on(
            "request", lambda request: problems.append(request.url) if not local(request.url, workbench.url) else None
        )
        page.goto(workbench.url + path)
        page.wait_for_selector("#rail [aria-current=page]")
        return page

    yield go
    for context in contexts:
        context.close()
    assert problems == []


def local(url: str, home: str) -> bool:
    return url.startswith((home, "data:", "blob:", "about:"))


@pytest.fixture
def picture() -> Callable[..., None]:
    """Take a screenshot into docs/images when WORKBENCH_PICTURES is set (the pictures of the README)."""

    def take(page: Any, name: str, settle: int = 800) -> None:
        if os.environ.get("WORKBENCH_PICTURES"):
            folder = ROOT / "docs" / "images"
            folder.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(settle)
            page.screenshot(path=str(folder / f"{name}.png"))

    return take


@pytest.fixture(scope="session")
def shared() -> Path:
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of real data is not beside the repository")
    return folder
