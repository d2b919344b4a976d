"""What is looked at before a run: the rows as the model will see them, what it will need, what would be trained."""

from __future__ import annotations

from typing import Any

import matrix
import pytest

from workbench.core import preset
from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.engine import anatomy, forecast, inspect
from workbench.engine.ask import Asked
from workbench.models.anatomy import branches, fold, parts

PERSONA = preset.find("persona")


def seen(workspace: Workspace, **changes: Any) -> dict[str, Any]:
    recipe = PERSONA.replace({key.replace("__", "."): value for key, value in changes.items()})
    return inspect.look(workspace, {"recipe": recipe.dump(), "rows": 1})


def test_only_the_answer_is_learned_and_the_markers_are_special(workspace: Workspace) -> None:
    found = seen(workspace)
    tokens = found["rows"][0]["tokens"]
    answer = "".join(token["text"] for token in tokens if token["learned"])
    assert "Pip" in answer
    assert "call you" not in answer
    assert {token["text"] for token in tokens if token["special"]} >= {"<|user|>", "<|assistant|>"}
    assert not found["warnings"]
    assert found["rows"][0]["cut"] == 0


def test_a_cut_answer_is_struck_out_and_has_a_mend_that_works(workspace: Workspace) -> None:
    found = seen(workspace, task__max_length=16)
    row, warning = found["rows"][0], found["warnings"][0]
    assert row["cut"] == sum(token["cut"] for token in row["tokens"]) == row["total"] - 16
    mended = seen(workspace, task__max_length=warning["mend"]["task.max_length"])
    assert mended["figures"]["left_out"] == 0
    assert not mended["warnings"]


def test_the_answer_of_an_encoder_decoder_is_shown_behind_its_input(workspace: Workspace) -> None:
    recipe = preset.find("translations").replace({"model.id": str(matrix.model_folder("t5"))})
    row = inspect.look(workspace, {"recipe": recipe.dump(), "rows": 1})["rows"][0]
    marks = [token["learned"] for token in row["tokens"]]
    assert marks == sorted(marks)
    assert 0 < row["learned"] < row["total"] == len(marks)
    short = recipe.replace({"task.max_target_length": 8})
    found = inspect.look(workspace, {"recipe": short.dump(), "rows": 1})
    assert found["rows"][0]["learned"] <= 8
    assert found["rows"][0]["cut"] > 0
    (mend,) = [note["mend"] for note in found["warnings"]]
    assert not inspect.look(workspace, {"recipe": short.replace(mend).dump(), "rows": 1})["warnings"]


def test_a_model_without_a_template_is_told_and_settled_by_a_press(workspace: Workspace) -> None:
    recipe = PERSONA.replace({"model.id": str(matrix.model_folder("llama")), "task.max_length": 512})
    notes = inspect.look(workspace, {"recipe": recipe.dump(), "rows": 1})["warnings"]
    (mend,) = [note["mend"] for note in notes if "template" in note["en"]]
    settled = inspect.look(workspace, {"recipe": recipe.replace(mend).dump(), "rows": 1})
    assert not [note for note in settled["warnings"] if "template" in note["en"]]


def test_a_length_above_the_context_is_told(workspace: Workspace) -> None:
    mends = [note["mend"] for note in seen(workspace, task__max_length=4096)["warnings"]]
    assert {"task.max_length": 512} in mends


def test_what_lies_between_the_common_ends_is_gone() -> None:
    assert inspect._gone([1, 2, 3, 4, 9], [1, 2, 9]) == {2, 3}
    assert inspect._gone([1, 2], [1, 2]) == set()
    assert inspect._gone([1, 2, 3], []) == {0, 1, 2}


@pytest.mark.slow
def test_a_forecast_measures_and_its_advice_needs_less(workspace: Workspace) -> None:
    recipe = PERSONA.replace({"training.per_device_train_batch_size": 64})
    found = forecast.forecast(workspace, recipe)
    assert found["fits"]
    assert found["measured"]["memory_mb"] == found["memory_mb"] > 0
    assert found["minutes"] > 0
    assert found["advice"]
    assert all(item["memory_mb"] < found["estimated_mb"] for item in found["advice"])
    assert not any(workspace.runs.iterdir()), "a forecast leaves no run behind"


def test_a_forecast_that_was_called_off_says_so(workspace: Workspace) -> None:
    asked = Asked()
    asked.cancelled = True
    with pytest.raises(UserError, match="Cancelled"):
        forecast.forecast(workspace, PERSONA.replace({"model.id": "lumo"}), False, asked)


def test_a_model_that_is_not_here_is_not_fetched_by_a_look(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="not on this machine yet"):
        inspect.inspect_rows(workspace, PERSONA.replace({"model.id": "nobody/nothing"}), 1)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # PEFT asks transformers for an old name
def test_anatomy_counts_what_lora_adds_and_nothing_else(workspace: Workspace) -> None:
    found = anatomy.look(workspace, {"recipe": PERSONA.dump()})
    assert all("lora_" in row["name"] for row in found["trained"])
    assert sum(row["parameters"] for row in found["trained"]) == found["trainable"] < found["total"] / 10
    assert found["template"]["own"]


def test_parts_add_up_to_the_model(workspace: Workspace) -> None:
    from workbench.models.catalog import STARTERS, facts

    folder = next(entry.folder for entry in STARTERS if entry.kind == "lumo")
    assert sum(part.parameters for part in parts(folder)) == facts(folder).parameters == branches(parts(folder))[""]
    assert [part.repeats for part in fold([("a.0.w", [2]), ("a.1.w", [2]), ("a.2.w", [3])])] == [2, 1]
