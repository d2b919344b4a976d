"""Every metric against an answer worked out by hand, and against labels that are not what they seem."""

from __future__ import annotations

import math

import pytest

from workbench.core.metric import METRICS
from workbench.core.task import TASKS

REFERENCES = ["a", "a", "a", "b", "b", "c"]
ANSWERS = ["a", "a", "b", "b", "c", "c"]
BY_HAND = {
    "accuracy": 4 / 6,
    "precision": (1 + 1 / 2 + 1 / 2) / 3,
    "precision_weighted": (3 * 1 + 2 / 2 + 1 / 2) / 6,
    "recall": (2 / 3 + 1 / 2 + 1) / 3,
    "recall_weighted": 4 / 6,
    "f1": (4 / 5 + 1 / 2 + 2 / 3) / 3,
    "f1_weighted": (3 * 4 / 5 + 2 / 2 + 2 / 3) / 6,
    "f1_micro": 4 / 6,
    "mcc": (4 * 6 - (2 * 3 + 2 * 2 + 2 * 1)) / math.sqrt((36 - 12) * (36 - 14)),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_classification_metrics_give_the_answer_worked_out_by_hand(kind: str) -> None:
    value = METRICS.get(kind).compute(predictions=ANSWERS, references=REFERENCES, labels=["a", "b", "c"])
    assert value == pytest.approx(BY_HAND[kind])


def test_a_label_nobody_answers_counts_zero_and_stays_in_the_average() -> None:
    value = METRICS.get("f1").compute(predictions=["a", "a"], references=["a", "a"], labels=["a", "b"])
    assert value == 0.5


def test_labels_are_frozen_whatever_is_observed() -> None:
    """The same answers: a label that is absent counts, one that was never trained on does not."""
    right, said = ["a", "a", "b", "b"], ["a", "a", "b", "c"]
    frozen = METRICS.get("f1").compute(predictions=said, references=right, labels=["a", "b"])
    assert frozen == pytest.approx((1 + 2 / 3) / 2)
    assert METRICS.get("f1").compute(predictions=said, references=right) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_perplexity_weighs_tokens_not_rows() -> None:
    value = METRICS.get("perplexity").compute(predictions=[9 * math.log(2), math.log(4)], references=[9, 1])
    assert value == pytest.approx(math.exp((9 * math.log(2) + math.log(4)) / 10))


def test_token_accuracy_counts_every_token_once() -> None:
    assert METRICS.get("token_accuracy").compute(predictions=[9, 0], references=[9, 1]) == 0.9


def test_every_task_names_metrics_that_exist() -> None:
    for task in TASKS.all():
        assert task.main_metric in task.metrics
        assert set(task.metrics) <= set(METRICS.kinds())
