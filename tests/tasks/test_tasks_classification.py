"""Labels are frozen from the training rows; what cannot teach is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tinymodels import byte_tokenizer

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.metrics.classification import confusion, per_class
from workbench.tasks._problems import PROBLEMS

TASK = TASKS.get("text-classification")
ROWS = [{"text": "good", "label": "yes"}, {"text": "bad", "label": "no"}, {"text": "so", "label": "maybe"}]


def model(rows: list[dict[str, str]]) -> SimpleNamespace:
    return SimpleNamespace(config=SimpleNamespace(**TASK.model_options(rows)))


def test_labels_are_sorted_and_numbered() -> None:
    options = TASK.model_options(ROWS)
    assert options["id2label"] == {0: "maybe", 1: "no", 2: "yes"}
    assert [row["labels"] for row in TASK.encode(ROWS, byte_tokenizer(), TASK.section(), model(ROWS)).inputs] == [
        2,
        1,
        0,
    ]


def test_one_label_only_is_refused() -> None:
    with pytest.raises(UserError, match="one label only"):
        TASK.check(ROWS[:1] * 3)


def test_a_missing_label_names_its_row() -> None:
    with pytest.raises(UserError, match="row 2"):
        TASK.check([ROWS[0], {"text": "x", "label": ""}])


def test_a_held_out_label_never_seen_is_noted_and_counts_as_wrong() -> None:
    unseen = [*ROWS, {"text": "new", "label": "other"}]
    assert "1 held-out rows" in TASK.encode(unseen, byte_tokenizer(), TASK.section(), model(ROWS)).notes[0].en
    answers = {"labels": ["maybe", "no", "yes"], "chosen": ["yes", "no", "maybe", "yes"], "scores": [1.0] * 4}
    assert TASK.score(unseen, answers)["accuracy"] == 0.75
    assert TASK.details(unseen, answers, answers)["confusion"]["labels"] == ["maybe", "no", "yes", "other"]


def test_long_rows_are_cut_and_counted_and_pairs_are_both_there() -> None:
    tokenizer = byte_tokenizer()
    rows = [{"text": "a" * 40, "label": "yes"}, {"text": "b", "text_pair": "cc", "label": "no"}]
    encoded = TASK.encode(rows, tokenizer, TASK.section(max_length=16), model(ROWS))
    assert (len(encoded.inputs[0]["input_ids"]), encoded.cut) == (16, 1)
    assert tokenizer.decode(encoded.inputs[1]["input_ids"]) == "bcc"


def test_a_special_token_in_a_text_stays_text() -> None:
    tokenizer = byte_tokenizer()
    encoded = TASK.encode([{"text": "a<s>b", "label": "yes"}], tokenizer, TASK.section(), model(ROWS))
    assert tokenizer.bos_token_id not in encoded.inputs[0]["input_ids"]


def test_confusion_and_figures_per_label_by_hand() -> None:
    right, answered = ["a", "a", "b"], ["a", "b", "b"]
    assert confusion(right, answered, ["a", "b"]) == [[1, 1], [0, 1]]
    assert per_class(right, answered, ["a", "b"])[0] == {
        "label": "a", "precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2,
    }  # fmt: skip


def test_baselines_read_words_and_characters() -> None:
    rows = [{"text": text, "label": label} for text, label in (("很好看", "好"), ("太难看", "坏")) for _ in range(5)]
    rows.append({"text": "很好吃", "label": "好"})
    scores = TASK.baselines(rows, [{"text": "很好听", "label": "好"}, {"text": "太难听", "label": "坏"}])
    assert scores["majority"]["accuracy"] == 0.5
    assert scores["tfidf"]["accuracy"] == 1.0


def test_weighed_labels_count_the_same_in_all() -> None:
    import torch

    rows = [{"text": str(n), "label": "rare" if n == 0 else "often"} for n in range(4)]
    config = SimpleNamespace(label2id={"often": 0, "rare": 1}, num_labels=2)
    one = next(problem for problem in PROBLEMS if problem.role == "label")
    loss = one.weighted(rows, config)
    outputs, labels = SimpleNamespace(logits=torch.tensor([[2.0, 0.0], [0.5, 1.5]])), torch.tensor([0, 1])
    often, rare = (
        0.126928 * 4 / (2 * 3),
        0.313262 * 4 / (2 * 1),
    )  # −log softmax by hand, times n / (labels · rows of the label)
    assert float(loss(outputs, labels)) == pytest.approx((often + rare) / 2, abs=1e-5)
    assert float(loss(outputs, labels, torch.tensor(8))) == pytest.approx((often + rare) / 8, abs=1e-5)
    for other in PROBLEMS:
        if other is not one:
            with pytest.raises(UserError, match="class_weights"):
                other.weighted(rows, config)


def test_marked_text_is_the_text_with_its_spans() -> None:
    from workbench.tasks.token_classification import marked

    text = "Anna met Peter Pan in 北京。"
    places = [(0, 4), (5, 8), (9, 14), (15, 18), (19, 21), (22, 23), (23, 24), (24, 25)]
    tags = ["B-PER", "O", "B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"]
    pieces = marked(text, places, tags)
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece in pieces if piece[1]] == [["Anna", "PER"], ["Peter Pan", "PER"], ["北京", "LOC"]]
    assert marked("a b", [(0, 1), (2, 3)], ["B-X", "B-X"]) == [["a", "X"], [" ", ""], ["b", "X"]]
