"""The form follows the knobs: a setting that belongs to one choice is seen with that choice only."""

from __future__ import annotations

from workbench.core.knob import knobs
from workbench.core.recipe import parse
from workbench.core.sections import ComputeSection
from workbench.core.workspace import Workspace
from workbench.ui.draft import Draft
from workbench.ui.form import Form
from workbench.ui.preview import batch
from workbench.ui.words import Words

BELONGS = {f"compute.{name}": made.shown_when for name, (_, made) in knobs(ComputeSection).items() if made.shown_when}


def test_settings_of_one_choice_come_and_go_with_it(workspace: Workspace) -> None:
    draft = Draft(workspace)
    form = Form(Words("en"), draft)
    for name, (field, made) in knobs(ComputeSection).items():
        form.fields[f"compute.{name}"] = form.component(f"compute.{name}", field, made)
    assert BELONGS
    for path, (other, choice) in BELONGS.items():
        assert not form.fields[path].visible
        saver = form._saver(f"compute.{other}", list)
        for value, seen in ((choice, True), ("single", False)):
            _, *updates = saver(value)
            assert dict(zip(form._depending(f"compute.{other}"), updates, strict=True))[path]["visible"] is seen
            shown = form.refresh([form.value(name, form._field(name)) for name in form.fields])
            assert dict(zip(form.fields, shown, strict=True))[path]["visible"] is seen


def test_rows_per_step_count_every_process(workspace: Workspace) -> None:
    recipe = parse(Draft(workspace).values()).replace({"training.per_device_train_batch_size": 4, "training.gradient_accumulation_steps": 2})  # fmt: skip
    many = recipe.replace({"compute.strategy": "ddp", "compute.processes": 2, "compute.machines": 3})
    assert (batch(recipe), batch(many)) == ("8", "48 (4 × 2 × 6)")
    assert batch(many.replace({"compute.strategy": "tensor-parallel"})) == "8"
