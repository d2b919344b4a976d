"""A cleaning step on many rows works in a process of its own: it tells how far it is, can be called off, and comes to the same."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.history import History
from workbench.data.table import Table
from workbench.engine.ask import Asked
from workbench.engine.cleanse import APART, cleanse

pytestmark = pytest.mark.slow
STEP = {"kind": "near_duplicates"}


@pytest.fixture
def many(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "w")
    rows = [{"text": f"{n % 15_000} is a number that comes {'again' if n % 2 else 'anew'} here"} for n in range(APART)]
    library.save(workspace, "many", Table(["text"], rows), {"text": "text"})
    return workspace


def counts(effect: dict[str, Any]) -> tuple[int, ...]:
    return tuple(effect[name] for name in ("changed", "dropped", "added"))


def test_a_process_of_its_own_comes_to_the_same_and_tells_how_far_it_is(many: Workspace) -> None:
    asked = Asked()
    found = cleanse(many, "many", STEP, True, asked)
    assert asked.told["rows"] == APART
    assert 0 <= asked.told["done"] < APART
    history = History(many, "many")
    digest = history.digest()
    history.undo()
    assert counts(history.step(STEP).told()) == counts(found)
    assert history.digest() == digest


def test_a_step_that_is_called_off_leaves_nothing(many: Workspace) -> None:
    asked, ended = Asked(), []

    def act() -> None:
        try:
            cleanse(many, "many", STEP, True, asked)
        except UserError as error:
            ended.append(error.text.en)

    thread = threading.Thread(target=act)
    thread.start()
    while not asked.told and thread.is_alive():
        time.sleep(0.01)
    asked.cancel()
    thread.join()
    assert ended == ["Cancelled; nothing was changed."]
    assert History(many, "many").log.line() == []
