"""The page is killed, held still, started twice on one workspace, left running for hundreds of runs: no run notices, nothing grows.

The page and its supervisor are the real ones; the workers they start are stand-ins that tell steps and learn nothing (tests/standin.py).
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from faults import note
from fewrows import wait
from places import ROOT

from workbench.core.recipe import parse
from workbench.core.run import ENDED, Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import janitor

RECIPE = {"task": "text-classification", "method": "lora", "data": {"dataset": "sentiment-zh"}, "model": {"id": "lumo"}}


class Server:
    """One page on a workspace; `ask` is the question a browser asks every second."""

    def __init__(self, workspace: Workspace, pause: float) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        command = [sys.executable, str(ROOT / "tests" / "standin.py"), "ui", "--port", str(self.port), "--workspace", str(workspace.root)]  # fmt: skip
        env = {**os.environ, "STANDIN_PAUSE": str(pause), "GRADIO_TEMP_DIR": str(workspace.root / "temp")}
        self.began = time.monotonic()
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def ask(self) -> list[str]:
        """(which runs there are, what those that work say, the job bar)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/en/news", timeout=60) as answer:
            return list(json.loads(answer.read()))

    def shows(self, words: str, seconds: float = 60) -> None:
        """Wait until the page says so."""
        while True:
            try:
                if words in str(self.ask()):
                    return
            except OSError:
                assert self.process.poll() is None
            assert time.monotonic() < self.began + seconds
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def serve(workspace: Workspace) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def start(pause: float = 0.02) -> Server:
        made.append(Server(workspace, pause))
        return made[-1]

    yield start
    for each in made:
        each.kill()
    for run in all_runs(workspace):
        if (worker := run.worker()) is not None:
            worker.kill()


def queued(workspace: Workspace, count: int, steps: int) -> list[Run]:
    return [create(workspace, parse({**RECIPE, "name": f"r{number}", "training": {"max_steps": steps}})) for number in range(count)]  # fmt: skip


def steps_of(run: Run) -> list[int]:
    return [event.get("step") for event in run.events()[0] if event.kind == "step"]


@pytest.mark.slow
def test_a_page_that_is_killed_or_held_still_takes_no_run_with_it(workspace: Workspace, serve: Callable[..., Server]) -> None:  # fmt: skip
    killed(workspace, serve, 1)


@pytest.mark.long
def test_a_page_that_is_killed_fifty_times_takes_no_run_with_it(workspace: Workspace, serve: Callable[..., Server]) -> None:  # fmt: skip
    killed(workspace, serve, 50)


def killed(workspace: Workspace, serve: Callable[..., Server], times: int) -> None:
    """One run all the while; every new page shows it, and no step of it is lost or told twice."""
    (run,) = queued(workspace, 1, 1_000_000)
    page, lived = serve(), 0
    wait(run, lambda: len(steps_of(run)) > 2)
    worker = run.worker()
    assert worker
    page.process.send_signal(signal.SIGSTOP)
    seen = len(steps_of(run))
    wait(run, lambda: len(steps_of(run)) > seen + 10)
    page.process.send_signal(signal.SIGCONT)
    for _ in range(times):
        page.kill()
        page = serve()
        page.shows(f"{run.id}=running")
        note("F2", "a new page shows the run after its start", time.monotonic() - page.began, "s", 3)
        lived += run.worker() == worker
    assert lived == times
    run.ask_to_stop()
    assert wait(run) == "stopped"
    told = steps_of(run)
    assert told == list(range(1, len(told) + 1))
    assert sum(event.kind == "started" for event in run.events()[0]) == 1
    note("F2", f"workers lost by {times} kills", times - lived, most=0)
    note("F2", "steps lost or told twice", len(told) - len(set(told)), most=0)


@pytest.mark.slow
def test_two_pages_on_one_workspace_start_each_run_once_and_show_the_same(workspace: Workspace, serve: Callable[..., Server]) -> None:  # fmt: skip
    runs = queued(workspace, 6, 10)
    pages = [serve(), serve()]
    for run in runs:
        assert wait(run) == "finished"
    spans = sorted((told[0].up, told[-1].up) for told in (run.events()[0] for run in runs))
    together = sum(b[0] < a[1] for a, b in itertools.pairwise(spans))
    twice = sum(steps_of(run) != list(range(1, 11)) for run in runs)
    assert (together, twice) == (0, 0)
    for page in pages:
        page.shows(f"{runs[0].id}=finished")
    note("F16", "runs started twice by two pages", twice, most=0)
    note("F16", "runs that worked at once on one device", together, most=0)


@pytest.mark.slow
def test_a_page_does_not_grow_with_runs(workspace: Workspace, serve: Callable[..., Server]) -> None:
    soaked(workspace, serve, 10)


@pytest.mark.long
def test_a_page_does_not_grow_with_five_hundred_runs(workspace: Workspace, serve: Callable[..., Server]) -> None:
    soaked(workspace, serve, 500)


def soaked(workspace: Workspace, serve: Callable[..., Server], count: int) -> None:
    """Many tiny runs one after another, and a page that asks all the while; measured from the first fifth on."""
    page = serve(0.0)
    page.shows("jobs")
    process, seen = psutil.Process(page.process.pid), list[tuple[int, int, int]]()
    runs = queued(workspace, count, 5)
    while not all(status in ENDED for status in (run.status for run in runs)):
        page.ask()
        done = sum(run.status in ENDED for run in runs)
        if done >= count // 5:
            seen.append((process.memory_info().rss, process.num_fds(), process.num_threads()))
        time.sleep(0.1)
    page.shows(f"{runs[-1].id}=finished", 1e6)
    (rss, fds, threads), last = seen[0], seen[-1]
    steady = [max(column) for column in zip(*seen[len(seen) // 2 :], strict=True)]
    assert steady[1] <= fds + 20
    assert steady[2] <= threads + 20
    temp = janitor.size(Path(workspace.root / "temp"))
    assert temp < 50e6
    note("F24", f"memory of the page grown over {count} runs", 100 * (last[0] - rss) / rss, "%", 5)
    note("F24", f"open files more at the end of {count} runs", last[1] - fds)
    note("F24", f"threads more at the end of {count} runs", last[2] - threads)
    note("F24", "temporary files of the page", temp / 1e6, "MB", 50)
