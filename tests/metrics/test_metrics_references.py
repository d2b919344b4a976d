"""Our metrics equal the public implementations to 1e-6, on real predictions over real data; nothing is fetched.

SQuAD's and CMRC's scripts are not on any package index: `squad.py` beside this file says the same again, written from their definitions.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import sklearn.metrics
from metrics import squad
from places import SHARED

from workbench.core.metric import METRICS
from workbench.core.task import TASKS

NEAR = 1e-6
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the folder of real data is not beside the repository"),
]


def value(kind: str, predictions: Any, references: Any, **options: Any) -> float:
    return METRICS.get(kind).compute(predictions=predictions, references=references, **options)


def read(name: str) -> list[list[str]]:
    with (SHARED / "data" / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def labelled(name: str, count: int) -> list[dict[str, str]]:
    return [{"text": row[0], "label": row[1]} for row in read(name)[:count]]


@pytest.fixture(scope="module")
def sentiments() -> dict[str, Any]:
    """TF-IDF on SST-2."""
    train, held = labelled("sst2_train.tsv", 1500), labelled("sst2_dev.tsv", 500)
    return {"said": TASKS.get("text-classification").guesses(train, held)["tfidf"], "right": [row["label"] for row in held]}  # fmt: skip


@pytest.fixture(scope="module")
def topics() -> dict[str, Any]:
    """TF-IDF on fifteen kinds of Chinese headlines, some of them rare."""
    rows = [json.loads(line) for line in (SHARED / "data" / "fewclue_tnews.json").read_text("utf-8").splitlines()]
    given = [{"text": row["sentence"], "label": row["label_desc"]} for row in rows]
    train, held = given[::2], given[1::2]
    assert {row["label"] for row in held} <= {row["label"] for row in train}
    return {"said": TASKS.get("text-classification").guesses(train, held)["tfidf"], "right": [row["label"] for row in held]}  # fmt: skip


@pytest.mark.parametrize("data", ["sentiments", "topics"])
def test_classification_is_scikit_learn_s(data: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(data)
    right, said, labels = found["right"], found["said"]["chosen"], found["said"]["labels"]
    theirs = {"accuracy": sklearn.metrics.accuracy_score(right, said), "mcc": sklearn.metrics.matthews_corrcoef(right, said)}  # fmt: skip
    for average, ending in (("macro", ""), ("micro", "_micro"), ("weighted", "_weighted")):
        for name in ("precision", "recall", "f1") if average != "micro" else ("f1",):
            score = getattr(sklearn.metrics, f"{name}_score")
            theirs[name + ending] = score(right, said, average=average, labels=labels, zero_division=0)
    for kind, wanted in theirs.items():
        assert value(kind, said, right, labels=labels) == pytest.approx(wanted, abs=NEAR), kind


def test_roc_auc_is_scikit_learn_s(sentiments: dict[str, Any], topics: dict[str, Any]) -> None:
    auc = sklearn.metrics.roc_auc_score
    two, many = sentiments["said"], topics["said"]
    theirs = auc([label == two["labels"][1] for label in sentiments["right"]], [row[1] for row in two["chances"]])
    assert value("roc_auc", two["chances"], sentiments["right"], labels=two["labels"]) == pytest.approx(theirs, abs=NEAR)  # fmt: skip
    theirs = auc(topics["right"], many["chances"], multi_class="ovr", average="macro", labels=many["labels"])
    assert value("roc_auc", many["chances"], topics["right"], labels=many["labels"]) == pytest.approx(theirs, abs=NEAR)


def entities(name: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"tokens": [], "tags": []}]
    for line in (SHARED / "data" / name).read_text("utf-8").splitlines():
        parts = line.split("\t")
        if len(parts) < 2 or not parts[1].strip():
            made.append({"tokens": [], "tags": []})
        else:
            made[-1]["tokens"].append(parts[0])
            made[-1]["tags"].append(parts[1])
    return [row for row in made if row["tokens"]]


def test_entities_are_seqeval_s() -> None:
    import seqeval.metrics
    from seqeval.scheme import IOB2

    held = entities("wnut17_dev.conll")
    said = TASKS.get("token-classification").guesses(entities("wnut17_train.conll"), held)["lookup"]["tags"]
    right = [row["tags"] for row in held]
    for kind, score in (("entity_f1", "f1_score"), ("entity_precision", "precision_score"), ("entity_recall", "recall_score")):  # fmt: skip
        assert value(kind, said, right) == pytest.approx(getattr(seqeval.metrics, score)(right, said), abs=NEAR)
    strict = seqeval.metrics.f1_score(right, said, mode="strict", scheme=IOB2)
    assert value("entity_f1_strict", said, right) == pytest.approx(strict, abs=NEAR)
    assert 0 < strict < 1


def questions(lang: str) -> tuple[list[str], list[list[str]]]:
    """The clause of the text that shares most characters with the question, and the right answers."""
    said, right = [], []
    for article in json.loads((SHARED / "data" / f"xquad.{lang}.json").read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            clauses = paragraph["context"].replace("，", ",").replace("。", ",").split(",")
            for asked in paragraph["qas"]:
                best = max(clauses, key=lambda text: len(set(text) & set(asked["question"])) / (len(text) + 9))
                answers = [answer["text"] for answer in asked["answers"]]
                said.append(best if len(said) % 3 else answers[0] + "。")
                right.append(answers)
    return said, right


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_answers_are_those_of_the_official_definitions(lang: str) -> None:
    said, right = questions(lang)
    v1, cmrc = squad.version_one(said, right), squad.cmrc(said, right)
    assert value("exact_match", said, right) == pytest.approx(v1["exact"], abs=NEAR)
    assert value("answer_f1", said, right) == pytest.approx(v1["f1"], abs=NEAR)
    assert value("cmrc_f1", said, right) == pytest.approx(cmrc["f1"], abs=NEAR)
    assert value("cmrc_exact_match", said, right) == pytest.approx(cmrc["exact"], abs=NEAR)
    none = [[] if place % 4 == 0 else each for place, each in enumerate(right)]
    silent = ["" if place % 5 == 0 else each for place, each in enumerate(said)]
    v2 = squad.version_two(silent, none)
    assert value("exact_match", silent, none) == pytest.approx(v2["exact"], abs=NEAR)
    assert value("answer_f1", silent, none) == pytest.approx(v2["f1"], abs=NEAR)
    assert 0 < v1["f1"] != cmrc["f1"]


def summaries() -> list[tuple[str, list[str], list[str]]]:
    rows = [json.loads(line) for line in (SHARED / "data" / "dialogsum.dev.jsonl").read_text("utf-8").splitlines()[:150]]  # fmt: skip
    english = [{"text": row["dialogue"].replace("#", ""), "summary": row["summary"]} for row in rows]
    chinese = [{"text": row[1], "summary": row[2]} for row in read("csl_ts_dev.tsv")[:150]]
    lead = TASKS.get("summarization").guesses
    return [(tok, lead([], each)["lead"]["answers"], [row["summary"] for row in each]) for tok, each in (("13a", english), ("zh", chinese))]  # fmt: skip


def test_texts_are_sacrebleu_s_and_rouge_score_s() -> None:
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    from workbench.metrics._words import Words

    kinds = ["rouge1", "rouge2", "rougeL"]
    for tokenizer, said, right in summaries():
        bleu, chrf = sacrebleu.BLEU(tokenize=tokenizer), sacrebleu.CHRF()
        assert value("bleu", said, right) == pytest.approx(bleu.corpus_score(said, [right]).score / 100, abs=NEAR)
        assert value("chrf", said, right) == pytest.approx(chrf.corpus_score(said, [right]).score / 100, abs=NEAR)
        assert METRICS.get("bleu").signature(right) == str(bleu.get_signature())
        scorer = RougeScorer(kinds, tokenizer=None if tokenizer == "13a" else Words())
        theirs = [scorer.score(wanted, text) for wanted, text in zip(right, said, strict=True)]
        for kind in kinds:
            assert value(kind, said, right) == pytest.approx(sum(each[kind].fmeasure for each in theirs) / len(theirs), abs=NEAR)  # fmt: skip


def test_correlations_are_scipy_s() -> None:
    from scipy.stats import pearsonr, spearmanr

    with (SHARED / "data" / "stsb-en-dev.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[:800]
    right = [float(row[2]) for row in rows]
    said = [len(set(row[0].split()) & set(row[1].split())) / len(set(row[0].split())) for row in rows]
    assert value("pearson", said, right) == pytest.approx(pearsonr(said, right)[0], abs=NEAR)
    assert value("spearman", said, right) == pytest.approx(spearmanr(said, right)[0], abs=NEAR)


def test_several_labels_agree_with_scikit_learn(topics: dict[str, Any]) -> None:
    from sklearn.preprocessing import MultiLabelBinarizer

    right = [[label, label[:1]] for label in topics["right"]]
    said = [[label, label[:1]] if len(label) % 2 else [label] for label in topics["said"]["chosen"]]
    shape = MultiLabelBinarizer().fit([*right, *said])
    theirs = sklearn.metrics.f1_score(shape.transform(right), shape.transform(said), average="micro")
    assert value("label_f1", said, right) == pytest.approx(theirs, abs=NEAR)


def test_perplexity_is_torch_s() -> None:
    import math

    import torch

    torch.manual_seed(0)
    logits, labels = torch.randn(4, 9, 50, dtype=torch.float64), torch.randint(50, (4, 9))
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").sum(-1).tolist()
    whole = torch.nn.functional.cross_entropy(logits.reshape(-1, 50), labels.reshape(-1), reduction="sum").item()
    assert value("perplexity", each, [9] * 4) == pytest.approx(math.exp(whole / 36), abs=NEAR)


def test_the_data_is_there() -> None:
    assert Path(SHARED / "data" / "xquad.zh.json").is_file()
