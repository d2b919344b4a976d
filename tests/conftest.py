"""What several test folders share."""

from __future__ import annotations

import dataclasses
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakehub import Hub, serve_hub
from faults import NOTED, Figure, worst

from workbench.core.events import EventWriter
from workbench.core.workspace import Workspace

# Models this small are faster on one thread; several only wait for one another, and for the tests beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Beside other tests, the runs that a test waits for would hardly move if they yielded to them.
os.environ.setdefault("WORKBENCH_NICE", "0")


SINGLY = "test_methods_matrix.py"
"""A thousand cells that share nothing: whichever process is free takes the next."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where several processes share the tests, one file stays in one of them. (`--dist loadgroup` of pytest-xdist 3.8 has no effect
    under pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return held_together(nodeid)

    return Scheduling(config, log) if config.getvalue("dist") == "loadscope" else None


def held_together(nodeid: str) -> str:
    """Tests with the same name of this kind run one after another in one process: a file, or the whole folder of the browser (two
    browsers at once would fight over the cores, and every file would start a page of its own)."""
    path = nodeid.partition("::")[0]
    if Path(path).name == SINGLY:
        return nodeid
    return path.rpartition("/")[0] if "/browser/" in f"/{path}" else path


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that share the tests hands on what it measured."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["noted"] = [dataclasses.astuple(each) for each in NOTED]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """It is taken here."""
    NOTED.extend(Figure(*each) for each in getattr(node, "workeroutput", {}).get("noted", []))


SPENT: dict[str, float] = defaultdict(float)
"""Seconds by file."""
DEAREST = 25


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where the time goes."""
    SPENT[report.nodeid.partition("::")[0]] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The files that took longest, where many were run; what the tests measured, row by row of tests/faults.py."""
    if len(SPENT) > DEAREST:
        terminalreporter.section("where the time went")
        dearest = sorted(SPENT.items(), key=lambda item: -item[1])[:DEAREST]
        terminalreporter.write_line(
            "; ".join(f"{name.removeprefix('tests/')} {seconds:.0f} s" for name, seconds in dearest)
        )
        terminalreporter.write_line(f"all files: {sum(SPENT.values()):.0f} s of one process")
    if NOTED:
        terminalreporter.section("faults: what was measured")
        for row, figures in worst(NOTED).items():
            terminalreporter.write_line(f"{row}: {'; '.join(map(str, figures))}")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace of its own."""
    return Workspace(tmp_path / "w")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub of its own on loopback, and HF_ENDPOINT pointing at it."""
    root = tmp_path / "hub"
    root.mkdir()
    with serve_hub(root) as made:
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        yield made


@pytest.fixture
def writer() -> Iterator[Callable[[Path], EventWriter]]:
    """Opens event logs to write to, and closes them."""
    opened: list[EventWriter] = []

    def make(path: Path) -> EventWriter:
        opened.append(EventWriter(path))
        return opened[-1]

    yield make
    for item in opened:
        item.close()
