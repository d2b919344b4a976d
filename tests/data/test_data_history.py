"""One log holds steps, edits, labels and splits: nothing in it is lost, every point of it can be gone to, and it replays elsewhere."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import annotate, clean, exchange, frame, intake, library, store
from workbench.data import history as module
from workbench.data.history import History
from workbench.data.log import Entry
from workbench.data.step import CLEANING
from workbench.data.table import Table
from workbench.data.working import working

Put = Callable[..., Path]
SETTINGS: dict[str, dict[str, Any]] = {
    "word_list": {"words": "sun"},
    "rename_labels": {"names": "good = positive"},
    "regex_replace": {"pattern": "o+", "replacement": "0"},
    "template": {"template": "{label}: {text}", "into": "both"},
    "split_column": {"column": "text", "separator": " ", "into": "first, rest"},
    "expression": {"expression": "length(text) % 7", "into": "size"},
    "balance": {"how": "up"},
    "language_filter": {"keep": "latin"},
    "token_bounds": {"model": "lumo", "shortest": 10},
}
LINES = [f"a  {'fine sun' if n % 3 else 'awful mud'} day number {n},{'good' if n % 3 else 'bad'}" for n in range(30)]


@pytest.fixture
def days(workspace: Workspace, put: Put) -> History:
    path = put("days.csv", "text,label\n" + "\n".join([*LINES, LINES[0], LINES[4]]) + "\n")
    intake.import_file(workspace, path, "days")
    return History(workspace, "days")


def texts(history: History) -> list[str]:
    return [row["text"] for row in history.state().rows]


def worked(history: History) -> str:
    """Something of every kind; the digest at the end."""
    history.step({"kind": "whitespace"}, "Ann")
    history.edit(3, "text", "edited by hand", "Ann")
    board = annotate.open_board(history.workspace, "days", "Bo")
    board.save(5, {"label": "unsure"}, "b5")
    board.save(6, {"label": "gone"}, "b6")
    board.labels.undo("Bo")
    history.step({"kind": "exact_duplicates"})
    history.split({"way": "random", "by": "", "share": 0.2, "seed": 1})
    history.step({"kind": "balance", "how": "up"})
    return history.digest()


def test_every_entry_can_be_gone_to_and_undone_and_done_again(days: History) -> None:
    begun = days.digest()
    seen = {0: begun}
    worked(days)
    for entry in days.log.line():
        days.go(entry.seq)
        seen[entry.seq] = days.digest()
    back = [days.digest()]
    while days.undo():
        back.append(days.digest())
    assert back == [seen[seq] for seq in sorted(seen, reverse=True)]
    assert back[-1] == begun
    while days.redo():
        pass
    assert days.digest() == back[0]
    assert not days.redo()


def test_ids_stay_with_their_rows(days: History) -> None:
    worked(days)
    state = days.state()
    assert state.row(3)["text"] == "edited by hand"
    assert state.row(5)["label"] == "unsure"
    assert state.row(6)["label"] == "bad"
    with pytest.raises(UserError, match="no row 31"):
        state.row(30)
    assert min(number for number in state.ids if number not in range(32)) == 32


def test_going_on_from_the_past_keeps_the_other_line(days: History) -> None:
    worked(days)
    end = days.log.head()
    days.go(days.log.line()[0].seq)
    days.edit(0, "text", "another way")
    assert texts(days)[0] == "another way"
    days.go(end)
    assert texts(days)[3] == "edited by hand"


def test_a_version_says_what_made_it_and_the_log_goes_on(workspace: Workspace, days: History) -> None:
    digest = worked(days)
    assert working(workspace, "days").meta["unsaved"]
    made = days.publish()
    assert (made.version, made.meta["sha256"], made.meta["root"]) == (2, digest, 1)
    kinds = [step["kind"] for step in made.meta["steps"]]
    assert kinds == ["import", "whitespace", "edit", "annotate", "exact_duplicates", "split", "balance"]
    assert (made.meta["steps"][2]["who"], made.meta["steps"][3]["who"]) == ({"Ann": 1}, {"Bo": 1})
    again = History(workspace, "days")
    assert (again.unsaved, again.digest()) == (False, digest)
    again.undo()
    assert again.unsaved
    clean.go_back(workspace, "days", 1)
    assert History(workspace, "days").log.head() == 0
    assert History(workspace, "days").redo()


def test_steps_are_put_in_another_order_or_left_out(days: History) -> None:
    days.step({"kind": "regex_replace", "pattern": "day", "replacement": "night"})
    days.step({"kind": "regex_replace", "pattern": "night", "replacement": "dark"})
    days.edit(1, "label", "good")
    days.edit(2, "label", "odd")
    first, second, third = (entry.seq for entry in days.log.line())
    assert "dark" in texts(days)[0]
    days.arrange([second, first, third])
    assert "night" in texts(days)[0]
    assert days.state().row(2)["label"] == "odd"
    days.arrange([days.log.line()[0].seq])
    assert "day" in texts(days)[0]
    days.go(third)
    assert "dark" in texts(days)[0]
    with pytest.raises(UserError):
        days.step({"kind": "rename_labels", "names": "no pair"})
    assert days.log.head() == third


def test_a_table_after_an_edit_takes_over_what_did_not_change(workspace: Workspace, days: History) -> None:
    before = days.state().table
    days.edit(0, "text", "the first")
    days.edit(31, "text", "the last")
    days.edit(7, "text", "one between")
    annotate.open_board(workspace, "days", "Bo").save(7, {"label": "odd"}, "b")
    days.label([3, 4], "both", "Bo")
    state = days.state()
    assert state.table.to_pylist() == list(state.rows) == store.table(state.view.columns, state.rows).to_pylist()
    assert state.table.column("text").num_chunks > 1
    days.undo()
    assert days.state().table.to_pylist() == list(days.state().rows)
    assert before.to_pylist() == list(days.state(0).rows)


@pytest.mark.parametrize("kind", CLEANING.kinds())
def test_pandas_code_makes_the_same_rows(workspace: Workspace, days: History, kind: str, capsys: Any) -> None:
    days.edit(3, "text", "a  fine sun day number 4", "Ann")
    days.split({"way": "random", "by": "", "share": 0.2, "seed": 1})
    days.step({"kind": kind, **SETTINGS.get(kind, {})})
    annotate.open_board(workspace, "days", "Bo").save(days.state().ids[0], {"label": "odd"}, "b")
    code = frame.script(days).replace("read('days',", f"read('days', workspace={str(workspace.root)!r},")
    exec(compile(code, "script", "exec"), {})  # noqa: S102  (what it prints is compared below)
    rows, digest = capsys.readouterr().out.split()
    assert (int(rows), digest) == (len(days.state().rows), days.digest())


def test_a_log_replays_on_a_new_file_to_the_same_hash(
    workspace: Workspace, put: Put, tmp_path: Path, days: History
) -> None:
    digest = worked(days)
    path = tmp_path / "log.json"
    path.write_text(json.dumps(exchange.exported(days)), encoding="utf-8")
    intake.import_file(
        workspace, put("days.csv", "text,label\n" + "\n".join([*LINES, LINES[0], LINES[4]]) + "\n"), "again"
    )
    again = History(workspace, "again")
    dry = exchange.replayed(again, exchange.read_log(path), dry=True)
    assert (dry["sha256"], dry["same"], again.log.head()) == (digest, True, 0)
    assert all(entry["ok"] for entry in dry["entries"])
    exchange.replayed(again, exchange.read_log(path))
    assert again.digest() == digest


def test_edits_and_labels_find_their_rows_in_another_order(
    workspace: Workspace, put: Put, tmp_path: Path, days: History
) -> None:
    days.edit(3, "label", "found")
    days.step({"kind": "rename_labels", "names": "good = fine"})
    path = tmp_path / "log.json"
    path.write_text(json.dumps(exchange.exported(days)), encoding="utf-8")
    turned = [*reversed(LINES[:20]), "something else,good"]
    intake.import_file(workspace, put("b.csv", "text,label\n" + "\n".join(turned) + "\n"), "turned")
    history = History(workspace, "turned")
    told = exchange.replayed(history, exchange.read_log(path))
    assert [entry["ok"] for entry in told["entries"]] == [True, True]
    assert not told["same"]
    assert history.state().row(16) == {"text": LINES[3].split(",")[0], "label": "found"}
    intake.import_file(workspace, put("c.csv", "words\nquite another thing\nand more of it\n"), "other")
    told = exchange.replayed(History(workspace, "other"), exchange.read_log(path), dry=True)
    assert [entry["ok"] for entry in told["entries"]] == [False, False]


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '{"format": "workbench-log", "entries": [{"kind": "edit", "value": {}}]}']
)
def test_what_is_no_log_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "log.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="no log of a dataset"):
        exchange.read_log(path)


def test_what_was_acknowledged_survives_kill(workspace: Workspace, days: History) -> None:
    code = (
        "import os, signal, sys\nfrom workbench.core.workspace import Workspace\nfrom workbench.data.history import History\n"
        "history = History(Workspace(sys.argv[1]), 'days')\n"
        "history.step({'kind': 'whitespace'})\n"
        "for row in range(20): history.edit(row, 'label', 'killed')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(workspace.root)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert [row["label"] for row in days.state().rows[:20]] == ["killed"] * 20
    assert days.undo()
    assert days.state().row(19)["label"] == "good"


def test_two_people_label_without_seeing_each_other_and_after_a_step(workspace: Workspace, days: History) -> None:
    ann, bo = (annotate.open_board(workspace, "days", who) for who in ("Ann", "Bo"))
    ann.save(1, {"label": "odd"}, "a1")
    assert annotate.open_board(workspace, "days", "Bo").item(1)["given"] == {"label": "good"}
    bo.save(1, {"label": "even"}, "b1")
    days.step({"kind": "length_bounds", "longest": 22})
    after = annotate.open_board(workspace, "days", "Ann")
    assert after.labels.of("Ann") == {1: {"label": "odd"}}
    assert after.labels.undo("Ann") is None
    assert 10 not in [item["place"] for item in after.next(40, [])]
    assert (days.state().row(1)["label"] if 1 in days.state().index else "even") == "even"


@pytest.mark.parametrize(
    ("column", "text", "value"), [("n", "7", 7), ("n", "", None), ("f", "0.5", 0.5), ("text", "", "")]
)
def test_a_cell_keeps_its_kind(workspace: Workspace, put: Put, column: str, text: str, value: Any) -> None:
    rows = [{"text": f"day {n}", "n": n, "f": n / 2, "tags": ["a"]} for n in range(5)]
    intake.import_file(workspace, put("n.jsonl", "\n".join(map(json.dumps, rows))), "n")
    history = History(workspace, "n")
    assert history.edit(2, column, text) == value
    assert history.state().row(2)[column] == value
    for wrong in (("n", "x"), ("tags", "b"), ("gone", "x")):
        with pytest.raises(UserError):
            history.edit(1, *wrong)


def test_a_sample_is_worked_on_as_a_copy(workspace: Workspace) -> None:
    history = History(workspace, library.samples()[0].name)
    history.step({"kind": "exact_duplicates"})
    made = history.publish()
    assert made.name == f"{history.newest.name}-mine"
    assert not History(workspace, history.newest.name).unsaved


def test_a_dataset_made_again_under_a_name_has_no_past(workspace: Workspace, days: History, tmp_path: Path) -> None:
    days.edit(0, "text", "the first life")
    assert texts(days)[0] == "the first life"
    shutil.move(workspace.dataset_folder("days"), tmp_path / "gone")
    intake.import_file(workspace, tmp_path / "days.csv", "days")
    again = History(workspace, "days")
    assert again.log.line() == []
    again.edit(0, "text", "the second life")
    assert texts(again)[0] == "the second life"


def test_an_older_import_is_cleaned_on_from_its_own_log(workspace: Workspace, days: History, put: Put) -> None:
    intake.import_file(workspace, put("other.csv", "text,label\nquite another row,good\n" * 2), "days")
    old = library.find(workspace, "days", 1)
    made = clean.keep(workspace, clean.try_out(old, [{"kind": "exact_duplicates"}]))
    assert (made.version, made.meta["rows"], made.meta["root"], made.meta["parent"]["version"]) == (3, 30, 1, 1)
    assert texts(History(workspace, "days"))[0] == LINES[0].split(",")[0]


def test_many_labels_cost_one_copy_of_the_rows(workspace: Workspace) -> None:
    """Five thousand labels at once against as many rows written: without the copy per label this is hundreds of times slower."""
    rows = [{"text": f"row {n}", "label": "a"} for n in range(20_000)]
    library.save(workspace, "many", Table(["text", "label"], rows), {"text": "text", "label": "label"})
    history = History(workspace, "many")
    history.state()
    copies: list[int] = []

    class Counting(list[Any]):
        def __iter__(self) -> Any:
            copies.append(1)
            return super().__iter__()

    key = next(iter(reversed(module._states)))
    module._states[key] = replace(module._states[key], rows=Counting(rows))
    history.label(range(5_000), "b", "Ann")
    assert [row["label"] for row in history.state().rows].count("b") == 5_000
    assert len(copies) == 1


def test_redo_goes_the_way_one_came_back(days: History) -> None:
    for text in ("one", "two"):
        days.edit(0, "text", text)
    first, second = (entry.seq for entry in days.log.line())
    days.go(first)
    days.edit(1, "text", "another line")
    days.go(second)
    days.undo()
    assert days.redo()
    assert days.log.head() == second
    days.go(0)
    assert days.redo()
    assert days.redo()
    assert days.log.head() == second


def test_what_was_done_with_one_press_is_undone_with_one(days: History) -> None:
    days.label(range(10), "odd", "Ann")
    days.edit(0, "text", "edited")
    assert days.undo()
    assert [row["label"] for row in days.state().rows].count("odd") == 10
    assert days.undo()
    assert (days.log.head(), days.undo()) == (0, False)
    assert days.redo()
    assert [row["label"] for row in days.state().rows].count("odd") == 10


def test_a_step_is_done_on_the_rows_as_they_are_when_it_is_written(workspace: Workspace, days: History) -> None:
    """Another tab edits a row while the step works: neither gets lost."""
    once: list[int] = []

    def meanwhile(state: Any) -> Any:
        if not once:
            once.append(History(workspace, "days").log.add(Entry("edit", {"column": "text", "value": "by  another", "was": ""}, 2)))  # fmt: skip
        return state

    days.step({"kind": "whitespace"}, seen=meanwhile)
    assert [entry.kind for entry in days.log.line()] == ["edit", "step"]
    assert texts(days)[2] == "by another"


def test_readers_see_every_acknowledged_label_while_others_write(workspace: Workspace, days: History) -> None:
    board, ended = annotate.open_board(workspace, "days", "Ann"), threading.Event()

    def write() -> None:
        for number in range(150):
            board.save(number % 30, {"label": f"l{number}"}, f"c{number}")
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    lengths = []
    while not ended.is_set():
        lengths.append(len(History(workspace, "days").log.line()))
        days.log.after(0)
    writer.join()
    assert lengths == sorted(lengths)
    assert len(days.log.line()) == 150


def test_work_that_is_no_version_yet_becomes_one_before_one_goes_elsewhere(workspace: Workspace, days: History) -> None:
    days.label(range(20), "odd", "Ann")
    made = clean.keep(workspace, clean.try_out(clean.at_hand(workspace, "days"), [{"kind": "exact_duplicates"}]))
    assert [row["label"] for row in made.rows()].count("odd") == 20
    days.label(range(20), "even", "Bo")
    clean.go_back(workspace, "days", 1)
    kept = [[row["label"] for row in version.rows()].count("even") for version in library.versions(workspace, "days")]
    assert max(kept) == 20


def test_an_edit_of_an_added_row_or_a_missing_column_is_missing_elsewhere(workspace: Workspace, put: Put, tmp_path: Path, days: History) -> None:  # fmt: skip
    days.step({"kind": "balance", "how": "up"})
    added = next(number for number in days.state().ids if number >= 32)
    days.edit(added, "text", "an added row")
    days.edit(0, "label", "changed")
    path = tmp_path / "log.json"
    path.write_text(json.dumps(exchange.exported(days)), encoding="utf-8")
    lines = [f"other {n},{'good' if n % 2 else 'bad'}" for n in range(60)]
    intake.import_file(workspace, put("o.csv", "text,label\n" + "\n".join(lines) + "\n"), "other")
    other = History(workspace, "other")
    told = exchange.replayed(other, exchange.read_log(path))
    assert told["entries"][-1] == {"ok": False, "kind": "edit", "done": 0, "missing": 2}
    assert not any("added" in row["text"] for row in other.state().rows)
    intake.import_file(
        workspace, put("w.csv", "text\n" + "\n".join(line.split(",")[0] for line in LINES) + "\n"), "bare"
    )
    told = exchange.replayed(History(workspace, "bare"), exchange.read_log(path))
    assert told["entries"][-1]["missing"] == 2


def test_a_formula_changes_what_it_says(days: History) -> None:
    days.step({"kind": "expression", "expression": "length(text) % 2", "into": "n"})
    effect = days.step({"kind": "expression", "expression": "n > 0", "into": "n"})
    assert {type(row["n"]) for row in days.state().rows} == {bool}
    assert effect.facts()["changed"] == 32
