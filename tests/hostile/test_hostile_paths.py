"""Every path and name of the corpus in every field there is: nothing outside the workspace is read, written or asked, and nobody sees a
traceback. What is tried, and how it is watched: attack.py, watch.py, yard.py beside this file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults import note
from hostile.corpus import PATHS
from hostile.yard import Yard
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.files import entries
from workbench.core.recipe import parse
from workbench.core.run import all_runs, create
from workbench.core.workspace import Workspace
from workbench.serve import talk

ROOMS = ("handlers", "boards", "recipes", "words")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's watch is Linux's")
PLAIN = re.compile(r"[\w.=:+/-]*")


def attacked(folder: Path, which: str, stride: int) -> dict[str, Any]:
    """What the child process tells; the yard must be as it was."""
    yard = Yard(folder)
    yard.build()
    unread = which != "words"  # who names a file on the command line has it read; the watch knows which was named
    before = yard.state(unread)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("WORKBENCH_", "HF_", "PYTEST_"))}
    env |= {"HOME": str(yard.home), "TMPDIR": str(yard.temp), "GRADIO_TEMP_DIR": str(yard.temp / "gradio"), "HF_HOME": str(yard.temp / "hf")}  # fmt: skip
    command = [sys.executable, str(ROOT / "tests" / "hostile" / "attack.py"), str(folder), which, str(stride)]
    done = subprocess.run(command, cwd=yard.here, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert yard.state(unread) == before
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def held(told: dict[str, Any], which: str, how: str) -> None:
    """Nothing left the workspace."""
    note("S2", f"{which}: calls with a hostile value {how}", told["count"])
    note("S2", "steps out of the workspace, files and addresses", len(told["breaches"]) + len(told["kernel"]), most=0)
    note("S2", f"{which}: slowest answer to one", told["worst"], "s")
    assert {name: told[name] for name in ("breaches", "kernel", "errors", "slow")} == {"breaches": {}, "kernel": {}, "errors": {}, "slow": []}  # fmt: skip
    assert set(told["values"]) == set(PATHS)
    assert [words for words in told["spawned"] if not all(map(PLAIN.fullmatch, json.loads(words.partition(" ")[2])))] == []  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("which", ROOMS)
def test_hostile_names_stay_in_the_workspace(which: str, tmp_path: Path) -> None:
    held(attacked(tmp_path, which, 70 if which == "handlers" else 40), which, "(quick set)")


@pytest.mark.long
@pytest.mark.parametrize("which", ROOMS)
def test_every_hostile_name_in_every_field_stays_in_the_workspace(which: str, tmp_path: Path) -> None:
    held(attacked(tmp_path, which, 1), which, "(every value in every field)")


def test_the_corpus_is_the_plans() -> None:
    assert {name.rstrip("bcde") for name in PATHS} == {f"P{number}" for number in range(1, 47)}


def test_links_out_of_the_workspace_are_no_runs(workspace: Workspace, tmp_path: Path) -> None:
    recipe = parse({"task": "text-classification", "method": "lora", "data": {"dataset": "sentiment-en"}})
    elsewhere = create(Workspace(tmp_path / "elsewhere"), recipe)
    own = create(workspace, recipe)
    (workspace.runs / "link").symlink_to(elsewhere.folder)
    assert [run.id for run in all_runs(workspace)] == [own.id]
    assert [path.name for path in entries(workspace.runs, "recipe.yaml")] == [own.id]
    assert entries(workspace.root / "searches", "search.yaml") == []


def test_a_conversation_is_written_to_its_own_file_only(workspace: Workspace) -> None:
    made = talk.Talk.begun("r", "chat", ["base"])
    talk.save(workspace, made)
    path = workspace.root / "conversations" / f"{made.id}.json"
    path.write_text(path.read_text().replace(f'"id": "{made.id}"', '"id": "../../stolen"'))
    with pytest.raises(UserError), talk.changing(workspace, made.id):
        pass
    assert not (workspace.root.parent / "stolen.json").exists()
