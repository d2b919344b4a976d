"""The event log survives torn lines and damage; a run's status is derived from what lies in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.core import run
from workbench.core.errors import UserError
from workbench.core.events import last_lifecycle, read
from workbench.core.recipe import parse
from workbench.core.workspace import Workspace

RECIPE = parse({"task": "text-classification", "method": "lora", "name": "my run"})


def test_a_reader_takes_whole_lines_only_and_goes_on_from_its_offset(
    tmp_path: Path, writer: Callable[..., Any]
) -> None:
    path = tmp_path / "events.jsonl"
    writer(path).write("step", step=1, loss=float("nan"))
    with path.open("ab") as torn:
        torn.write(b'{"kind": "step", "ti')
    events, offset = read(path)
    assert [(event.kind, event.get("loss")) for event in events] == [("step", "nan")]
    assert read(path, offset) == ([], offset)


def test_a_writer_after_a_crash_does_not_glue_its_event_to_the_torn_line(
    tmp_path: Path, writer: Callable[..., Any]
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"kind": "step", "ti')
    writer(path).write("failed", en="x", zh="y")
    assert [event.kind for event in read(path)[0]] == ["text", "failed"]


@pytest.mark.parametrize("junk", [b"\x00\x00", b"\xff\xfe", b"[]", b"{}", b"null", b"[" * 100_000, b'{"kind": 1}'])
def test_damaged_lines_are_kept_as_text(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(junk + b'\n{"kind": "finished", "time": 1}\n')
    assert [event.kind for event in read(path)[0]] == ["text", "finished"]
    last = last_lifecycle(path)
    assert last is not None
    assert last.kind == "finished"


def test_the_last_lifecycle_event_is_found_behind_many_steps(tmp_path: Path, writer: Callable[..., Any]) -> None:
    path = tmp_path / "events.jsonl"
    log = writer(path)
    log.write("started")
    for step in range(3000):
        log.write("step", step=step, loss=0.5)
    last = last_lifecycle(path, tail=4096)
    assert last is not None
    assert last.kind == "started"


def test_status_follows_the_folder(workspace: Workspace, writer: Callable[..., Any]) -> None:
    made = run.create(workspace, RECIPE)
    assert made.status == "queued"
    made.claim(psutil.Process(os.getpid()))
    assert made.status == "running"
    writer(made.events_path).write("started")
    (made.folder / "worker.json").write_text(json.dumps({"pid": os.getpid(), "started": 1.0}))
    assert made.status == "lost", "a reused pid with another start time is not the worker"
    writer(made.events_path).write("finished", seconds=1)
    assert made.status == "finished"


def test_runs_are_found_by_beginning_and_listed_newest_first(workspace: Workspace) -> None:
    first = run.create(workspace, RECIPE)
    os.utime(first.folder / "recipe.yaml", (1, 1))
    second = run.create(workspace, RECIPE)
    assert [item.id for item in run.all_runs(workspace)] == [second.id, first.id]
    assert run.find(workspace, second.id) == second
    assert run.find(workspace, "last") == second
    for wrong in ("", "nope", "../x"):
        with pytest.raises(UserError):
            run.find(workspace, wrong)


def test_a_running_run_is_not_removed(workspace: Workspace) -> None:
    made = run.create(workspace, RECIPE)
    made.claim(psutil.Process(os.getpid()))
    with pytest.raises(UserError):
        run.remove(made)
    assert made.folder.exists()
