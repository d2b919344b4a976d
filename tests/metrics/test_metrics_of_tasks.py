"""Entities, answers, rewritten texts, scales: known answers by hand, the traps, and sums that agree with scores."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from workbench.core.metric import METRICS
from workbench.metrics.answers import cmrc_exact, cmrc_f1, exact, overlap
from workbench.metrics.rewriting import rouge, tokenizer_of

NEAR = 1e-9
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def value(kind: str, predictions: Any, references: Any, **options: Any) -> float:
    return METRICS.get(kind).compute(predictions=predictions, references=references, **options)


def test_an_entity_needs_its_borders_and_its_kind() -> None:
    right = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "O"]]
    said = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "I-ORG"]]
    assert value("entity_precision", said, right) == pytest.approx(1 / 3)
    assert value("entity_recall", said, right) == pytest.approx(1 / 3)
    assert value("entity_f1", said, right) == pytest.approx(1 / 3)
    assert value("entity_f1", right, right) == 1.0
    assert value("entity_f1", [["O"] * 4, ["O"] * 3], right) == 0.0


def test_a_span_without_its_beginning_is_one_for_conll_and_none_strictly() -> None:
    said, right = [["I-PER", "I-PER", "O", "I-LOC"]], [["B-PER", "I-PER", "O", "B-LOC"]]
    assert value("entity_f1", said, right) == 1.0
    assert value("entity_f1_strict", said, right) == 0.0
    assert value("entity_f1_strict", [["S-PER"]], [["S-PER"]]) == 1.0
    assert (
        value("entity_f1", [["", "B-X"]], [["O", "B-X"]])
        == value("entity_f1_strict", [["", "B-X"]], [["O", "B-X"]])
        == 1.0
    )
    assert "IOBES" in METRICS.get("entity_f1_strict").signature([["S-PER"]])


@pytest.mark.parametrize(
    ("answer", "right", "em", "f1"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1.0, 1.0),
        ("the tall Eiffel Tower", ["Eiffel Tower"], 0.0, 0.8),
        ("", [], 1.0, 1.0),
        ("something", [], 0.0, 0.0),
        ("", ["x"], 0.0, 0.0),
        ("two", ["one", "two"], 1.0, 1.0),
        ("在北京大学", ["北京大学"], 0.0, 0.0),
        ("北京。", ["北京"], 0.0, 0.0),
    ],
)
def test_answers_as_squad_defines_them(answer: str, right: list[str], em: float, f1: float) -> None:
    assert exact(answer, right) == em
    assert overlap(answer, right) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("answer", "right", "em", "f1"),
    [
        ("黑豹队。", ["黑豹队"], 1.0, 1.0),
        ("黑豹", ["黑豹队"], 0.0, 0.8),
        ("在北京大学", ["北京大学"], 0.0, 8 / 9),
        ("学大京北", ["北京大学"], 0.0, 2 / 8),
        ("2024年 NBA", ["2024年nba"], 0.0, 1.0),
        ("", [], 1.0, 1.0),
    ],
)
def test_chinese_answers_as_cmrc_defines_them(answer: str, right: list[str], em: float, f1: float) -> None:
    assert cmrc_exact(answer, right) == em
    assert cmrc_f1(answer, right) == pytest.approx(f1)


def test_answers_over_rows() -> None:
    assert value("exact_match", ["a cat", "dog"], [["cat"], ["cat"]]) == 0.5
    assert value("answer_f1", ["a cat", ""], [["cat"], []]) == 1.0
    assert value("answer_f1", ["the"], [["a"]]) == 0.0  # version 1.1 finds no word in common
    assert value("answer_f1", ["the", ""], [["a"], []]) == 1.0  # version 2.0 calls both empty
    assert METRICS.get("answer_f1").signature([["x"], []]) == "squad:2.0"
    assert METRICS.get("answer_f1").signature([["x"]]) == "squad:1.1"


PAIRS = (["今天天气很好，我们去公园散步。", "他在银行工作。", "这本书很有意思。"], ["今天天气很好，我们去公园跑步。", "他在银行上班。", "这本书很有趣。"])  # fmt: skip


def test_chinese_is_compared_by_characters() -> None:
    """With the usual tokenizer these near-identical pairs have a BLEU of 0 and no ROUGE."""
    import sacrebleu

    said, right = PAIRS
    assert [tokenizer_of(right), tokenizer_of(["The weather is fine."])] == ["zh", "13a"]
    assert tokenizer_of(["これはとても良い本です"]) in ("ja-mecab", "char")
    assert sacrebleu.corpus_bleu(said, [right]).score < 30
    assert value("bleu", said, right) > 0.45
    assert rouge("rougeL", said[0], right[0]) == pytest.approx(12 / 13)
    for kind in ("bleu", "chrf", "rouge1", "rougeL", "rougeLsum"):
        assert value(kind, right, right) == pytest.approx(1.0)


def test_unrelated_sentences_do_not_score_by_a_year_they_share() -> None:
    assert value("rouge1", ["他在2024年买了一辆新车"], ["2024年奥运会由巴黎举办"]) < 0.3


def test_words_of_other_scripts_are_words() -> None:
    assert rouge("rouge1", "Привет, мир!", "привет мир") == 1.0
    assert rouge("rouge1", "café crème", "café noir") == 0.5
    assert rouge("rouge1", "हिन्दी भाषा", "हिन्दी भाषा") == 1.0


def test_every_text_score_has_its_signature() -> None:
    assert METRICS.get("bleu").signature(PAIRS[1]).startswith("nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:")
    assert "tok:13a" in METRICS.get("bleu").signature(["hello there"])
    assert "|nc:6|nw:0|space:no|" in METRICS.get("chrf").signature(["x"])
    assert "stem:no" in METRICS.get("rougeL").signature(["x"])


def test_sentences_stand_on_lines_of_their_own_for_rouge_lsum() -> None:
    one, other = "我去公园。天气很好。", "天气很好。我去公园。"
    assert rouge("rougeLsum", one, other) > rouge("rougeL", one, other)


def test_scales() -> None:
    assert value("spearman", [1.0, 2.0, 4.0], [10.0, 20.0, 90.0]) == pytest.approx(1.0)
    assert value("pearson", [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert value("pearson", [1.0, 1.0, 1.0], [3.0, 2.0, 1.0]) == 0.0
    assert value("mean_absolute_error", [1.0, 2.0], [2.0, 4.0]) == 1.5


def test_several_labels() -> None:
    said, right = [["a", "b"], ["c"]], [["a"], ["c"]]
    assert value("label_f1", said, right) == pytest.approx(0.8)
    assert value("all_labels_right", said, right) == 0.5


def test_a_tie_is_no_preference() -> None:
    assert value("preference_accuracy", [1.0, 2.0, 0.0], [0.0, 2.0, 1.0]) == pytest.approx(1 / 3)


def test_probabilities() -> None:
    """Three of four pairs in order; sure by 0.8 on average, right by 0.75."""
    chances = [[0.1, 0.9], [0.8, 0.2], [0.35, 0.65], [0.15, 0.85]]
    assert value("roc_auc", chances, ["b", "a", "b", "b"], labels=["a", "b"]) == 1.0
    assert value("roc_auc", chances, ["b", "a", "b", "a"], labels=["a", "b"]) == 0.75
    assert value("roc_auc", chances, ["b"] * 4, labels=["a", "b"]) == 0.5
    assert value("ece", [[0.2, 0.8]] * 4, ["b", "b", "b", "a"], labels=["a", "b"]) == pytest.approx(0.05)


def test_bits_per_byte_and_writing_by_hand() -> None:
    assert value("bits_per_byte", [8 * math.log(2), 0.0], [2.0, 2.0]) == pytest.approx(2.0)
    assert value("distinct_1", ["a b a", "b"], ["", ""]) == 0.5
    assert value("distinct_2", ["a b a b"], [""]) == pytest.approx(2 / 3)
    assert value("distinct_2", ["a"], [""]) == 0.0
    assert value("answer_length", ["one two", "汉字 three"], ["", ""]) == 2.5


def rows(seed: int) -> Any:
    dice = random.Random(seed)
    return dice, [dice.choice("abc") for _ in range(60)]


def made(feature: str) -> dict[str, Any]:
    """Random inputs in a metric's form."""
    dice, right = rows(5)
    words = ["the", "cat", "sat", "on", "a", "mat", "Dog,", "ran.", "好", "书"]
    if feature == "float64":
        return {side: [dice.random() * 9 + 1 for _ in right] for side in ("predictions", "references")}
    if feature == "string":
        return {side: [dice.choice("abc") for _ in right] for side in ("predictions", "references")}
    if feature == "texts":
        return {side: [" ".join(dice.choices(words, k=dice.randint(0, 9))) for _ in right] for side in ("predictions", "references")}  # fmt: skip
    if feature == "string,string*":
        return {"predictions": dice.choices(words, k=60), "references": [dice.choices(words, k=2) for _ in right]}
    if feature == "float64*,string":
        return {"predictions": [[dice.random(), dice.random(), dice.random()] for _ in right], "references": right, "labels": list("abc")}  # fmt: skip
    tags = ["O", "B-X", "I-X", "B-Y", "I-Y"]
    return {side: [dice.choices(tags, k=6) for _ in right] for side in ("predictions", "references")}


FEATURE = {
    "bleu": "texts", "chrf": "texts", "rouge1": "texts", "rouge2": "texts", "rougeL": "texts", "rougeLsum": "texts",
    "distinct_1": "texts", "distinct_2": "texts", "answer_length": "texts",
}  # fmt: skip


@pytest.mark.parametrize("kind", METRICS.kinds())
def test_sums_agree_with_the_score_on_all_rows_and_on_some(kind: str) -> None:
    metric = METRICS.get(kind)
    feature = FEATURE.get(kind) or str(metric.make().inputs_description)
    for part in (slice(None), slice(0, 20)):
        given = {name: each[part] if name != "labels" else each for name, each in made(feature).items()}
        wanted = metric.compute(**given)
        assert metric.plain(**given) == pytest.approx(wanted, abs=NEAR)
        sums = metric.sums(**given)
        if sums is not None:
            assert len(sums.rows) == len(given["references"])
            assert float(sums.value(sums.rows.sum(0))) == pytest.approx(wanted, abs=NEAR)
