"""Workbooks, Arrow, documents, archives and exports: written here by the libraries people use, read back."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.core.errors import UserError
from workbench.data import packed
from workbench.data.readers import READERS, read_table

Put = Callable[..., Path]
ROWS = [{"文本": "很好", "label": 1}, {"文本": "bad, “really”", "label": 0}]
CSV = "text,label\ngood,1\nbad,0\n"


def book(*sheets: list[list[object]]) -> bytes:
    import openpyxl

    made = openpyxl.Workbook()
    made.remove(made.active)
    for number, rows in enumerate(sheets):
        sheet = made.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    target = io.BytesIO()
    made.save(target)
    return target.getvalue()


def test_a_workbook(put: Put) -> None:
    table = read_table(
        put("a.xlsx", book([], [["文本", "label"], ["很好", 1], [None, None], ["bad, “really”", 0.0]], [["x"], ["y"]]))
    )
    assert (table.rows, table.format, table.lines) == (ROWS, "xlsx", [2, 4])
    assert "S1" in table.warnings[0].zh
    with pytest.raises(UserError, match="no sheet"):
        read_table(put("b.xlsx", book([])))
    with pytest.raises(UserError, match="damaged"):
        read_table(put("c.xlsx", book([["a", "b"], [1, 2]])[:-40]))


def test_a_cell_far_out_takes_no_time(put: Put) -> None:
    import openpyxl

    made, begin = openpyxl.Workbook(), time.process_time()
    for row in (["text", "label"], ["good", 1], ["bad", 0]):
        made.active.append(row)
    made.active.cell(200_000, 2, 1)
    target = io.BytesIO()
    made.save(target)
    assert read_table(put("a.xlsx", target.getvalue())).lines == [2, 3, 200_000]
    made.active.cell(200_000, 16_384, "x")
    made.save(target := io.BytesIO())
    with pytest.raises(UserError, match="column 16,384"):
        read_table(put("b.xlsx", target.getvalue()))
    assert time.process_time() - begin < 10


def test_a_parquet_file_of_many_equal_rows_is_refused(put: Put) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    target, rows = io.BytesIO(), pa.nulls(1_000_000, pa.string()).fill_null("the same")
    with pq.ParquetWriter(target, pa.schema([("text", pa.string())])) as writer:
        for _ in range(11):
            writer.write_table(pa.table({"text": rows}))
    with pytest.raises(UserError, match="11,000,000 rows"):
        read_table(put("a.parquet", target.getvalue()))


@pytest.mark.parametrize("stream", [True, False])
def test_arrow(put: Put, stream: bool) -> None:
    import pyarrow as pa

    target, table = io.BytesIO(), pa.Table.from_pylist(ROWS)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(target, table.schema) as writer:
        writer.write_table(table)
    assert read_table(put("a.arrow", target.getvalue())).rows == ROWS
    with pytest.raises(UserError, match="damaged"):
        read_table(put("b.arrow", target.getvalue()[:-60]))


def test_plain_text_is_lines_and_prose_with_commas_no_table(put: Put) -> None:
    table = read_table(put("a.txt", "One, two.\r\n\r\nThree, four, five.\nSix\n"))
    assert (table.format, [row["text"] for row in table.rows]) == (
        "text",
        ["One, two.", "", "Three, four, five.", "Six"],
    )
    assert read_table(put("b.txt", "good\t1\nbad\t0\nfine\t1\n")).format == "tsv"
    assert read_table(put("c.txt", CSV)).format == "csv"


def test_markdown_and_html_are_paragraphs(put: Put) -> None:
    table = read_table(put("a.md", "# Title\n\nSome **bold** and [a link](http://x).\nMore.\n\n- one\n- two\n"))
    assert [row["text"] for row in table.rows] == ["Title", "Some bold and a link.\nMore.", "one\ntwo"]
    assert table.lines == [1, 3, 6]
    page = "<!doctype html><html><head><title>x</title><style>p{}</style></head><body><h1>头</h1><p>One <b>two</b></p><script>alert(1)</script><ul><li>三</li></ul>end</body></html>"
    assert [row["text"] for row in read_table(put("a.html", page)).rows] == ["头", "One two", "三", "end"]
    with pytest.raises(UserError, match="error page"):
        read_table(put("a.csv", page))


def test_word(put: Put) -> None:
    import docx

    made, target = docx.Document(), io.BytesIO()
    made.add_paragraph("第一段")
    made.add_paragraph("")
    made.add_table(1, 2).rows[0].cells[1].text = "cell"
    made.save(target)
    assert [row["text"] for row in read_table(put("a.docx", target.getvalue())).rows] == ["第一段", "cell"]
    with pytest.raises(UserError, match="damaged"):
        read_table(put("b.docx", target.getvalue()[:-30]))


def test_pdf(put: Put) -> None:
    """A PDF by hand: pypdf writes none with text."""
    stream = b"BT /F1 12 Tf 20 100 Td (Hello page) Tj ET"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R 6 0 R] /Count 2 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length " + str(len(stream)).encode() + b" >>\nstream\n" + stream + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] >>",
    ]  # fmt: skip
    data, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(data))
        data += str(number).encode() + b" 0 obj\n" + part + b"\nendobj\n"
    table = b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    data += b"xref\n0 7\n0000000000 65535 f \n" + table + b"trailer << /Size 7 /Root 1 0 R >>\nstartxref\n" + str(data.rfind(b"endobj\n") + 7).encode() + b"\n%%EOF\n"  # fmt: skip
    found = read_table(put("a.pdf", data))
    assert found.rows == [{"page": 1, "text": "Hello page"}]
    assert [item.line for item in found.refused] == [2]
    with pytest.raises(UserError, match="damaged or locked"):
        read_table(put("b.pdf", b"%PDF-1.4\nnothing"))


def test_conllu(put: Put) -> None:
    word = "{}\t{}\t_\t{}\t_\t_\t0\t_\t_\t_\n"
    good = (
        "# sent_id = 1\n1-2\tdu" + "\t_" * 8 + "\n" + word.format(1, "我", "PRON") + word.format(2, "去", "VERB") + "\n"
    )
    table = read_table(put("a.conllu", good * 9 + word.format(1, "Go", "VERB") + "\n1\tbroken\n\n"))
    assert table.rows[0] == {"text": "我 去", "tokens": ["我", "去"], "tags": ["PRON", "VERB"]}
    assert (len(table.rows), table.lines[:2]) == (10, [2, 7])
    assert [item.line for item in table.refused] == [9 * 5 + 3]


def test_label_studio(put: Put) -> None:
    text = "👨🏻‍🚒 李雷 in Rome"
    units = len("👨🏻‍🚒 ".encode("utf-16-le")) // 2
    tasks = [
        {"data": {"text": "fine"}, "annotations": [{"result": [{"value": {"choices": ["good"]}}]}]},
        {
            "data": {"text": text},
            "annotations": [
                {"result": [{"value": {"start": units, "end": units + 2, "text": "李雷", "labels": ["PER"]}}]}
            ],
        },
        {"data": {"text": "bare"}, "annotations": []},
    ]
    rows = read_table(put("export.json", json.dumps(tasks, ensure_ascii=False))).rows
    assert rows[0]["label"] == "good"
    assert [word for word, tag in zip(rows[1]["tokens"], rows[1]["tags"], strict=True) if tag != "O"] == ["李", "雷"]
    assert rows[2] == {"text": "bare", "label": None, "tokens": None, "tags": None}


def zipped(**files: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return target.getvalue()


def test_archives_with_one_file(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = read_table(put("a.csv", CSV)).rows
    assert read_table(put("a.csv.gz", gzip.compress(CSV.encode()))).rows == plain
    assert read_table(put("a.zip", zipped(a__csv=CSV))).rows == plain
    with pytest.raises(UserError, match="2 files"):
        read_table(put("b.zip", zipped(a__csv=CSV, b__csv=CSV)))
    for name, data in (("cut.csv.gz", gzip.compress(CSV.encode() * 99)[:-9]), ("cut.zip", zipped(a__csv=CSV)[:-9])):
        with pytest.raises(UserError, match="damaged"):
            read_table(put(name, data))
    monkeypatch.setattr(packed, "LIMIT", 1000)
    for name, data in (("bomb.csv.gz", gzip.compress(CSV.encode() * 999)), ("bomb.zip", zipped(a__csv=CSV * 999))):
        with pytest.raises(UserError, match="larger than 1 GB"):
            read_table(put(name, data))


def test_extensions_of_all_formats_are_told_apart() -> None:
    kinds = [entry.kind for entry in READERS.all()]
    assert len(kinds) == len(set(kinds)) >= 15
