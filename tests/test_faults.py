"""The rows of tests/faults.py name tests that exist, in both languages, and the table is made of what those tests measured."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import faults
import pytest
from places import ROOT

ROWS = ["F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17", "F18", "F19", "F20", "F21", "F22", "F23", "F25", "F24", "S1", "S3", "S4", "S5", "S7", "S8", "S9", "S11"]  # fmt: skip


def test_every_row_asked_for_is_there_once() -> None:
    ids = [fault.id for fault in faults.FAULTS]
    assert len(set(ids)) == len(ids)
    assert set(ROWS) <= set(ids)


@pytest.mark.parametrize("fault", faults.FAULTS, ids=lambda fault: fault.id)
def test_a_row_names_tests_that_exist_and_is_shown_in_the_quick_set(fault: faults.Fault) -> None:
    assert fault.how
    for text in (fault.title, fault.goal):
        assert text.en
        assert any("\u3400" <= char <= "\u9fff" for char in text.zh)
    missing = [test for test in fault.tests if test.partition("::")[2] not in faults.tests_of(test.partition("::")[0])]
    assert missing == []
    assert not all(faults.is_long(test) for test in fault.tests)


def constants(text: str) -> list[str]:
    """Calls of `note` whose figure was there before anything was measured: a number, a text, or a CONSTANT."""
    calls = [each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call) and ast.unparse(each.func) in ("note", "faults.note")]  # fmt: skip
    figures = [(ast.unparse(each), each.args[2]) for each in calls if len(each.args) > 2]
    return [call for call, figure in figures if isinstance(figure, ast.Constant) or (isinstance(figure, ast.Name) and figure.id.isupper())]  # fmt: skip


def test_every_figure_is_measured() -> None:
    assert (
        len(constants('note("F1", "a", 0)\nfaults.note("F1", "b", TRIES, most=1)\nnote("F1", "c", len(X), "s", 0)'))
        == 2
    )
    assert {path.name: found for path in faults.TESTS.rglob("*.py") if (found := constants(path.read_text("utf-8")))} == {}  # fmt: skip


def test_the_worst_of_each_figure_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faults.FILE, str(tmp_path / "figures.jsonl"))
    monkeypatch.setattr(faults, "NOTED", [])
    for row, value in (("F5", 2.0), ("F1", 1.0), ("F5", 3.0)):
        faults.note(row, "gone", value, "s", 10)
    kept = faults.worst(faults.NOTED)
    assert list(kept) == ["F1", "F5"]
    assert str(kept["F5"][0]) == "gone 3 s (goal ≤ 10)"
    assert len((tmp_path / "figures.jsonl").read_text().splitlines()) == 3


def test_the_benchmark_runs_the_tests_of_a_row_and_prints_its_table() -> None:
    command = [sys.executable, "-m", "workbench.cli", "bench", "faults", "F15", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["name"], told["detail"]["passed"]) == ("faults", True)
    assert told["ratios"]["F15 runs made by 50 clicks at once ÷ goal"] == 1.0
    assert "fifty_clicks_are_one_run" in told["detail"]["rows"]["F15"]["tests"][0]
