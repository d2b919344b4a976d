"""The failure doctor: every cause is found from what a run left behind, has a sentence in both languages, and a change that is a recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from workbench.core.events import Event, EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import create
from workbench.core.workspace import Workspace
from workbench.engine.diagnosis import CAUSES, Evidence, diagnose
from workbench.engine.stage import NonFinite
from workbench.engine.worker import explain

Make = Callable[..., Recipe]


def steps(*losses: Any, kind: str = "step", gap: float = 1.0) -> list[Event]:
    return [Event(kind, number * gap, {"step": number, "loss": loss, "memory_mb": 900.0}) for number, loss in enumerate(losses, 1)]  # fmt: skip


def failed(text: str, **facts: Any) -> list[Event]:
    return [Event("failed", 99.0, {"en": text, "zh": text, "field": None, **facts})]


OOM, NAN = explain(MemoryError()).en, explain(NonFinite(7, "loss")).en
FALLING = [2.0 - n / 20 for n in range(30)]
CASES: dict[str, tuple[str, list[Event], dict[str, Any], set[str]]] = {
    "out_of_memory": ("failed", [*steps(2, 2), *failed(OOM)], {}, {"training.per_device_train_batch_size", "training.gradient_accumulation_steps"}),
    "killed": ("lost", steps(2, 2), {"exit": -9}, {"training.per_device_train_batch_size", "training.gradient_accumulation_steps"}),
    "not_finite": ("failed", [*steps(2, 2), *failed(NAN, step=7)], {}, {"training.learning_rate", "training.max_grad_norm"}),
    "no_labels": ("finished", steps(*[0.0] * 10), {}, {"task.max_length"}),
    "disk_full": ("running", [*steps(2), Event("paused", 2.0, {"reason": "disk", "need_mb": 12})], {}, set()),
    "unreachable": ("failed", failed("The Hub could not be reached."), {}, set()),
    "hangs": ("running", steps(*FALLING), {"now": 1000.0}, set()),
    "interrupted": ("lost", steps(2, 2), {}, set()),
    "recipe": ("failed", failed("compute.precision: …", field="compute.precision"), {}, set()),
    "rate_too_high": ("finished", steps(*[1 + n / 5 for n in range(30)]), {}, {"training.learning_rate"}),
    "over_fitting": ("finished", [*steps(*FALLING), *steps(1.0, 0.8, 0.9, 1.2, kind="eval")], {}, {"training.keep_best", "training.early_stopping_patience"}),
    "rate_too_low": ("finished", steps(*[0.7 + n % 2 / 1000 for n in range(40)]), {}, {"training.learning_rate"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_every_cause_is_found_and_its_change_is_a_recipe(kind: str, recipe: Make) -> None:
    status, events, more, changes = CASES[kind]
    base = recipe()
    found = [each for cause in CAUSES if (each := cause(Evidence(base, status, events, **more)))]
    assert [each.kind for each in found] == [kind]
    assert set(found[0].changes) == changes
    assert found[0].text.en
    assert found[0].text.zh
    if changes:
        assert base.replace(found[0].changes) != base


def test_a_healthy_run_has_no_finding(recipe: Make) -> None:
    seen = Evidence(recipe(), "finished", [*steps(*FALLING), *steps(1.0, 0.8, 0.7, kind="eval")], now=31.0)
    assert [cause(seen) for cause in CAUSES if cause(seen)] == []
    assert all(cause(Evidence(recipe(), "running", steps(*FALLING), now=31.0)) is None for cause in CAUSES)


def test_less_memory_is_asked_for_step_by_step(recipe: Make) -> None:
    current, seen = recipe(), []
    for _ in range(6):
        change = next(each.changes for cause in CAUSES if (each := cause(Evidence(current, "failed", failed(OOM)))))
        seen.append(sorted(change))
        current = current.replace(change)
    training = current.training
    assert (training.per_device_train_batch_size, training.gradient_checkpointing) == (1, True)
    assert training.per_device_train_batch_size * training.gradient_accumulation_steps == 4
    assert getattr(current.task, "max_length") < 32  # noqa: B009


def test_a_run_is_diagnosed_from_its_folder(workspace: Workspace, recipe: Make) -> None:
    run = create(workspace, recipe())
    (run.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    (run.folder / "exit.json").write_text(json.dumps({"pid": 1, "status": -9}))
    writer = EventWriter(run.events_path)
    writer.write("started", pid=1)
    writer.close()
    assert [each.kind for each in diagnose(run)] == ["killed"]
    (run.folder / "recipe.yaml").write_text("{")
    assert diagnose(type(run)(run.folder)) == []
