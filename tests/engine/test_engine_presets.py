"""Every preset is run: two steps on its own dataset, with its own model where that is here, else a tiny one of its kind."""

from __future__ import annotations

from pathlib import Path

import matrix
import pytest

from workbench.core.events import EventWriter
from workbench.core.preset import Preset, all_presets
from workbench.core.run import create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine.session import train
from workbench.engine.stage import Stage
from workbench.models import catalog, shelf

SIZES = ("cpu", "8gb", "12gb", "24gb", "80gb")
KIND = {entry.id: entry.kind for entry in shelf.catalogue()}
FAMILY = {"encoder": "bert", "decoder": "llama", "pair": "t5"}
STARTERS = {starter.kind for starter in catalog.STARTERS}


def test_there_is_a_recipe_for_every_size_and_task() -> None:
    presets = all_presets()
    assert len(presets) >= 25
    assert {str(preset.about["size"]) for preset in presets} == set(SIZES)
    assert {preset.recipe.task.kind for preset in presets} == set(TASKS.kinds())
    assert all(preset.path.read_text(encoding="utf-8").startswith("# ") for preset in presets)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("preset", all_presets(), ids=lambda preset: preset.kind)
def test_a_preset_runs(preset: Preset, tmp_path: Path) -> None:
    model = preset.recipe.model.id
    recipe = preset.recipe.replace(
        {
            "model.id": model if model in STARTERS else str(matrix.model_folder(FAMILY[KIND[model]])),
            "training.max_steps": 2, "training.per_device_train_batch_size": 2, "training.gradient_accumulation_steps": 1,
            "data.max_rows": 8, "task.max_length": min(96, preset.recipe.task.max_length), "compute.threads": 1,
            "evaluation.max_rows": 4, "evaluation.samples": 1, "evaluation.generated": 1, "evaluation.max_new_tokens": 4,
            "evaluation.baseline": False,
        }
    )  # fmt: skip
    run = create(Workspace(tmp_path), recipe)
    writer = EventWriter(run.events_path)
    train(Stage(run, writer))
    writer.close()
    assert run.report
    assert run.tuned.is_dir()
