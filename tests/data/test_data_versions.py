"""Held-out rows by every way, what two versions differ in, and a version taken away as a file and brought back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.data import cells, clean, compare, divide, export, intake, library
from workbench.data.table import Table

Put = Callable[..., Path]
NASTY = ["=1+1", "他说“好”, 真的", 'a "quoted" word', "two\nlines", " 👨🏻‍🚒 ", "007", "NA", "tab\there"]


@pytest.fixture
def days(workspace: Workspace, put: Put) -> str:
    words = [f"{word}{number}" for number in range(50) for word in ("sun", "rain", "wind", "snow")]
    lines = [
        f"{words[n]} tells of day {n * 7919} and {words[-n - 1]},{'yes' if n % 4 else 'no'},{n % 10},2024-01-{n % 28 + 1:02d}"
        for n in range(200)
    ]
    intake.import_file(workspace, put("days.csv", "text,label,author,date\n" + "\n".join(lines) + "\n"), "days")
    return "days"


@pytest.mark.parametrize("way", divide.WAYS)
def test_every_way_marks_rows_and_nothing_is_lost(workspace: Workspace, days: str, way: str) -> None:
    by = {"grouped": "author", "time": "date"}.get(way, "")
    made = divide.divide(workspace, days, way, by, 0.2)
    train, held = made.task_rows(TASKS.get("text-classification"))
    assert held is not None
    assert len(train) + len(held) == 200
    assert 1 <= len(held) <= 40
    assert sorted(row["text"] for row in [*train, *held]) == sorted(
        row["text"] for row in library.find(workspace, days, 1).rows()
    )
    marks = [(row["split"], row["author"], row["date"], row["label"]) for row in made.rows()]
    if way == "grouped":
        assert not {a for mark, a, _, _ in marks if mark == "train"} & {a for mark, a, _, _ in marks if mark != "train"}
    if way == "time":
        assert max(d for mark, _, d, _ in marks if mark == "train") <= min(
            d for mark, _, d, _ in marks if mark != "train"
        )
    if way == "stratified":
        assert Counter(label for mark, _, _, label in marks if mark != "train") == {"yes": 30, "no": 10}


def test_the_same_seed_the_same_rows(workspace: Workspace, days: str) -> None:
    first, again, other = (divide.divide(workspace, days, "random", "", 0.2, seed) for seed in (1, 1, 2))
    assert first.meta["sha256"] == again.meta["sha256"] != other.meta["sha256"]


def put_rows(workspace: Workspace, rows: list[dict[str, object]], **roles: str) -> str:
    library.save(workspace, "rows", Table(list(rows[0]), rows), {"text": "text", **roles})
    return "rows"


DATES = [
    ["12/31/2022", "01/15/2023", "02/01/2023", "11/30/2022"],
    ["31.12.2022", "15.01.2023", "01.02.2023", "30.11.2022"],
    ["31/12/2022 9:05 PM", "15/01/2023", "01/02/2023", "30/11/2022"],
    ["2022年12月31日", "2023年1月15日", "2023年9月5日 10:30", "2022年9月30日"],
    ["2022/12/31", "2023-1-15", "2023-02-01T00:00:00Z", "2022-9-30"],
    ["Dec 31, 2022", "15 January 2023", "Feb 1 2023", ""],
    ["2022-12-31", "1673740800", "1675209600000", "2021"],
    ["31", "115", "201", "-5"],
]


@pytest.mark.parametrize("dates", DATES, ids=str)
def test_dates_are_put_in_order_however_they_are_written(workspace: Workspace, dates: list[str]) -> None:
    name = put_rows(workspace, [{"text": f"day {n}", "when": date} for n, date in enumerate(dates)])
    assert [row["split"] == "train" for row in divide.divide(workspace, name, "time", "when", 0.25).rows()] == [
        *(True, True, False, True)
    ]


@pytest.mark.parametrize(
    "dates",
    [["1/2/2023", "3/4/2023"], ["13/1/2023", "1/13/2023"], ["2023-01-01", "soon"], ["2023-13-01", "2023-01-01"]],
)
def test_a_time_that_cannot_be_read_is_said(workspace: Workspace, dates: list[str]) -> None:
    name = put_rows(workspace, [{"text": f"day {n}", "when": date} for n, date in enumerate(dates)])
    with pytest.raises(UserError, match="when"):
        divide.divide(workspace, name, "time", "when")


@pytest.mark.parametrize("way", ["stratified", "random"])
def test_copies_of_a_text_stay_on_one_side(workspace: Workspace, way: str) -> None:
    rows = [{"text": f"day {n % 60}{'!' * (n // 60)}", "label": "ab"[n % 60 % 3 == 0]} for n in range(180)]
    name = put_rows(workspace, rows, label="label")
    made = divide.divide(workspace, name, way, "", 0.2).rows()
    sides = {mark: {row["text"].rstrip("!") for row in made if row["split"] == mark} for mark in ("train", "heldout")}
    assert not sides["train"] & sides["heldout"]
    assert sum(row["split"] == "heldout" for row in made) == 36
    if way == "stratified":
        assert Counter(row["label"] for row in made if row["split"] == "heldout") == {"a": 24, "b": 12}
    same = put_rows(workspace, [{"text": "the same", "label": "a"}] * 9, label="label")
    with pytest.raises(UserError, match="say the same"):
        divide.divide(workspace, same, way)


def test_rows_held_out_by_the_dataset_itself_stay_so(workspace: Workspace) -> None:
    rows = [{"text": f"day {n * 7}", "part": "test" if n % 5 == 0 else "train"} for n in range(50)]
    name = put_rows(workspace, rows, part="split")
    for share, drawn in ((0.5, 20), (0.1, 4)):  # the second split draws its own rows anew
        made = divide.divide(workspace, name, "random", "", share)
        assert all(row["split"] == "test" for row in made.rows() if row["part"] == "test")
        assert Counter(row["split"] for row in made.rows()) == {"train": 40 - drawn, "heldout": drawn, "test": 10}
    gone = put_rows(workspace, [{"text": f"day {n}", "part": "test"} for n in range(9)], part="split")
    with pytest.raises(UserError, match="held out already"):
        divide.divide(workspace, gone, "random")


def test_the_usual_part() -> None:
    assert [divide.usual(rows) for rows in (2, 20, 100, 1000, 10_000, 1_000_000)] == [1, 10, 16, 50, 500, 2000]


def test_near_duplicates_stay_on_one_side(workspace: Workspace, put: Put) -> None:
    words = [f"{chr(97 + n % 26)}{n * 7919 % 9973}w" for n in range(600)]
    lines = [f"{' '.join(words[n * 20 : n * 20 + 20])} copy{copy},x" for n in range(30) for copy in range(3)]
    intake.import_file(workspace, put("a.csv", "text,label\n" + "\n".join(lines) + "\n"), "foxes")
    made = divide.divide(workspace, "foxes", "grouped", "", 0.3)
    sides: dict[str, set[str]] = {}
    for row in made.rows():
        sides.setdefault(row["text"].rsplit(" ", 1)[0], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize(
    ("way", "by", "share"), [("time", "", 0.1), ("odd", "", 0.1), ("random", "", 0.9), ("grouped", "nothing", 0.1)]
)
def test_what_cannot_be_split_is_said(workspace: Workspace, days: str, way: str, by: str, share: float) -> None:
    with pytest.raises(UserError):
        divide.divide(workspace, days, way, by, share)
    assert len(library.versions(workspace, days)) == 1


def test_rows_that_only_got_a_column_are_changed_however_many(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "ALIKE", 0)
    rows = [{"text": f"day {n}", "label": "y"} for n in range(60)]
    split = [{**row, "split": "train"} for row in rows[2:]]
    old, new = (library.save(workspace, "d", Table(list(given[0]), given), {"text": "text"}) for given in (rows, split))
    found = compare.compare(old, new)
    assert [found[key] for key in ("same", "changed", "gone", "new")] == [0, 58, 2, 0]
    assert [each["what"] for each in found["examples"][:3]] == ["gone", "gone", "changed"]
    assert found["examples"][2]["after"] == "split: train"
    back = compare.compare(new, old)
    assert [back[key] for key in ("same", "changed", "gone", "new")] == [0, 58, 0, 2]


def test_two_versions_are_compared(workspace: Workspace, days: str) -> None:
    steps = [{"kind": "regex_replace", "pattern": "sun", "replacement": "moon"}]
    made = clean.keep(workspace, clean.try_out(library.find(workspace, days), steps))
    first = library.find(workspace, days, 1)
    found = compare.compare(first, made)
    changed = sum("sun" in row["text"] for row in first.rows())
    assert (found["changed"], found["same"], found["gone"], found["new"]) == (changed, 200 - changed, 0, 0)
    assert [step["kind"] for step in found["steps"]] == ["regex_replace"]
    assert "moon" in found["examples"][0]["after"]
    split = divide.divide(workspace, days, "random", "", 0.2)
    assert compare.compare(made, split)["steps"][0]["kind"] == "split"


@pytest.mark.parametrize("kind", export.WRITERS)
def test_taken_away_and_brought_back(workspace: Workspace, put: Put, tmp_path: Path, kind: str) -> None:
    import json

    lines = "\n".join(
        json.dumps({"text": text, "label": f"l{n % 2}"}, ensure_ascii=False) for n, text in enumerate(NASTY * 3)
    )
    made = intake.import_file(workspace, put("a.jsonl", lines), "mine").dataset
    path = export.export(made, tmp_path / f"out.{kind}")
    again = intake.import_file(workspace, path, "again").dataset
    seen = cells.plain if kind in ("csv", "xlsx") else str  # a spreadsheet would run some of them
    expected = [{**row, "text": seen(row["text"])} for row in made.rows()]
    assert again.rows() == expected
    with pytest.raises(UserError, match="extension"):
        export.export(made, tmp_path / "out.exe")
