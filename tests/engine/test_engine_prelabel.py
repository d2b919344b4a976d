"""A trained run labels a dataset's rows before a person does."""

from __future__ import annotations

from pathlib import Path

import pytest
from engineruns import run_with

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import annotate, library
from workbench.engine import prelabel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]


def test_a_run_labels_every_row_and_the_board_begins_where_it_is_least_sure(tmp_path: Path) -> None:
    run = run_with(tmp_path, "trainer", {"max_steps": 4}, task="text-classification", family="bert", method="full")
    workspace, name = Workspace(tmp_path / "trainer"), run.recipe.data.dataset
    found = prelabel.work(workspace, {"run": run.id, "name": name})
    assert found["rows"] == library.find(workspace, name).meta["rows"]
    items = annotate.open_board(workspace, name, "Ann", "run").next(5, [])
    sure = [item["thought"]["sure"] for item in items]
    assert sure == sorted(sure)
    assert {item["thought"]["label"] for item in items} <= {"positive", "negative"}
    with pytest.raises(UserError, match="no run"):
        prelabel.work(workspace, {"run": "gone", "name": name})
