"""Whose the files of a workspace are on a machine that several people use."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.table import Table
from workbench.engine.doctor import guarded

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights of another kind")


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that everybody can get to, under an everyday umask."""
    above = [each for each in (tmp_path, *tmp_path.parents) if each.owner() == tmp_path.owner() and not each.stat().st_mode & 0o001]  # fmt: skip
    before = [rights(each) for each in above]
    for each in above:
        each.chmod(0o755)
    mask = os.umask(0o022)
    yield tmp_path
    os.umask(mask)
    for each, mode in zip(above, before, strict=True):
        each.chmod(mode)


def test_a_workspace_that_we_make_is_its_owners_alone(place: Path) -> None:
    made = Workspace(place / "new" / "w")
    assert rights(made.root) == 0o700
    assert rights(made.root.parent) == 0o755, "what lies above it is not ours to close"
    assert guarded(made) == "yours alone"


def test_one_that_was_there_stays_as_it_is_and_doctor_tells(place: Path) -> None:
    root = place / "my work"
    root.mkdir()
    made = Workspace(root)
    assert rights(root) == 0o755
    assert f"chmod 700 '{root}'" in guarded(made)
    place.chmod(0o700)
    assert guarded(made) == "yours alone", "nobody gets past the folder above"


@pytest.mark.parametrize(("mask", "wanted"), [(0o022, 0o755), (0o077, 0o700), (0o007, 0o770)])
def test_a_dataset_is_as_open_as_the_folders_about_it(place: Path, mask: int, wanted: int) -> None:
    os.umask(mask)
    workspace = Workspace(place / "w")
    made = library.save(workspace, "few", Table(["text"], [{"text": "a"}]), {"text": "text"})
    assert {rights(path) for path in (workspace.datasets, workspace.dataset_folder("few"), library.version_folder(workspace, "few", made.version))} == {wanted}  # fmt: skip
