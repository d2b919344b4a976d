"""Tables that a spreadsheet opens: no cell and no head is a formula, numbers are numbers, and the JSONL beside loses nothing."""

from __future__ import annotations

import ast
import csv
import io
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from fabricated import right, run
from faults import note
from hostile.corpus import CELLS, NUMBERS
from places import ROOT

from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.cells import FORMULA, plain
from workbench.data.export import WRITERS, export
from workbench.data.table import Table
from workbench.serve import prompts

TEXTS = list(CELLS.values())
KEPT = ["a = b", "x-ray", "5 - 3", "mail@host", "-5", "+1.5e3", "-.5", "'quoted'", "", "好的", "1,5"]
"""Ordinary text, and text that is a number."""
ROWS = [{"text": text, "n": number} for text, number in zip([*TEXTS, *KEPT], NUMBERS * 9, strict=False)]


def dangerous(text: str) -> bool:
    """Whether a spreadsheet may run it, told by other means than the renderer's."""
    seen = unicodedata.normalize("NFKC", "".join(char for char in text if unicodedata.category(char) not in ("Cf", "Cc", "Zs", "Zl", "Zp")))  # fmt: skip
    try:
        float(text)
    except ValueError:
        return (text[:1] in "\t\r\n" and text != "") or (seen.lstrip("\"'`;,|")[:1] in ("=", "+", "-", "@") and not text.startswith("'"))  # fmt: skip
    return False


@pytest.fixture
def dataset(workspace: Workspace) -> Any:
    """Every payload as a cell and as a head."""
    names = [name for name in TEXTS if not set(name) & set("\r\n\t")]
    rows = [{**row, **dict.fromkeys(names, "x")} for row in ROWS]
    return library.save(workspace, "cells", Table(["text", "n", *names], rows, [], "jsonl", "utf-8"), {"text": "text"})


def read(path: Path) -> tuple[list[str], list[list[Any]]]:
    if path.suffix == ".csv":
        head, *rows = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
        return head, rows
    import openpyxl

    sheet = openpyxl.load_workbook(path)["data"]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    head, *rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    return head, rows


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_of_an_export_is_a_formula(dataset: Any, tmp_path: Path, kind: str) -> None:
    head, rows = read(export(dataset, tmp_path / f"t.{kind}"))
    alive = [text for row in [head, *rows] for text in row if isinstance(text, str) and dangerous(text)]
    note("S10", "hostile cells and heads written", len(TEXTS) + len(head))
    note("S10", "of them formulas", len(alive), most=0)
    assert alive == []
    numbers = [row["n"] for row in ROWS]
    assert [float(row[1]) for row in rows] == numbers
    assert kind == "csv" or all(isinstance(row[1], (int, float)) for row in rows)
    texts = [row[0] or "" for row in rows]
    assert texts[len(TEXTS) :] == KEPT


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_other_formats_lose_nothing(dataset: Any, tmp_path: Path, kind: str) -> None:
    path = export(dataset, tmp_path / f"t.{kind}")
    if kind == "jsonl":
        found = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").split("\n") if line]
    else:
        import pyarrow.parquet as pq

        found = pq.read_table(path).column("text").to_pylist()
    assert found == [row["text"] for row in ROWS]
    assert set(WRITERS) == {"csv", "xlsx", "jsonl", "parquet"}  # a new one belongs into one of these tests


def test_batch_answers_are_neutral_too(workspace: Workspace) -> None:
    rows = [{"prompt": text, "=head": "x"} for text in TEXTS]
    made = run(workspace, right(0.5), right(0.9))
    job = prompts.Job.__new__(prompts.Job)
    job.rows, job.answers = rows, TEXTS
    lines, sheet = map(Path, prompts._written(workspace, made, "base", job))
    head, cells = read(sheet)
    assert [text for row in [head, *cells] for text in row if dangerous(text)] == []
    assert [json.loads(line)["answer"] for line in lines.read_text(encoding="utf-8").split("\n") if line] == TEXTS


def test_every_payload_is_marked_and_ordinary_text_is_not() -> None:
    assert [text for text in TEXTS if not FORMULA.match(text)] == []
    assert [text for text in KEPT if plain(text) != text] == []


def test_nobody_else_writes_tables() -> None:
    """One renderer: whoever writes CSV or Excel goes through data/cells.py."""
    users = set()
    for path in (ROOT / "workbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if name.endswith(
                ("csv.writer", "DictWriter", ".to_csv", ".to_excel", "write_csv", "Workbook", "xlsxwriter")
            ):
                users.add(f"{path.relative_to(ROOT / 'workbench').as_posix()} {name}")
    assert users == {
        "data/cells.py csv.writer", "data/export.py write_csv", "data/export.py openpyxl.Workbook", "serve/prompts.py write_csv",
    }  # fmt: skip
