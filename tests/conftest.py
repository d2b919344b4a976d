"""What several test folders share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakehub import Hub, serve_hub

from workbench.core.events import EventWriter
from workbench.core.workspace import Workspace

# Models this small are faster on one thread; several only wait for one another, and for the tests beside them.
os.environ.setdefault("OMP_NUM_THREADS", "1")


SINGLY = "test_methods_matrix.py"
"""A thousand cells that share nothing: whichever process is free takes the next."""


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups after us
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser last: its driver keeps an event loop running in this thread, which would forbid others theirs. Where several processes
    share the tests, a file stays in one of them, and so does the browser's folder."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    for item in items:
        if item.path.name != SINGLY:
            place = item.path.parent if item.get_closest_marker("browser") else item.path
            item.add_marker(pytest.mark.xdist_group(place.stem))


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
