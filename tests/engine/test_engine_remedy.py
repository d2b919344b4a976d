"""The doctor's button: the changed run takes the place of a sick one that still works, and the same change is offered once only."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from workbench.core.events import EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import Run, create, remove
from workbench.core.workspace import Workspace
from workbench.engine import queue, remedy, supervisor
from workbench.ui import healing
from workbench.ui.draft import Draft
from workbench.ui.feed import Feed
from workbench.ui.page import Page
from workbench.ui.words import Words

Make = Callable[..., Recipe]


@pytest.fixture
def sick(workspace: Workspace, recipe: Make, writer: Callable[..., EventWriter], monkeypatch: pytest.MonkeyPatch) -> Run:  # fmt: skip
    """It works (this process is its worker), and its loss rises; another run waits."""
    monkeypatch.setattr(supervisor, "_spawn", lambda run, device: run.claim(psutil.Process(), device))
    run = supervisor.start(workspace, recipe())
    log = writer(run.events_path)
    log.write("started", pid=1)
    log.write("phase", phase="train")
    for step in range(1, 61):
        log.write("step", step=step, total=100, loss=1 + step / 10)
    supervisor.start(workspace, recipe(name="another"))
    return run


def test_the_changed_run_takes_the_place_of_the_sick_one(workspace: Workspace, sick: Run) -> None:
    made = remedy.applied(workspace, sick, {"training.learning_rate": 1e-5})
    assert sick.stop_asked
    assert made.recipe == sick.recipe.replace({"training.learning_rate": 1e-5})
    assert queue.queued(workspace)[0].id == made.id
    assert len(queue.queued(workspace)) == 2


def test_a_change_that_was_made_is_not_offered_again(workspace: Workspace, sick: Run) -> None:
    page = Page(Words("en"), workspace, Feed(), Draft(workspace))
    body, _, button = healing.drawn(page, sick.id)
    assert "the learning rate" in body
    assert (button["visible"], button["value"]) == (True, "Stop it and run the changed one")
    _, made, _ = healing.again(page, sick.id, None, 0)
    body, _, button = healing.drawn(page, sick.id)
    assert f"This change was made already: {made}" in body
    assert not button["visible"]
    remove(Run(workspace.runs / made))
    assert healing.drawn(page, sick.id)[2]["visible"]


def test_a_run_that_has_ended_is_left_as_it_is(workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch, writer: Callable[..., EventWriter]) -> None:  # fmt: skip
    monkeypatch.setattr(supervisor, "_spawn", lambda run, device: None)
    run = create(workspace, recipe())
    writer(run.events_path).write("finished")
    remedy.applied(workspace, run, {"training.learning_rate": 1e-5})
    assert not run.stop_asked
