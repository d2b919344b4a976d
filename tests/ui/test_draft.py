"""The draft keeps what a person typed, right or wrong, across reload and restart."""

from __future__ import annotations

import pytest

from workbench.core.errors import UserError
from workbench.core.method import METHODS
from workbench.core.preset import all_presets
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.ui.draft import Draft


def test_a_fresh_workspace_starts_from_the_first_sample(workspace: Workspace) -> None:
    assert Draft(workspace).recipe() == all_presets()[0].recipe


def test_a_change_is_there_after_a_restart(workspace: Workspace) -> None:
    Draft(workspace).put({"training.learning_rate": 0.5, "method.rank": 7})
    again = Draft(workspace)
    assert (again.get("training.learning_rate"), again.get("method.rank")) == (0.5, 7)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"task": {"kind": "gone"}}'])
def test_a_damaged_draft_falls_back_to_the_first_sample(workspace: Workspace, damage: str) -> None:
    draft = Draft(workspace)
    draft.path.write_text(damage)
    assert draft.recipe() == all_presets()[0].recipe


@pytest.mark.parametrize("kind", METHODS.kinds())
def test_choosing_a_method_brings_its_learning_rate(workspace: Workspace, kind: str) -> None:
    draft = Draft(workspace)
    draft.choose_method(kind)
    for dotted, value in METHODS.get(kind).suggests.items():
        assert draft.get(dotted) == value
    assert draft.recipe().method.kind == kind


@pytest.mark.parametrize("kind", TASKS.kinds())
def test_choosing_a_task_gives_a_valid_recipe(workspace: Workspace, kind: str) -> None:
    draft = Draft(workspace)
    draft.choose_task(kind)
    assert draft.recipe().task.kind == kind


def test_a_wrong_value_is_kept_and_explained_beside_its_field(workspace: Workspace) -> None:
    draft = Draft(workspace)
    error = draft.problem("training.learning_rate", -1)
    assert error is not None
    assert "-1" in error.say("zh")
    draft.put({"training.learning_rate": -1})
    with pytest.raises(UserError):
        draft.recipe()
    assert draft.problem("method.rank", 8) is None, "only the field that is wrong says so"
