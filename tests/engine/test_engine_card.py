"""What stands on a report card beyond its figures: rows and what became of them, leaks, the forgetting probe; and the card as a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engineruns import run_with
from tinymodels import byte_tokenizer, llama_config

from workbench.core.errors import UserError
from workbench.core.run import Run
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import cardpage, evidence, probe
from workbench.engine.evaluation import Judge
from workbench.engine.report import scores_of
from workbench.engine.unseen import overlap

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
CLASSES = TASKS.get("text-classification")
ROWS = [{"text": f"row {place}", "label": "ab"[place % 2]} for place in range(40)]


def said(answers: str) -> dict[str, Any]:
    chances = [[0.7, 0.3] if each == "a" else [0.2, 0.8] for each in answers]
    return {"labels": ["a", "b"], "chosen": list(answers), "scores": [max(row) for row in chances], "chances": chances}


def test_what_became_of_every_row() -> None:
    told = evidence.told(CLASSES, ROWS[:4], said("abbb"), said("aaab"))
    assert [row["state"] for row in told] == ["right", "fixed", "broken", "right"]
    assert [row["state"] for row in evidence.ordered(told)] == ["fixed", "broken", "right", "right"]
    assert [evidence.state(0.2, 0.5, False), evidence.state(0.5, 0.2, False), evidence.state(0.5, 0.5, False)] == ["up", "down", "even"]  # fmt: skip
    assert (told[0]["before"], told[0]["answer"], told[0]["score"]) == ("a", "a", 0.7)


def test_a_row_has_the_same_name_wherever_it_turns_up_and_a_copy_another(tmp_path: Path) -> None:
    one, other = (evidence.told(CLASSES, rows, said("a" * len(rows))) for rows in (ROWS[:3], [*ROWS[1:3], ROWS[1]]))
    assert [row["id"] for row in one[1:]] == [row["id"] for row in other[:2]]
    assert other[2]["id"] == other[0]["id"] + "-1"
    evidence.keep(tmp_path, one, evidence.scored("accuracy", {"predictions": ["a"], "references": ["a"]}))
    assert evidence.rows_of(tmp_path) == one
    assert evidence.scored_of(tmp_path) == {"metric": "accuracy", "after": {"predictions": ["a"], "references": ["a"]}, "before": None, "units": None}  # fmt: skip
    assert evidence.rows_of(tmp_path / "nowhere") == []


def test_every_metric_has_its_interval_and_a_probability_adjusted_for_their_number() -> None:
    card = scores_of(CLASSES, ROWS, said("a" * 40), said("ab" * 20))
    assert card["main_metric"] == "accuracy"
    assert card["test"].p < 0.001
    assert set(card["tests"]) == set(card["after"]) - {"accuracy"}
    assert all(facts["p"] <= facts["adjusted"] <= 1 for facts in card["tests"].values())
    assert card["intervals"]["f1"] is not None
    again = scores_of(CLASSES, ROWS, said("a" * 40), said("ab" * 20))
    assert card == again, "the same answers give the same card"


def test_rows_that_were_trained_on_and_rows_that_repeat_are_counted() -> None:
    assert overlap(CLASSES, ROWS[:10], [*ROWS[8:12], ROWS[11]]) == {"trained": 2, "repeated": 1}
    talk = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
    assert overlap(TASKS.get("chat"), [talk], [talk])["trained"] == 1


def judge(model: Any) -> Judge:
    return Judge(model, byte_tokenizer(), TASKS.get("text-generation").section())


def test_the_probe_reads_sentences_in_both_languages_and_knows_what_it_cannot_read() -> None:
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    found = probe.read(judge(LlamaForCausalLM(llama_config())))
    assert found is not None
    for lang in ("en", "zh"):
        texts = probe.sentences(lang)  # type: ignore[arg-type]
        assert len(texts) == len(set(texts)) == len(found[lang]) == 40
        assert [size for _, size in found[lang]] == [len(text.encode()) - 1 for text in texts] or lang == "zh"
    assert probe.read(judge(SimpleNamespace(config=None))) is None


def test_forgetting_is_told_with_its_margin() -> None:
    before = {lang: [(10.0 + place, 50) for place in range(40)] for lang in ("en", "zh")}

    def grown(share: float, noise: float = 0.0) -> dict[str, Any]:
        return {lang: [(loss * (1 + share + noise * (-1) ** place), size) for place, (loss, size) in enumerate(each)] for lang, each in before.items()}  # fmt: skip

    outcomes = [probe.verdict(before, after) for after in (before, grown(0.02), grown(0.2), grown(0.05, 0.3))]
    assert [each and each["outcome"] for each in outcomes] == ["kept", "kept", "lost", "unclear"]
    lost = outcomes[2]
    assert lost is not None
    assert "+20.0%" in lost["verdict"]["en"]
    assert "遗忘" in lost["verdict"]["zh"]
    assert probe.verdict(None, None) is None


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short chat run."""
    return run_with(tmp_path_factory.mktemp("card"), "trainer", {"max_steps": 2})


@pytest.mark.slow
def test_a_chat_run_has_bits_per_byte_a_probe_and_its_rows(talk: Run) -> None:
    report = talk.report or {}
    assert {"perplexity", "bits_per_byte", "token_accuracy"} <= set(report["after"])
    assert report["probe"]["margin"] == probe.MARGIN
    assert set(report["probe"]["languages"]) == {"en", "zh"}
    assert report["test"]["relative"]
    assert {row["state"] for row in evidence.rows_of(talk.result)} <= {"up", "down", "even"}


@pytest.mark.slow
def test_the_card_as_a_file_needs_nothing_and_speaks_both_languages(talk: Run) -> None:
    page = cardpage.written(talk, "html", "zh")
    assert '<html lang="zh">' in page
    assert 'id="zh" checked' in page
    report = talk.report or {}
    for lang in ("en", "zh"):
        assert report["verdict"][lang].split("(")[0].split("（")[0].strip() in page
    assert not re.search(r"(src|href)=|https?://|<script|@import|url\(", page)
    assert "@media print" in page
    facts = json.loads(cardpage.written(talk, "json"))
    assert facts["report"] == report
    assert facts["rows"] == evidence.rows_of(talk.result)


def test_what_a_row_holds_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    row = {"text": "<script>alert(1)</script>", "reference": '"><img>', "answer": "x", "gain": 1.0}
    html = cardpage._rows([row], "en")
    assert "<script" not in html
    assert "<img" not in html


def test_a_run_without_a_card_says_so(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="no report card yet"):
        cardpage.written(Run(workspace.runs / "nothing"), "html")
