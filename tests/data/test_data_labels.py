"""Labels given by hand: on disk once acknowledged, taken back without being forgotten, one version with who gave them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data import annotate, intake, library, thoughts
from workbench.data.labels import Labels, kappa
from workbench.data.mode import MODES, pieces
from workbench.data.step import View

Put = Callable[..., Path]
NASTY = "价格${1+1}元 👨🏻‍🚒 `x` </script> {{y}} 买iPhone手机\r\n\té"
ROWS: dict[str, tuple[dict[str, str], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    # way: (roles, row, value, what the row becomes)
    "choice": ({"text": "text", "label": "label"}, {"text": NASTY, "label": None}, {"label": "好"}, {"label": "好"}),
    "spans": (
        {"tokens": "tokens", "tags": "tags"},
        {"tokens": ["在", "北", "京", "👨🏻‍🚒"], "tags": ["O", "O", "O", "O"]},
        {"spans": [[1, 3, "LOC"]]},
        {"tags": ["O", "B-LOC", "I-LOC", "O"]},
    ),
    "answer": (
        {"question": "question", "context": "context", "answers": "answers"},
        {"question": "?", "context": "第一行\n👨🏻‍🚒在北京 today", "answers": None},
        {"spans": [[5, 7, ""]]},
        {"answers": {"text": ["北京"], "answer_start": [9]}},
    ),
    "write": ({"p": "prompt", "r": "response"}, {"p": "hi", "r": "x"}, {"text": NASTY}, {"r": NASTY}),
    "better": (
        {"p": "prompt", "c": "chosen", "r": "rejected"},
        {"p": "hi", "c": "one", "r": "two"},
        {"better": 1},
        {"c": "two", "r": "one"},
    ),
}


@pytest.fixture
def board(workspace: Workspace, put: Put) -> annotate.Board:
    lines = [
        f"{'good' if n % 2 else 'bad'} day {n},{'yes' if n % 2 else 'no'}" if n < 20 else f"day {n}," for n in range(40)
    ]
    intake.import_file(workspace, put("days.csv", "text,label\n" + "\n".join(lines) + "\n"), "days")
    return annotate.open_board(workspace, "days", "Ann")


@pytest.mark.parametrize("kind", MODES.kinds())
def test_every_way_shows_a_row_and_puts_its_label_in(kind: str) -> None:
    roles, row, value, expected = ROWS[kind]
    mode, view = MODES.get(kind), View(list(row), roles)
    mode.check(view)
    assert mode.show(row, view)["parts"] or "pieces" in mode.show(row, view)
    assert mode.apply(row, value, view) == {**row, **expected}
    for wrong in (
        {},
        {"label": 7},
        {"spans": [[2, 1, "X"]]},
        {"spans": [[0, 99, "X"]]},
        {"better": True},
        {"text": " "},
    ):
        with pytest.raises(UserError):
            mode.apply(row, wrong, view)
    assert [entry.kind for entry in TASKS.all() if entry.kind in mode.tasks]


def test_pieces_keep_what_belongs_together() -> None:
    text = NASTY
    found = pieces(text)
    assert all(text[start:end] == each for start, end, each in found)
    assert "👨🏻‍🚒" in [each for _, _, each in found]
    assert {"iPhone", "买", "价"} <= {each for _, _, each in found}
    assert "".join(each for _, _, each in found) == "".join(text.split())


def test_rows_without_a_label_come_first_and_labelled_ones_not_again(board: annotate.Board) -> None:
    assert [item["place"] for item in board.next(3, [])] == [20, 21, 22]
    board.save(20, {"label": "yes"}, "a")
    assert [item["place"] for item in board.next(3, [22])] == [21, 23, 24]


def test_a_small_model_suggests_and_the_least_sure_come_first(workspace: Workspace, board: annotate.Board) -> None:
    unsure = annotate.open_board(workspace, "days", "Ann", "unsure")
    items = unsure.next(40, [])
    assert all(item["place"] >= 20 for item in items[:20])
    assert {item["thought"]["label"] for item in items} == {"yes", "no"}
    sure = [item["thought"]["sure"] for item in items[:20]]
    assert sure == sorted(sure)


def test_taken_back_and_sent_twice(board: annotate.Board) -> None:
    first = board.save(20, {"label": "yes"}, "mark")
    assert board.save(20, {"label": "no"}, "mark") == first
    board.save(21, {"label": "no"}, "other")
    assert board.labels.undo("Ann") == 21
    assert board.labels.of("Ann") == {20: {"label": "yes"}}
    assert (board.labels.undo("Ann"), board.labels.undo("Ann"), board.labels.of("Ann")) == (20, None, {})


def test_what_was_acknowledged_survives_kill(workspace: Workspace, board: annotate.Board) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom workbench.data.labels import Labels\n"
        "labels = Labels(Path(sys.argv[1]), 1)\n"
        "for place in range(30): labels.save(place, 'Bo', {'label': 'yes'}, f'b{place}')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    folder = workspace.dataset_folder("days")
    done = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert len(Labels(folder, 1).of("Bo")) == 30


def test_two_annotators_and_their_agreement(workspace: Workspace, board: annotate.Board) -> None:
    other = annotate.open_board(workspace, "days", "Bo")
    for place in range(20, 24):
        board.save(place, {"label": "yes" if place % 2 else "no"}, f"a{place}")
        other.save(place, {"label": "yes" if place != 20 else "no"}, f"b{place}")
    (told,) = board.labels.agreement()
    assert (told["who"], told["rows"], told["same"]) == (["Ann", "Bo"], 4, 0.75)
    assert told["kappa"] == pytest.approx(0.5)  # (0.75 − 0.5) / (1 − 0.5), by hand
    assert kappa([("a", "b"), ("b", "a")]) == -1
    assert kappa([("a", "a")]) == 1


def test_labels_become_a_version_that_says_who_gave_them(workspace: Workspace, board: annotate.Board) -> None:
    with pytest.raises(UserError, match="no label"):
        annotate.keep(workspace, "days")
    for place in range(20, 40):
        board.save(place, {"label": "yes"}, f"a{place}")
    made = annotate.keep(workspace, "days")
    assert (made.version, made.meta["rows"], made.meta["parent"]["version"]) == (2, 40, 1)
    assert [row["label"] for row in made.rows(20)] == ["yes"] * 20
    assert made.meta["steps"][-1]["who"] == {"Ann": 20}
    assert library.find(workspace, "days", 1).rows(20, 1)[0]["label"] == ""
    assert len(made.task_rows(TASKS.get("text-classification"))[0]) == 40


def test_rows_without_any_label_can_come_in_to_be_labelled_here(workspace: Workspace, put: Put) -> None:
    path, task = (
        put("bare.csv", "text\n" + "\n".join(f"a text about day {n}" for n in range(6)) + "\n"),
        TASKS.get("text-classification"),
    )
    with pytest.raises(UserError):
        intake.import_file(workspace, path, "bare", {"text": "text"}, task)
    for _ in (steps := intake.importing(workspace, path, "bare", {"text": "text"}, task, later=True)):
        pass
    board = annotate.open_board(workspace, "bare", "Ann")
    for place in range(6):
        board.save(place, {"label": "ab"[place % 2]}, str(place))
    made = annotate.keep(workspace, "bare")
    assert made.meta["roles"] == {"text": "text", "label": "label"}
    assert len(made.task_rows(task)[0]) == 6
    steps.close()


def test_a_sample_is_labelled_as_a_dataset_of_its_own(workspace: Workspace) -> None:
    sample = library.samples()[0]
    board = annotate.open_board(workspace, sample.name, "Ann")
    shown = board.next(1, [])[0]
    value = {"label": "x"} if board.mode.kind == "choice" else shown["given"] or {"text": "x"}
    board.save(shown["place"], value, "1")
    assert annotate.keep(workspace, sample.name).name == f"{sample.name}-labelled"


@pytest.mark.parametrize("who", ["", " ", "x" * 61])
def test_somebody_must_say_who_they_are(workspace: Workspace, board: annotate.Board, who: str) -> None:
    with pytest.raises(UserError, match="who labels"):
        annotate.open_board(workspace, "days", who)
    with pytest.raises(UserError, match="no row"):
        board.save(99, {"label": "x"}, "1")


def test_what_a_run_said_orders_the_board(workspace: Workspace, board: annotate.Board) -> None:
    with pytest.raises(UserError, match="No run has labelled"):
        annotate.open_board(workspace, "days", "Ann", "run").next(1, [])
    said = [(row, "yes", 1 - row / 100) for row in range(40)]
    thoughts.keep_of_run(workspace.dataset_folder("days"), 1, "a-run", said)
    first, second = annotate.open_board(workspace, "days", "Ann", "run").next(2, [])
    assert (first["place"], second["place"]) == (39, 38)
    assert first["thought"] == {"label": "yes", "sure": pytest.approx(0.61)}


def test_probably_wrong_labels_come_first_with_a_better_one(workspace: Workspace, put: Put) -> None:
    lines = [
        f"{'a bright sunny day' if n % 2 else 'a dull muddy night'} {n},{'good' if n % 2 else 'bad'}" for n in range(60)
    ]
    lines[7] = "a bright sunny day 7,bad"
    intake.import_file(workspace, put("w.csv", "text,label\n" + "\n".join(lines) + "\n"), "wrong")
    (first,) = annotate.open_board(workspace, "wrong", "Ann", "doubtful").next(1, [])
    assert (first["place"], first["given"], first["thought"]["label"]) == (7, {"label": "bad"}, "good")


def test_two_who_agree_on_the_better_answer_do_not_undo_one_another(workspace: Workspace, put: Put) -> None:
    rows = [{"prompt": f"question {n}", "chosen": f"poor {n}", "rejected": f"good {n}"} for n in range(6)]
    intake.import_file(workspace, put("p.jsonl", "\n".join(map(json.dumps, rows))), "pairs")
    for who, values in (("Ann", (1, 1, 0)), ("Bo", (1,))):
        board = annotate.open_board(workspace, "pairs", who, kind="better")
        for number, value in enumerate(values):
            board.save(2, {"better": value}, f"{who}{number}")
    chosen = [row["chosen"] for row in annotate.keep(workspace, "pairs").rows()]
    assert chosen == ["poor 0", "poor 1", "good 2", "poor 3", "poor 4", "poor 5"]
