"""What several test folders share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakehub import Hub, serve_hub
from faults import NOTED, worst

from workbench.core.events import EventWriter
from workbench.core.workspace import Workspace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser last: its driver keeps an event loop running in this thread, which would forbid others theirs."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the tests measured, row by row of tests/faults.py."""
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
