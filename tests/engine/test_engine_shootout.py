"""A shoot-out: one run per method on the same data and budget, one table; what does not fit is named with the reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from engineruns import work

from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.task import TASKS, Row, Task
from workbench.core.workspace import Workspace
from workbench.engine import shootout, supervisor
from workbench.engine.interval import interval, wilson

Make = Callable[..., Recipe]


@pytest.fixture
def base(recipe: Make, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe whose runs are started by the test."""
    monkeypatch.setattr(supervisor, "launch_next", lambda workspace: None)
    return recipe(data__validation=0.4, training__learning_rate=3e-3, evaluation__samples=0)


def train(workspace: Workspace) -> int:
    """Train what is queued, in this process."""
    queued = [run for run in runs.all_runs(workspace) if run.status == "queued"]
    for run in queued:
        work(run)
        writer = EventWriter(run.events_path)
        writer.write("finished")
        writer.close()
    return len(queued)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_three_methods_and_one_that_does_not_fit(workspace: Workspace, base: Recipe) -> None:
    made = shootout.start(workspace, base, ["lora", "prompt-tuning", "full", "bitfit"])
    for kind, run in made.entries().items():
        same = (run.recipe.data.dataset, run.recipe.training.max_steps, run.recipe.training.per_device_train_batch_size)
        assert same == ("few", 2, 4)
        rate = 3e-3 if kind == "lora" else METHODS.get(kind).suggests["training.learning_rate"]
        assert run.recipe.training.learning_rate == rate
    assert not made.over
    assert train(workspace) == 3
    assert made.over
    rows = {row["method"]: row for row in shootout.table(made)}
    assert list(rows) == ["lora", "prompt-tuning", "full", "bitfit"]
    assert "bias" in rows["bitfit"]["reason"]["en"]
    assert rows["full"]["trainable"] == 1.0
    assert 0 < rows["prompt-tuning"]["trainable"] < rows["lora"]["trainable"] < 1
    for kind in ("lora", "prompt-tuning", "full"):
        low, high = rows[kind]["interval"]
        assert low <= rows[kind]["score"] <= high
        assert rows[kind]["metric"] == "accuracy"
        assert rows[kind]["before"] is not None
        assert rows[kind]["peak_memory_mb"] > 0
        assert rows[kind]["seconds"] > 0
    again = shootout.start(workspace, base, ["lora", "prompt-tuning", "full", "adapter"])
    assert again == made
    assert train(workspace) == 1
    assert [row["status"] for row in shootout.table(made)] == ["finished", "finished", "finished", "left out", "finished"]  # fmt: skip
    assert shootout.find(workspace, "last") == made
    assert shootout.start(workspace, base.replace({"training.max_steps": 3}), ["lora"]) != made


def test_a_stopped_shootout_goes_on_when_asked_again(workspace: Workspace, base: Recipe) -> None:
    made = shootout.start(workspace, base, ["lora", "full"])
    shootout.stop(made)
    assert {run.status for run in made.entries().values()} == {"stopped"}
    assert shootout.start(workspace, base, ["lora", "full"]) == made
    assert {run.status for run in made.entries().values()} == {"queued"}
    assert len(runs.all_runs(workspace)) == 2


@pytest.mark.parametrize("methods", [[], ["nothing"]])
def test_methods_that_are_none_are_refused(workspace: Workspace, base: Recipe, methods: list[str]) -> None:
    with pytest.raises(UserError):
        shootout.start(workspace, base, methods)
    assert not shootout.all_shootouts(workspace)


def test_intervals_by_kind_of_metric() -> None:
    """Shares by Wilson, sums over tokens by text, the rest by scoring resampled rows anew; wider where rows are few."""
    classes, language, names = (TASKS.get(kind) for kind in ("text-classification", "text-generation", "token-classification"))  # fmt: skip
    rows = [{"text": "x", "label": "ab"[place % 4 == 0]} for place in range(40)]
    assert reach(classes, rows, {"labels": ["a", "b"], "chosen": ["a"] * 40, "scores": [0.9] * 40}) == wilson(30, 40)
    texts = {"nll": [10.0 + 10 * (place % 2) for place in range(60)], "tokens": [10] * 60, "right": [5] * 60}
    low, high = reach(language, [{"text": "x"}] * 60, texts)
    assert math.e < low < math.exp(1.5) < high < math.exp(2)
    tags = [["B-PER", "O"], ["O", "B-LOC"]] * 10
    said = {"tags": [each if place % 5 else ["O", "O"] for place, each in enumerate(tags)]}
    low, high = reach(names, [{"tokens": ["a", "b"], "tags": each} for each in tags], said)
    assert 0.6 < low < 8 / 9 < high <= 1
    assert interval(classes, rows[:1], {"labels": ["a"], "chosen": ["a"], "scores": [0.9]}, {"accuracy": 1.0}) is None


def reach(task: Task, rows: list[Row], predictions: Any) -> tuple[float, float]:
    found = interval(task, rows, predictions, task.score(rows, predictions))
    assert found is not None
    return found
