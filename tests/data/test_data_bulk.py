"""A large file, read in pieces, becomes the very dataset it would become read whole; stopped on the way, it leaves nothing."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import bulk, delimited, intake, library
from workbench.data.arrowcsv import by_arrow
from workbench.data.readers import parquet, read_head
from workbench.data.records import records

Put = Callable[..., Path]
ROWS = [
    {"id": number, "text": f"第 {number} 行 – it is {'good' if number % 2 else 'bad'}", "label": "yn"[number % 2]}
    for number in range(400)
]


def lines(rows: list[Any]) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def with_(place: int, *rows: Any) -> list[Any]:
    return [*ROWS[:place], *rows, *ROWS[place:]]


CASES: dict[str, list[Any]] = {
    "plain": list(ROWS),
    "a broken line": with_(300, '{"id": 1,', "7"),
    "a blank line and a blank text": with_(
        300, "", {"id": 1, "text": " \u3000", "label": "y"}, {"id": 2, "label": "n"}
    ),
    "half a character": with_(300, '{"id": 5, "text": "\\ud83d", "label": "y"}'),
    "text among numbers": with_(300, {"id": "A-1", "text": "fine", "label": "y"}),
    "a fraction among whole numbers": with_(300, {"id": 1.5, "text": "fine", "label": "y"}),
    "a number of many digits": with_(300, {"id": 12345678901234567890123, "text": "fine", "label": "y"}),
    "digits a fraction cannot hold": with_(
        300,
        {"id": 9007199254740993, "text": "fine", "label": "y"},
        *ROWS[:200],
        {"id": 1.5, "text": "fine", "label": "y"},
    ),
    "a fraction before such digits": with_(
        250,
        {"id": 1.5, "text": "fine", "label": "y"},
        *ROWS[:200],
        {"id": 9007199254740993, "text": "fine", "label": "y"},
    ),
    "NaN among numbers": with_(
        300,
        '{"id": NaN, "text": "fine", "label": "y"}',
        '{"id": 1.5, "text": "a", "label": "n"}',
        '{"id": -Infinity, "text": "b", "label": "n"}',
    ),
    "true among numbers": with_(300, {"id": True, "text": "fine", "label": "y"}),
    "a new column": with_(300, {"id": 1, "text": "fine", "label": "y", "source": "web"}),
    "numbers where text stood": with_(300, {"id": 1, "text": 17, "label": "y"}),
}


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def on() -> None:
        monkeypatch.setattr(bulk, "LARGE", 1)
        monkeypatch.setattr(bulk, "HEAD", 4000)
        monkeypatch.setattr(bulk, "BLOCK", 3000)
        monkeypatch.setattr(delimited, "BATCH", 60)
        monkeypatch.setattr(parquet, "FIRST", 150)
        monkeypatch.setattr(parquet, "BATCH", 70)

    return on


def alike(pieces: intake.Imported, whole: intake.Imported) -> None:
    """Both ways made the same dataset and refused the same rows."""
    assert pieces.dataset.rows() == whole.dataset.rows()
    refused = [[(item.line, item.reason) for item in made.refused] for made in (pieces, whole)]
    assert refused[0] == refused[1]
    same = ("rows", "columns", "roles", "task", "format", "encoding", "steps", "sha256")
    assert {key: pieces.dataset.meta[key] for key in same} == {key: whole.dataset.meta[key] for key in same}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-32-be"])
def test_in_pieces_as_whole(
    workspace: Workspace, put: Put, small_pieces: Callable[[], None], name: str, encoding: str
) -> None:
    path = put(
        "rows.jsonl", lines(CASES[name]).replace("\u3000", " ") if encoding != "utf-8" else lines(CASES[name]), encoding
    )
    whole = intake.import_file(workspace, path, "whole")
    small_pieces()
    pieces = intake.import_file(workspace, path, "pieces")
    alike(pieces, whole)


LABEL = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}
KINDS: dict[str, Callable[[list[int]], Any]] = {
    "small numbers": lambda n: pa.array(n, pa.int16()),
    "numbers that come late": lambda n: pa.array([None if x < 300 else x for x in n], pa.int32()),
    "nothing": lambda n: pa.array([None] * len(n), pa.string()),
    "numbers too large for 64 bits": lambda n: pa.array([x + (1 << 63) * (x > 300) for x in n], pa.uint64()),
    "fractions with NaN": lambda n: pa.array([float("nan") if x == 310 else x / 3 for x in n], pa.float32()),
    "infinity": lambda n: pa.array([float("inf") if x == 310 else x for x in n], pa.float64()),
    "truth": lambda n: pa.array([None if x == 10 else x % 3 == 0 for x in n]),
    "moments": lambda n: pa.array([datetime(2024, 1, 1) + timedelta(days=x) for x in n], pa.timestamp("us", "UTC")),
    "money": lambda n: pa.array([Decimal(x) / 100 for x in n], pa.decimal128(9, 2)),
    "a dictionary": lambda n: pa.array([f"v{x % 7}" for x in n]).dictionary_encode(),
    "large text": lambda n: pa.array([f"v{x}" for x in n], pa.large_string()),
    "bytes": lambda n: pa.array([b"\xff" if x == 310 else f"好{x}".encode() for x in n]),
    "a list": lambda n: pa.array([list(range(x % 4)) for x in n], pa.list_(pa.int32())),
    "objects with a late key": lambda n: pa.array([{"a": f"{x}", "b": x if x > 300 else None} for x in n]),
    "objects with an empty key": lambda n: pa.array([{"a": f"{x}", "b": None} for x in n]),
    "a map": lambda n: pa.array([[("k", f"{x}")] for x in n], pa.map_(pa.string(), pa.string())),
    "turns": lambda n: pa.array([[{"role": "user", "content": f"hi {x}"}, {"role": "assistant", "content": "yes"}] for x in n]),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_parquet_in_pieces_as_whole(
    workspace: Workspace, tmp_path: Path, small_pieces: Callable[[], None], kind: str
) -> None:
    numbers = list(range(400))
    found = pa.table(
        {
            "text": ["  " if x in (20, 350) else f"row {x}" for x in numbers],
            "more": KINDS[kind](numbers),
            "label": pa.array([-1 if x == 390 else x % 2 for x in numbers]),
        }
    ).replace_schema_metadata({"huggingface": json.dumps(LABEL)})
    pq.write_table(found, tmp_path / "rows.parquet", row_group_size=130)
    whole = intake.import_file(workspace, tmp_path / "rows.parquet", "whole")
    small_pieces()
    pieces = intake.import_file(workspace, tmp_path / "rows.parquet", "pieces")
    alike(pieces, whole)
    assert [item.line for item in pieces.refused] == ([] if kind == "turns" else [21, 351])
    assert [row["label"] for row in pieces.dataset.rows() if row["text"] == "row 390"] == [None]


def table_of(separator: str, *extra: str, at: int = 300, head: bool = True) -> str:
    """Rows with quotes, separators and line breaks in their values, and something else at a place."""
    rows = [
        separator.join(
            [str(n), f'"a ""{n}"" day{separator} 好{chr(10)}and more"' if n % 3 else f"plain {n}", "yn"[n % 2]]
        )
        for n in range(400)
    ]
    return (
        "\n".join([*([separator.join(["id", "text", "label"])] if head else []), *rows[:at], *extra, *rows[at:]]) + "\n"
    )


TABLES: dict[str, str] = {
    "plain": table_of(","),
    "semicolons": table_of(";"),
    "bars": table_of("|"),
    "no header": table_of(",", head=False),
    "no last line end": table_of(",").rstrip(),
    "windows": table_of(",").replace("\n", "\r\n"),
    "old mac": table_of(",").replace("\n", "\r"),
    "too many and too few values": table_of(",", "1,2", "", '7,"a\n\nb",y,4', "   ", ""),
    "blank rows": table_of(",", "", ",,", " , ,", "", '5," ",y'),
    "a stray quote": table_of(",", '9,"an open one,y', "10,fine,n"),
    "a quote in a value": table_of(",", '9,"a "good" day",y'),
    "backslashes": table_of(",", '9,"a \\"good\\" day, really",y'),
    "backslashes and a stray quote": table_of(",", '9,"a \\"good\\" day",y', '9,"an "open one,y'),
    "tabs": table_of("\t"),
    "tabs and raw quotes": "".join(f"{n}\t{chr(34) if n > 290 else ''}said {n}\t{'yn'[n % 2]}\n" for n in range(400)),
    "one column": "".join(f"it is day {n}\n" for n in range(600)),
    "half a character": table_of(",", "9,\udcff,y"),
    "a nul": table_of(",", "9,a\0b,y"),
    "doubled names": table_of(",").replace("id,text,label", "text,text,label", 1),
}


WRITTEN = [
    (name, encoding)
    for name in TABLES
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16-le")
    if encoding.startswith("utf-8") or name not in ("half a character", "a nul")  # told otherwise there
]


@pytest.mark.parametrize(("name", "encoding"), WRITTEN)
def test_a_table_in_pieces_as_whole(
    workspace: Workspace, put: Put, small_pieces: Callable[[], None], name: str, encoding: str
) -> None:
    path = put("rows.tsv" if "tab" in name else "rows.csv", TABLES[name].encode(encoding, "surrogateescape"))
    whole = intake.import_file(workspace, path, "whole")
    small_pieces()
    pieces = intake.import_file(workspace, path, "pieces")
    alike(pieces, whole)
    assert [item.raw for item in pieces.refused] == [item.raw for item in whole.refused]
    assert pieces.dataset.meta["rows"] > 390


BLOCKS = {
    'a,b\n"c, ""d""",e\n': 2, 'a,"b\nc"\nd,e': 2, '"""a""",b\r\n"",c\r\n': 2, "a,b\n" * 9: 9,  # read by Arrow
    'a"b,c\n': 0, '"a"b,c\n': 0, 'a,"b\n': 0, "a,b\n\nc,d\n": 0, "a,b\rc,d\n": 0, "a,b,c\n": 0, "a,b\n , \n": 0, ' "a",b\n': 0, '"a" ,b\n': 0,
}  # fmt: skip


@pytest.mark.parametrize("block", BLOCKS)
def test_arrow_reads_a_block_only_where_it_reads_as_a_strict_reader_does(block: str) -> None:
    found = by_arrow(block.encode(), ",", ["x", "y"], raw=False)
    assert (found[0].num_rows if found else 0) == BLOCKS[block]
    if found:
        read = csv.reader(io.StringIO(block, newline=""), strict=True)
        assert [list(row.values()) for row in found[0].to_pylist()] == list(read)
        assert list(found[1]) == [
            line - 1 for line, _ in records(io.StringIO(block, newline=""), ",", {"strict": True})
        ]


def test_the_first_rows_of_a_large_table_end_with_a_whole_one(put: Put, small_pieces: Callable[[], None]) -> None:
    path = put("rows.csv", table_of(","))
    small_pieces()
    table, reader = read_head(path)
    assert (table.refused, reader and reader.kind) == ([], "csv")
    assert 50 < len(table.rows) < 300
    assert all(row["text"].endswith(("and more", row["id"])) for row in table.rows)


def test_a_table_is_stopped_while_its_quotes_are_counted(
    workspace: Workspace, put: Put, small_pieces: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces()
    monkeypatch.setattr(delimited, "BATCH", 50)
    steps = intake.importing(workspace, put("rows.tsv", table_of("\t")), "mine")
    next(steps)
    steps.close()
    assert not library.versions(workspace, "mine")
    assert [path.name for path in workspace.datasets.iterdir() if path.name != "mine"] == []


def test_a_parquet_file_that_was_cut_or_has_a_huge_cell_is_one_sentence(
    workspace: Workspace, tmp_path: Path, small_pieces: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces()
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": [*["a day"] * 300, "x" * 500], "label": list("ab" * 150 + "a")}), path)
    monkeypatch.setattr(parquet, "FIELD_LIMIT", 400)
    with pytest.raises(UserError, match="line 301, column “text”: a value of 500 characters"):
        intake.import_file(workspace, path, "mine")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="damaged or cut"):
        intake.import_file(workspace, path, "mine")
    assert [each.name for each in workspace.datasets.iterdir()] == []


def test_every_refused_row_is_kept_word_for_word(
    workspace: Workspace, put: Put, small_pieces: Callable[[], None]
) -> None:
    small_pieces()
    made = intake.import_file(workspace, put("rows.jsonl", lines(with_(300, '{"id": 1,'))), "mine")
    (told,) = [json.loads(line) for line in (made.dataset.folder / intake.REFUSED).read_text().splitlines()]
    assert (told["file"], told["line"], told["row"]) == ("rows.jsonl", 301, '{"id": 1,')
    assert told["reason"]
    assert told["原因"]


def test_stopped_on_the_way_nothing_is_left(workspace: Workspace, put: Put, small_pieces: Callable[[], None]) -> None:
    small_pieces()
    steps = intake.importing(workspace, put("rows.jsonl", lines(list(ROWS))), "mine")
    shares = [next(steps) for _ in range(3)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    steps.close()
    assert [path.name for path in workspace.datasets.iterdir() if path.name != "mine"] == []
    assert not library.versions(workspace, "mine")


def test_mostly_broken_is_refused(workspace: Workspace, put: Put, small_pieces: Callable[[], None]) -> None:
    small_pieces()
    path = put("rows.jsonl", lines([*ROWS[:60], *['{"text": "ok", "label": }'] * 600]))
    with pytest.raises(UserError, match="nothing was imported"):
        intake.import_file(workspace, path, "mine")
    assert not library.versions(workspace, "mine")


def test_a_key_that_appears_late_in_a_conversation_is_kept(
    workspace: Workspace, put: Put, small_pieces: Callable[[], None]
) -> None:
    small_pieces()
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    late = [turns[0], {**turns[1], "tool_calls": [{"name": "clock"}]}]
    path = put("rows.jsonl", lines([{"messages": turns}] * 200 + [{"messages": late}]))
    made = intake.import_file(workspace, path, "mine")
    assert made.dataset.meta["rows"] == 201
    assert "clock" in str(made.dataset.rows(200))
    assert made.dataset.meta["roles"] == {"messages": "messages"}


def test_a_line_that_is_far_too_long_is_passed_over_and_told(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LARGE", 1000)
    monkeypatch.setattr(bulk, "BLOCK", 4096)
    monkeypatch.setattr(bulk, "LONGEST", 20_000)
    path = tmp_path / "long.jsonl"
    rows = [f'{{"text": "{"x" * (50_000 if n == 3 else 20)}", "label": "{n % 2}"}}' for n in range(60)]
    path.write_text("\n".join(rows) + "\n")
    made = intake.import_file(workspace, path, "long")
    assert made.dataset.meta["rows"] == 59
    assert [(item.line, "longer than" in item.reason.en) for item in made.refused] == [(4, True)]


def test_large_archives_and_tables_are_no_text(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LARGE", 1000)
    rows = "".join(f'{{"text": "day {n * n}", "label": "{n % 2}"}}\n' for n in range(600))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    pq.write_table(pa.Table.from_pylist([json.loads(row) for row in rows.splitlines()]), tmp_path / "a.parquet")
    for name in ("a.jsonl.gz", "a.parquet"):
        assert intake.import_file(workspace, tmp_path / name, "packed").dataset.meta["rows"] == 600
