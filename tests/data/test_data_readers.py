"""Every format is read by its content; whatever is refused is counted with its line and reason, in both languages."""

from __future__ import annotations

import ast
import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import workbench.data.table as table_module
from workbench.core.errors import UserError
from workbench.data.readers import READERS, read_table

Put = Callable[..., Path]
ROWS = [{"text": "good, really", "label": "1"}, {"text": "他说“好”", "label": "0"}]
CSV = 'text,label\n"good, really",1\n他说“好”,0\n'


def test_every_reader_says_what_it_is() -> None:
    assert {"csv", "json", "jsonl", "parquet"} <= set(READERS.kinds())
    for reader in READERS.all():
        assert reader.label.en
        assert reader.label.zh
        assert all(suffix.startswith(".") for suffix in reader.extensions)


def test_readers_never_import_one_another() -> None:
    for path in Path(table_module.__file__).parent.joinpath("readers").glob("[a-z]*.py"):
        imported = [
            node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
        ]
        assert not [name for name in imported if name.startswith("workbench.data.readers")], path.name


WRITTEN = {
    "comma.csv": CSV,
    "crlf.csv": CSV.replace("\n", "\r\n"),
    "cr.csv": CSV.replace("\n", "\r"),
    "semicolon.csv": "text;label\ngood, really;1\n他说“好”;0\n",
    "bar.csv": "text|label\ngood, really|1\n他说“好”|0\n",
    "tab.tsv": "text\tlabel\ngood, really\t1\n他说“好”\t0\n",
    "blank-lines.csv": "\n" + CSV + "\n\n",
    "array.json": json.dumps(ROWS),
    "data.json": json.dumps({"version": 1, "data": ROWS}, indent=1),
    "columns.json": json.dumps({"text": [row["text"] for row in ROWS], "label": ["1", "0"]}),
    "lines.json": "\n".join(map(json.dumps, ROWS)),
    "concatenated.json": "\n".join(json.dumps(row, indent=1) for row in ROWS),
    "lines.jsonl": "\n\n".join(map(json.dumps, ROWS)) + "\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_same_rows_from_every_way_to_write_them(put: Put, name: str) -> None:
    table = read_table(put(name, WRITTEN[name]))
    assert table.rows == ROWS
    assert table.format in (*READERS.kinds(), "tsv")
    assert not table.refused
    assert not table.warnings


def test_parquet(put: Put, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert (table.rows, table.format) == (ROWS, "parquet")
    cut = (tmp_path / "a.parquet").read_bytes()[:-20]
    with pytest.raises(UserError, match="damaged or cut"):
        read_table(put("cut.parquet", cut))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.json", CSV, "csv"),
        ("a.csv", json.dumps(ROWS), "json"),
        ("a.jsonl", json.dumps(ROWS), "json"),
        ("a.csv", "\n".join(map(json.dumps, ROWS)), "jsonl"),
        ("a.parquet", CSV, "csv"),
    ],
)
def test_a_wrong_extension_is_read_right_and_told(put: Put, name: str, content: str, kind: str) -> None:
    table = read_table(put(name, content))
    assert (table.rows, table.format) == (ROWS, kind)
    assert any(Path(name).suffix in warning.en and Path(name).suffix in warning.zh for warning in table.warnings)


def test_text_stays_text(put: Put) -> None:
    table = read_table(put("a.csv", "text,label\nNA,007\nnull,1e999\nNone,1.0\n"))
    assert [list(row.values()) for row in table.rows] == [["NA", "007"], ["null", "1e999"], ["None", "1.0"]]


def test_quotes_in_every_style(put: Put) -> None:
    doubled = read_table(put("a.csv", 'text,label\n"line one\nline ""two""",1\nplain,0\n'))
    assert doubled.rows[0]["text"] == 'line one\nline "two"'
    assert doubled.lines == [2, 4]
    escaped = read_table(put("b.csv", 'text,label\n"he said \\"hi\\"",1\nplain,0\n'))
    assert escaped.rows[0]["text"] == 'he said "hi"'
    raw = read_table(put("c.tsv", 'ham\t"Why not?\nspam\twin "now"\nham\tok"\n'))
    assert [row["column_2"] for row in raw.rows] == ['"Why not?', 'win "now"', 'ok"']


def test_ragged_and_unclosed_rows_are_refused_with_their_line(put: Put) -> None:
    lines = ["text,label", "good,1", "bad, really,0", '"never closed,1', "fine,1", ",", "ok,0", "well,1", "yes,1"]
    table = read_table(put("a.csv", "\n".join(lines)))
    assert [item.line for item in table.refused] == [3, 4, 6]
    assert [row["text"] for row in table.rows] == ["good", "fine", "ok", "well", "yes"]
    assert all(item.reason.en and item.reason.zh for item in table.refused)
    assert [item.raw for item in table.refused] == ["bad, really,0", '"never closed,1', ""]


def test_a_ragged_row_of_several_lines_is_kept_as_it_stands(put: Put) -> None:
    table = read_table(put("a.csv", 'text,label\r\ngood,1\r\n"two\r\nlines",0,more\r\n\r\nfine,1\r\nalone'))
    assert [(item.line, item.raw) for item in table.refused] == [(3, '"two\r\nlines",0,more'), (7, "alone")]


def test_a_broken_json_line_is_refused_the_rest_kept(put: Put) -> None:
    lines = [
        '{"text": "a", "label": "1"}',
        '{"text": "b", "label": }',
        "",
        '{"text": "c", "label": "0"}',
        "[1]",
        '{"text": "d"}',
    ]
    table = read_table(put("a.jsonl", "\n".join(lines)))
    assert [item.line for item in table.refused] == [2, 5]
    assert "column 24" in table.refused[0].reason.en
    assert table.rows[-1] == {"text": "d", "label": None}


def test_a_json_item_that_is_no_object_is_refused_with_its_line(put: Put) -> None:
    table = read_table(put("a.json", '[\n {"text": "a"},\n 5,\n {"text":\n "b"},\n {}, {"text": "c"}\n]'))
    assert [item.line for item in table.refused] == [3, 6]
    assert table.lines == [2, 4, 6]


HEADERS = [
    ("text,label\na,b\n", True),
    ("类别,标题\n体育,火箭胜\n", True),
    ("alpha,beta\n1,2\n3,4\n", True),
    ("a fine film,1\na dull one,0\n", False),
    ("ham\tGo until jurong point, crazy\nspam\tFree entry in a comp\nham\tok\n", False),
    ("A man is dancing.,A man dances.,5.0\nA child rides.,A horse.,1.2\n", False),
]


@pytest.mark.parametrize(("content", "headed"), HEADERS)
def test_a_header_is_guessed(put: Put, content: str, headed: bool) -> None:
    table = read_table(put("a.csv", content))
    assert (table.columns[0] != "column_1") == headed


def test_strange_headers_get_names_of_their_own(put: Put) -> None:
    table = read_table(put("a.csv", " text ,label,label,\na,b,c,d\n"))
    assert table.columns == ["text", "label", "label_2", "column_4"]
    assert "label_2, column_4" in table.warnings[0].en


REFUSED = {
    "empty.csv": (b"", "empty"),
    "bom.csv": (b"\xef\xbb\xbf", "empty"),
    "blank.csv": (b" \n\n\r\n", "empty"),
    "header.csv": (b"text,label\n", "only a header"),
    "blank-rows.csv": (b"text,label\n,\n,\n", "line 2"),
    "ragged.csv": (b"text,label\na,b,c\nd,e,f\ng,h\n", "2 of 3 rows"),
    "none.json": (b"[]", "no rows"),
    "broken.json": (b'[\n{"text": "a"},\n{"text": "b",}\n]', "line 3"),
    "cut.json": (b'[\n{"text": "a"},\n{"text": "b"', "line 3"),
    "prose.json": (b"This is only prose", "line 1 begins"),
    "quotes.jsonl": (b"{'text': 'a'}\n{'text': 'b'}\n{'text': 'c'}", "line 1: not valid JSON"),
    "most.jsonl": (b'{"text": "a"}\n{"text": }\n{"text": "c}\n', "line 2"),
    "deep.json": (b"[" * 100_000, "nested too deeply"),
    "digits.json": (b'[{"a": ' + b"9" * 5000 + b"}]", "number is too long"),
    "page.jsonl": (b"<!DOCTYPE html><html>404</html>", "web page"),
    "book.csv": (b"PK\x03\x04" + b"\0" * 30 + b"xl/workbook.xml", "Excel"),
    "data.zip": (b"PK\x03\x04" + b"\0" * 30, "zip archive"),
    "data.csv.gz": (b"\x1f\x8b\x08\x00", "gzip"),
    "noise.csv": (bytes(range(256)) * 4, "no text"),
    "pointer.parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "LFS"),
    "short.parquet": (b"PAR1PAR1", "damaged or cut"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_in_one_clear_sentence(put: Put, name: str) -> None:
    content, expected = REFUSED[name]
    with pytest.raises(UserError, match=expected) as caught:
        read_table(put(name, content))
    assert name in caught.value.text.en
    assert name in caught.value.text.zh
    assert caught.value.field == "file"


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(UserError, match="device or pipe"):
        read_table("/dev/null")
    with pytest.raises(UserError, match="There is no file"):
        read_table(tmp_path / "absent.csv")


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_value_that_is_far_too_long_is_named_by_its_line(put: Put, quote: str) -> None:
    long = "x" * (table_module.FIELD_LIMIT + 1)
    with pytest.raises(UserError, match="line 3"):
        read_table(put("a.csv", f"text,label\nok,1\n{quote}{long}{quote},1\nok,0\nok,1\n"))


def test_a_long_text_is_no_problem(put: Put) -> None:
    assert len(read_table(put("a.csv", f"text,label\n{'x' * 200_000},1\n")).rows[0]["text"]) == 200_000


SEEDS = [
    CSV.encode(),
    json.dumps(ROWS).encode(),
    "\n".join(map(json.dumps, ROWS)).encode(),
    "文本,标签\n好,1\n差,0\n".encode("gbk"),
]
BITS = [
    b'"',
    b",",
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"\0",
    b"\t",
    b"\r",
    b"\xff",
    b"1e999",
    b"NaN",
    b"\\ud800",
    b";",
    b"'",
]


@pytest.mark.parametrize("seed", range(200))
def test_a_mangled_file_gives_a_table_or_a_sentence(put: Put, seed: int) -> None:
    chance = random.Random(seed)
    content = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(content) + 1)
        content[place : place + chance.choice((0, 0, 5))] = chance.choice(BITS)
    path = put("a" + chance.choice((".csv", ".json", ".jsonl", ".tsv", ".parquet", "")), bytes(content))
    with contextlib.suppress(UserError):
        table = read_table(path)
        assert all(list(row) == table.columns for row in table.rows)
        assert len(table.lines) == len(table.rows) >= len(table.refused)
