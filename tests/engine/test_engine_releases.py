"""Runs of older releases open as they are; those of a newer one are listed, or refused with a sentence. No file of either is touched.

tests/releases/ holds a finished and a failed run (without weights) as three older states of this program left them, by their commit.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import note
from places import ROOT

from workbench.cli import main
from workbench.core.files import sha256
from workbench.core.recipe import Recipe
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import janitor, queue, supervisor
from workbench.engine.diagnosis import diagnose
from workbench.ui import reportcard
from workbench.ui.draft import Draft
from workbench.ui.feed import Feed
from workbench.ui.page import Page, news
from workbench.ui.tabs import chat, runs
from workbench.ui.words import Words

Make = Callable[..., Recipe]
OLDER = sorted((ROOT / "tests" / "releases").iterdir())


def digests(workspace: Workspace) -> dict[Path, str]:
    return {path: sha256(path) for path in sorted(workspace.runs.rglob("*")) if path.is_file()}


def looked_at(workspace: Workspace, capsys: Any) -> dict[str, list[Any]]:
    """Everything that looks at runs: the page, the queue, storage, the command line. What the page says of each run."""
    page, said = Page(Words("en"), workspace, Feed(), Draft(workspace)), dict[str, list[Any]]()
    news("en", workspace, Feed())
    for run in all_runs(workspace):
        said[run.id] = runs._draw(page, run.id)
        runs._curve(page, run.id, "loss", [], "")
        reportcard._draw(page, run.id)
        chat._modes(page, run.id)
        diagnose(run)
    queue.queued(workspace)
    assert supervisor.launch_next(workspace) is None
    janitor.rooms(workspace)
    assert main(["runs", "list", "--json", "--workspace", str(workspace.root)]) == 0
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])) == len(all_runs(workspace))
    return said


@pytest.mark.parametrize("release", OLDER, ids=lambda path: path.name)
def test_runs_of_an_older_release_open_as_they_are(release: Path, workspace: Workspace, capsys: Any) -> None:
    shutil.copytree(release, workspace.runs, dirs_exist_ok=True)
    before, known = digests(workspace), all_runs(workspace)
    assert sorted(run.status for run in known) == ["failed", "finished"]
    said = looked_at(workspace, capsys)
    for run in known:
        assert run.unreadable is None
        assert run.id in said[run.id][0]
    done = next(run for run in known if run.status == "finished")
    view = Feed().view(done)
    assert [step["step"] for step in view.steps] == list(range(1, 7))
    assert done.report is not None
    after = digests(workspace)
    changed = [path for path in {*before, *after} if before.get(path) != after.get(path)]
    note("F23", "files of older runs changed by opening them", len(changed), most=0)
    assert changed == []


def newer(run: Run) -> None:
    """As a release to come may leave it."""
    recipe = (run.folder / "recipe.yaml").read_text()
    (run.folder / "recipe.yaml").write_text(recipe + "quantum: {qubits: 7}\n")
    run.events_path.write_text(
        '{"kind": "started", "time": 1}\n{"kind": "teleported", "time": 2, "to": [1, {"a": null}]}\n'
    )
    (run.folder / "worker.json").write_text('{"format": 9, "process": "urn:uuid:1", "pid": {"host": "a"}}')


def test_runs_of_a_newer_release_are_listed_refused_clearly_and_left_alone(workspace: Workspace, recipe: Make, capsys: Any) -> None:  # fmt: skip
    queue.arrange(workspace, True, None)
    known, waiting = create(workspace, recipe()), create(workspace, recipe(name="waits"))
    newer(known)
    (waiting.folder / "recipe.yaml").write_text("format: 9\n")
    before = digests(workspace)
    said = looked_at(workspace, capsys)
    assert "quantum" in said[known.id][0]
    assert "no “task”" in said[waiting.id][0]
    assert Run(known.folder).status == "lost"
    queue.arrange(workspace, False, None)
    sound = create(workspace, recipe(name="sound", data__dataset="gone"))
    assert supervisor.launch_next(workspace) == sound, "what cannot be read keeps nothing else from starting"
    supervisor.cancel(sound)
    assert {path: digest for path, digest in digests(workspace).items() if path in before} == before
    assert main(["runs", "show", known.id, "--workspace", str(workspace.root)]) in (0, 2)
    assert "Traceback" not in "".join(capsys.readouterr())
