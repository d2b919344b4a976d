"""Evaluations in line, and results side by side: what differs, who is better, where they agree."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fabricated import ROWS, right, run

from workbench.cli import main
from workbench.core.errors import UserError
from workbench.core.files import write_json
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import evaluations, evidence, sidebyside


def fabricated(workspace: Workspace, answers: Sequence[str], rows: Sequence[Any] = ROWS, **settings: Any) -> Run:
    """A finished run that gave these answers."""
    return run(workspace, ["a"] * len(rows), answers, rows, **settings)


def test_the_better_of_two_is_told_with_its_difference_and_where_it_is_better(workspace: Workspace) -> None:
    poor, good = fabricated(workspace, right(0.5)), fabricated(workspace, right(0.9), training__learning_rate=1e-3)
    found = sidebyside.beside(workspace, [poor.id, good.id])
    (pair,) = found["pairs"]
    assert (pair["outcome"], round(pair["difference"], 6), pair["test"]) == ("better", 0.4, "McNemar mid-p")
    assert list(found["config"]) == ["training.learning_rate"]
    assert found["config"]["training.learning_rate"][1] == 1e-3
    assert found["agreement"] == {"all_right": 30, "only": 24, "all_wrong": 6, "only_by": {poor.id: 0, good.id: 24}}
    assert found["results"][0]["interval"] == pytest.approx((0.377, 0.623), abs=1e-3)
    back = sidebyside.beside(workspace, [good.id, poor.id])["pairs"][0]
    assert (back["outcome"], round(back["difference"], 6)) == ("worse", -0.4)


def test_three_results_share_their_rows_and_their_probabilities_are_adjusted(workspace: Workspace) -> None:
    names = [fabricated(workspace, right(share)).id for share in (0.5, 0.6, 0.7)]
    found = sidebyside.beside(workspace, names)
    assert [round(pair["difference"], 6) for pair in found["pairs"]] == [0.1, 0.2]
    assert found["pairs"][0]["adjusted"] >= found["pairs"][0]["p"]
    assert found["pairs"][1]["adjusted"] == pytest.approx(min(1.0, 2 * found["pairs"][1]["p"]))
    assert found["agreement"]["some"] == 6


def test_only_rows_that_all_answered_are_compared(workspace: Workspace) -> None:
    one = fabricated(workspace, right(1.0))
    other = fabricated(workspace, right(1.0)[30:][::-1], ROWS[30:][::-1])
    found = sidebyside.beside(workspace, [one.id, other.id])
    assert found["shared"] == 30
    assert found["pairs"][0]["outcome"] == "same"
    assert "Only 30 of 60 rows" in found["warnings"][0]["en"]


def test_what_is_measured_in_another_way_is_not_put_in_one_column(workspace: Workspace) -> None:
    one, other = fabricated(workspace, right(0.5)), fabricated(workspace, right(0.6))
    report = other.report or {}
    write_json(other.result / "report.json", {**report, "signatures": {"accuracy": "another tokenizer"}})
    found = sidebyside.beside(workspace, [one.id, other.id])
    assert found["pairs"] == []
    assert "measured in another way" in found["warnings"][0]["en"]
    assert "衡量方式不同" in found["warnings"][0]["zh"]


def test_what_cannot_be_compared_is_refused(workspace: Workspace) -> None:
    one = fabricated(workspace, right(0.5))
    with pytest.raises(UserError, match="at least two"):
        sidebyside.beside(workspace, [one.id, one.id])
    with pytest.raises(UserError, match="no run"):
        sidebyside.beside(workspace, [one.id, "nowhere"])
    bare = create(workspace, one.recipe)
    with pytest.raises(UserError, match="no report card yet"):
        sidebyside.beside(workspace, [one.id, bare.id])


def until(true: Callable[[], Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_targets_and_datasets_that_are_none_are_refused(workspace: Workspace) -> None:
    with pytest.raises(UserError, match="at least one"):
        evaluations.submit(workspace, ["", "  "], "sentiment-en")
    with pytest.raises(UserError, match="nowhere"):
        evaluations.submit(workspace, ["lumo"], "nowhere")
    assert evaluations.all_evaluations(workspace) == []


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Evaluation processes that do nothing until they are ended."""
    made: list[subprocess.Popen[bytes]] = []

    def spawn(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
        made.append(PLAIN(["sleep", "600"], stdin=subprocess.DEVNULL))
        return made[-1]

    monkeypatch.setattr(evaluations.subprocess, "Popen", spawn)
    return made


PLAIN = subprocess.Popen


def test_one_at_a_time_and_a_killed_one_does_not_hold_up_the_rest(workspace: Workspace, sleepers: list[Any]) -> None:
    first, second = evaluations.submit(workspace, ["one", "two", "one"], "sentiment-en")
    assert [first.status, second.status] == ["running", "queued"]
    assert evaluations.advance(workspace) is None
    os.kill(sleepers[0].pid, 9)
    sleepers[0].wait()
    assert first.status == "lost"
    assert evaluations.advance(workspace) == second
    evaluations.remove(second)
    assert not second.folder.exists()
    sleepers[1].wait()


@pytest.mark.slow
def test_models_are_scored_one_after_the_other_and_one_without_a_head_says_so(workspace: Workspace, llama: Any) -> None:
    one, good = evaluations.submit(workspace, ["lumo", str(llama)], "persona", rows=4)
    until(lambda: good.status in evaluations.ENDED)
    assert (one.status, good.status) == ("finished", "finished")
    answer = good.answer or {}
    assert answer["rows"] == 4
    assert len(evidence.rows_of(good.folder)) == 4
    found = sidebyside.beside(workspace, [one.id, good.id])
    assert found["config"]["target"] == ["lumo", str(llama)]
    assert found["shared"] == 4
    (failed,) = evaluations.submit(workspace, ["lumo"], "sentiment-en", rows=4)
    until(lambda: failed.status in evaluations.ENDED)
    assert "no head trained" in (failed.error or {})["en"]
    for child in evaluations._CHILDREN:
        child.wait(60)


def test_the_command_line_compares_and_hands_the_card_over(workspace: Workspace, tmp_path: Path, capsys: Any) -> None:
    one, other = fabricated(workspace, right(0.5)), fabricated(workspace, right(0.9))
    where = ["--workspace", str(workspace.root)]
    assert main(["runs", "compare", one.id, other.id, "--json", *where]) == 0
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert found["pairs"][0]["outcome"] == "better"
    assert len(found["rows"]) == found["shared"] == 60
    assert main(["runs", "compare", one.id, other.id, *where]) == 0
    assert "better" in capsys.readouterr().out
    assert main(["runs", "compare", one.id, *where]) == 2
    assert "at least two" in capsys.readouterr().err or "至少" in capsys.readouterr().err
    assert main(["runs", "report", one.id, "--out", str(tmp_path / "card.pdf"), *where]) == 2
    assert not (tmp_path / "card.pdf").exists()
