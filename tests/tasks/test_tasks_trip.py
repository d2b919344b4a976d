"""Every task from its sample to its report card, on a tiny model; what it answers by hand; what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matrix
import pytest
from served import tried

from workbench.core.errors import Unusable, UserError
from workbench.core.events import EventWriter, read
from workbench.core.metric import METRICS
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS, Task
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.engine.session import train
from workbench.engine.stage import Stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
SMALL = {"encoder": "bert", "pair": "t5", "decoder": "llama"}
CASES = [(task.kind, {}) for task in TASKS.all()] + [
    ("preference", {"task": {"loss": "orpo"}}), ("preference", {"task": {"loss": "kto"}}), ("preference", {"method": "full"}),
    ("text-classification", {"data": "aspects"}), ("text-classification", {"data": "stars"}),
    ("summarization", {"family": "llama"}), ("translation", {"family": "bart"}), ("text-generation", {"task": {"blocks": False}}),
]  # fmt: skip


def finished(folder: Path, kind: str, changes: dict[str, Any]) -> Run:
    """A run of two steps in this process."""
    task = TASKS.get(kind)
    family = changes.get("family", SMALL[task.families[0]])
    recipe = parse(
        {
            "task": {"kind": kind, "max_length": 96, **changes.get("task", {})}, "model": {"id": str(matrix.model_folder(family))},
            "method": changes.get("method", "lora"), "data": {"dataset": changes.get("data", task.sample), "max_rows": 16},
            "training": {"max_steps": 2, "per_device_train_batch_size": 4}, "compute": {"threads": 1},
            "evaluation": {"max_rows": 8, "samples": 1, "max_new_tokens": 4, "generated": 2},
        }
    )  # fmt: skip
    run = create(Workspace(folder), recipe)
    writer = EventWriter(run.events_path)
    try:
        train(Stage(run, writer))
    finally:
        writer.close()
    return run


@pytest.mark.parametrize(("kind", "changes"), CASES, ids=[f"{kind}-{changes}" for kind, changes in CASES])
def test_from_the_sample_to_the_card_and_to_an_answer(kind: str, changes: dict[str, Any], tmp_path: Path) -> None:
    run, task = finished(tmp_path, kind, changes), TASKS.get(kind)
    report = run.report or {}
    assert report["main_metric"] in report["after"]
    assert set(report["after"]) <= set(task.metrics) <= set(METRICS.kinds())
    assert report["rows"] > 0
    assert report.get("examples") or report.get("samples") or report.get("confusion")
    assert report["verdict"]["zh"]
    if task.asks:
        answer = tried(Workspace(tmp_path), run, dict.fromkeys(task.asks, "Mia has a ___ cat."))
        assert isinstance(answer, str)
        assert answer


@pytest.mark.parametrize("task", TASKS.all(), ids=lambda task: task.kind)
def test_the_sample_is_guessed_as_the_task_it_was_made_for(task: Task) -> None:
    dataset = library.find(Workspace(matrix.root() / "w"), task.sample)
    assert dataset.meta.get("task") in (task.kind, None, "preference")
    made = dataset.convert(task, None)
    assert made.heldout
    assert not made.dropped


ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("token-classification", {"tokens": ["a", "b"], "tags": ["O"]}, "2 words but 1 tags"),
    ("question-answering", {"question": "q", "context": "no such words", "answers": "elsewhere"}, "does not stand"),
    ("preference", {"prompt": "p", "chosen": "same", "rejected": "same"}, "the same"),
    ("preference", {"prompt": "p", "chosen": "", "rejected": "x"}, "empty"),
    ("text-classification", {"text": "t", "score": "many"}, "no number"),
]


@pytest.mark.parametrize(("kind", "row", "reason"), ROWS)
def test_a_row_that_teaches_nothing_says_why(kind: str, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unusable) as refused:
        TASKS.get(kind).prepare(row)
    assert reason in refused.value.reason.en


def test_only_one_kind_of_answer_is_learned() -> None:
    from workbench.data.roles import check

    with pytest.raises(UserError, match="only one of"):
        check({"a": "text", "b": "label", "c": "score"}, "abc", TASKS.get("text-classification"))
    with pytest.raises(UserError, match="label / labels / score"):
        check({"a": "text"}, "a", TASKS.get("text-classification"))


def test_pairs_too_long_for_the_limit_are_counted_and_none_left_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="within 16 tokens"):
        finished(tmp_path / "none", "reward", {"task": {"max_length": 16}})
    run = finished(tmp_path / "some", "reward", {})
    assert any("left out" in event.get("en") for event in read(run.events_path)[0] if event.kind == "note")
