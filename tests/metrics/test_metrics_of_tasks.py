"""Entities, answers, rewritten texts, scales: known answers by hand, and equality with the public implementations."""

from __future__ import annotations

import random
from typing import Any

import pytest

from workbench.core.metric import METRICS
from workbench.metrics.answers import exact, overlap
from workbench.metrics.rewriting import rouge, tokenizer_of

NEAR = 1e-9
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def value(kind: str, predictions: Any, references: Any) -> float:
    return METRICS.get(kind).compute(predictions=predictions, references=references)


def test_an_entity_needs_its_borders_and_its_kind() -> None:
    right = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "O"]]
    said = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "I-ORG"]]
    assert value("entity_precision", said, right) == pytest.approx(1 / 3)
    assert value("entity_recall", said, right) == pytest.approx(1 / 3)
    assert value("entity_f1", said, right) == pytest.approx(1 / 3)
    assert value("entity_f1", right, right) == 1.0
    assert value("entity_f1", [["O"] * 4, ["O"] * 3], right) == 0.0


@pytest.mark.parametrize(
    ("answer", "right", "em", "f1"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1.0, 1.0),
        ("the tall Eiffel Tower", ["Eiffel Tower"], 0.0, 0.8),
        ("", [], 1.0, 1.0),
        ("something", [], 0.0, 0.0),
        ("", ["x"], 0.0, 0.0),
        ("two", ["one", "two"], 1.0, 1.0),
        ("黑豹队。", ["黑豹队"], 1.0, 1.0),
        ("黑豹", ["黑豹队"], 0.0, 0.8),
    ],
)
def test_answers_as_squad_defines_them(answer: str, right: list[str], em: float, f1: float) -> None:
    assert exact(answer, right) == em
    assert overlap(answer, right) == pytest.approx(f1)


def test_answers_over_rows() -> None:
    assert value("exact_match", ["a cat", "dog"], [["cat"], ["cat"]]) == 0.5
    assert value("answer_f1", ["a cat", ""], [["cat"], []]) == 1.0


def sentences(seed: int) -> list[str]:
    dice = random.Random(seed)
    return [" ".join(dice.choices(["the", "cat", "sat", "on", "a", "mat", "Dog,", "ran."], k=12)) for _ in range(40)]


def test_bleu_and_chrf_are_sacrebleu_s() -> None:
    import sacrebleu

    said, right = (
        sentences(1),
        [a if i % 2 else b for i, (a, b) in enumerate(zip(sentences(1), sentences(2), strict=True))],
    )
    assert value("bleu", said, right) == pytest.approx(sacrebleu.corpus_bleu(said, [right]).score / 100, abs=NEAR)
    assert value("chrf", said, right) == pytest.approx(sacrebleu.corpus_chrf(said, [right]).score / 100, abs=NEAR)


def test_chinese_is_compared_by_characters() -> None:
    right, said = ["今天天气很好，我们去公园散步。"], ["今天天气很好，我们去公园跑步。"]
    assert tokenizer_of(right) == "zh"
    assert tokenizer_of(["The weather is fine."]) == "13a"
    assert value("bleu", said, right) > 0.6
    assert rouge("rougeL", said[0], right[0]) == pytest.approx(12 / 13)


def test_rouge_is_rouge_score_s_for_english() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    kinds = ["rouge1", "rouge2", "rougeL"]
    scorer = RougeScorer(kinds)
    for said, right in zip(sentences(3), sentences(4), strict=True):
        theirs = scorer.score(right, said)
        for kind in kinds:
            assert rouge(kind, said, right) == pytest.approx(theirs[kind].fmeasure, abs=NEAR)


def test_scales() -> None:
    assert value("spearman", [1.0, 2.0, 4.0], [10.0, 20.0, 90.0]) == pytest.approx(1.0)
    assert value("pearson", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert value("pearson", [1.0, 1.0, 1.0], [3.0, 2.0, 1.0]) == 0.0
    assert value("mean_absolute_error", [1.0, 2.0], [2.0, 4.0]) == 1.5


def test_several_labels() -> None:
    said, right = [["a", "b"], ["c"]], [["a"], ["c"]]
    assert value("label_f1", said, right) == pytest.approx(0.8)
    assert value("all_labels_right", said, right) == 0.5


def test_several_labels_agree_with_scikit_learn() -> None:
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    dice = random.Random(5)
    said, right = ([[label for label in "abcd" if dice.random() < 0.4] for _ in range(60)] for _ in range(2))
    shape = MultiLabelBinarizer(classes=list("abcd"))
    theirs = f1_score(shape.fit_transform(right), shape.fit_transform(said), average="micro")
    assert value("label_f1", said, right) == pytest.approx(theirs, abs=NEAR)


def test_a_tie_is_no_preference() -> None:
    assert value("preference_accuracy", [1.0, 2.0, 0.0], [0.0, 2.0, 1.0]) == pytest.approx(1 / 3)
