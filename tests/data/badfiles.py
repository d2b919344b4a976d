"""The files people really bring: 78 ways in which one can be odd or broken, and archives, each with the verdict it must get.

A verdict: `rows` are taken (None: the file is refused as a whole), the lines in `refused` are counted and named, and `says` stands
in the refusal, a reason or a warning.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ZH = "文本,标签\n这个酒店很好,好\n服务太差了,差\n"
JA = "テキスト,ラベル\nとても良いホテルです,良い\n二度と行きません,悪い\n"
GOOD = [f'{{"text": "a fine day number {n}", "label": "{"yes" if n % 2 else "no"}"}}' for n in range(8)]
DAYS = [f"a fine day number {n},{'yes' if n % 2 else 'no'}" for n in range(8)]


@dataclass(frozen=True)
class Case:
    """One file. `number` as in the list of cases; `make` writes it into a folder and answers its path."""

    number: int
    name: str
    make: Callable[[Path], Path]
    rows: int | None
    refused: tuple[int, ...] = ()
    says: str = ""
    holds: Any = None
    """A value that must be found in the first row."""

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


CASES: list[Case] = []


def put(name: str, content: bytes | str) -> Callable[[Path], Path]:
    """Writes one file."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def case(number: int, name: str, content: bytes | str | Callable[[Path], Path], rows: int | None, refused: Sequence[int] = (), says: str = "", holds: Any = None) -> None:  # fmt: skip
    """Add one."""
    make = content if callable(content) else put(name, content)
    CASES.append(Case(number, name, make, rows, tuple(refused), says, holds))


def lines(*more: str, good: Sequence[str] = GOOD) -> str:
    """Good lines of JSON, then these."""
    return "\n".join([*good, *more]) + "\n"


def csv(*more: str, head: str = "text,label") -> str:
    """A header, good rows, then these."""
    return "\n".join([head, *DAYS, *more]) + "\n"


# encoding
case(1, "utf8-bom.csv", b"\xef\xbb\xbf" + ZH.encode(), 2, says="byte-order mark", holds="这个酒店很好")
case(2, "utf16le-bom.csv", b"\xff\xfe" + ZH.encode("utf-16-le"), 2, says="UTF-16", holds="这个酒店很好")
case(3, "utf16be-bom.csv", b"\xfe\xff" + ZH.encode("utf-16-be"), 2, says="UTF-16", holds="这个酒店很好")
case(4, "utf16.csv", ZH.encode("utf-16-le"), 2, says="UTF-16", holds="这个酒店很好")
case(5, "utf32.csv", b"\xff\xfe\0\0" + ZH.encode("utf-32-le"), 2, says="UTF-32", holds="这个酒店很好")
case(6, "gbk.csv", ZH.encode("gbk"), 2, says="GBK", holds="这个酒店很好")
case(7, "gb18030.csv", (ZH + "很好的\U00020000字,好\n").encode("gb18030"), 3, says="GB18030", holds="这个酒店很好")
case(
    8, "big5.csv", "文本,標籤\n這個酒店很好，服務也不錯,好\n服務太差了,差\n".encode("cp950"), 2, says="Big5", holds="好"
)
case(9, "shift-jis.csv", (JA * 3).encode("shift_jis"), 8, says="read as", holds="とても良いホテルです")
case(
    10,
    "latin1.csv",
    "text,label\ncafé très bon,oui\nà côté,non\n".encode("latin-1"),
    2,
    says="1252",
    holds="café très bon",
)
case(
    11, "cp1252.csv", "text,label\n“hi” it’s me,yes\nplain,no\n".encode("cp1252"), 2, says="1252", holds="“hi” it’s me"
)
case(12, "mixed.csv", csv("很好,yes").encode() + "café,yes\n".encode("latin-1") + b"ok,no\n", 10, [11], "no characters")
case(
    13,
    "one-byte.jsonl",
    lines('{"text": "很好", "label": "no"}').encode() + b'{"text": "a \xff b", "label": "yes"}\n',
    9,
    [10],
    "no characters",
)
case(14, "surrogate.jsonl", lines('{"text": "\\ud800", "label": "no"}'), 8, [9], "no characters")
case(15, "nul.csv", csv("a\0b,yes"), 9, says="1 NUL")
case(16, "separator.jsonl", lines('{"text": "a\u2028b", "label": "no"}'), 9)
case(17, "bidi.csv", "text,label\n\u202eevil\u202c \u200btext,yes\nplain,no\n", 2, holds="\u202eevil\u202c \u200btext")
case(18, "nfd.csv", csv(head=unicodedata.normalize("NFD", "café") + ",label"), 8, says="")
# shape
case(19, "empty.jsonl", b"", None, says="empty")
case(20, "bom.jsonl", b"\xef\xbb\xbf", None, says="empty")
case(21, "newline.jsonl", b"\n", None, says="empty")
case(22, "header.csv", "text,label\n", None, says="only a header")
case(23, "one.csv", "text,label\na fine day,yes\n", 1)
case(24, "blank-rows.csv", "text,label\n,\n,\n,\n", None, says="line 2")
case(25, "noextension", csv(), 8)
case(26, "csv-named.json", csv(), 8, says=".json")
case(26, "xlsx-named.csv", lambda folder: xlsx(folder / "xlsx-named.csv"), 8, says=".csv")
case(26, "404.jsonl", "<!DOCTYPE html><html><body>404 Not Found</body></html>", None, says="web page")
case(
    26, "pointer.jsonl", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", None, says="git lfs pull"
)
case(27, "in.csv.gz", gzip.compress(csv().encode()), 8)
case(27, "in.zip", lambda folder: zipped(folder / "in.zip", {"days.csv": csv()}), 8)
case(27, "in.tar.gz", lambda folder: tarred(folder / "in.tar.gz", csv()), None, says="tar")
case(28, "folder", lambda folder: made(folder / "folder"), None, says="is a folder")
case(29, "short-rows.jsonl", "".join(f'{{"text": "t{n}", "label": "{n % 2}"}}\n' for n in range(100_000)), 100_000)
case(30, "long-line.csv", csv("x" * 10_000_001 + ",yes"), None, says="line 10")
case(
    31,
    "columns.csv",
    ",".join(f"c{n}" for n in range(5000)) + "\n" + ",".join("x" * 5000) + "\n",
    None,
    says="5000 columns",
)
# CSV
case(32, "semicolon.csv", csv().replace(",", ";"), 8, holds="a fine day number 0")
case(33, "tab.csv", csv().replace(",", "\t"), 8, holds="a fine day number 0")
case(34, "bar.csv", csv().replace(",", "|"), 8, holds="a fine day number 0")
case(35, "newline-in.csv", csv('"two\nlines",yes'), 9)
case(36, "unclosed.csv", csv('"never closed,yes', "fine,no"), 9, [10], "not closed")
case(37, "ragged.csv", csv("one,two,three", "alone", "fine,no"), 9, [10, 11], "values where 2 were expected")
case(38, "twice.csv", csv("a,b").replace("text,label", "text,text"), 9, says="text_2")
case(39, "nameless.csv", csv().replace("text,label", "text,"), 8, says="column_2")
case(40, "bom-header.csv", csv().replace("text,label", " \ufefftext , label "), 8)
case(41, "no-header.csv", "\n".join(DAYS), 8, says="no header")
case(42, "cr.csv", csv().replace("\n", "\r"), 8)
case(43, "mixed-ends.csv", csv().replace("3,yes\n", "3,yes\r\n"), 8)
case(44, "doubled.csv", csv('"he said ""hi""",yes'), 9)
case(44, "backslash.csv", csv('"he said \\"hi\\"",yes'), 9)
case(45, "long-field.csv", csv("x" * 200_000 + ",yes"), 9)
case(46, "commas.csv", 'text,label,price\n"a fine day",yes,"1,234.5"\n"a dull day",no,"12,000"\n', 2, holds="1,234.5")
case(47, "na.csv", "text,label\nNA,yes\nnull,no\nNone,no\n", 3, holds="NA")
case(48, "zeros.csv", "text,label\na day,007\nb day,010\n", 2, holds="007")
case(49, "huge.csv", "text,label,size\na day,yes,1e999\nb day,no,2\n", 2, holds="1e999")
case(50, "formula.csv", "text,label\n\"=cmd|'/c calc'!A1\",yes\n+1+1,no\n", 2, holds="=cmd|'/c calc'!A1")
# JSON
case(51, "comma.json", "[" + ",".join(GOOD) + ",]", None, says="line 1")
case(52, "comments.json", "[\n// days\n" + ",\n".join(GOOD) + "]", None, says="line 2.*no comments")
case(53, "single.jsonl", lines(*["{'text': 'a'}"] * 2), 8, [9, 10], "double quotes")
case(54, "nan.jsonl", lines('{"text": "a", "label": NaN}', '{"text": "b", "label": -Infinity}'), 10, says="no label")
case(55, "object.json", GOOD[0], 1)
case(56, "data.json", '{"data": [' + ",".join(GOOD) + "]}", 8)
case(57, "array.jsonl", "[" + ",".join(GOOD) + "]", 8, says=".jsonl")
case(58, "pretty.jsonl", "\n".join(json.dumps(json.loads(one), indent=1) for one in GOOD), 8)
case(59, "glued.jsonl", "".join(GOOD), 8)
case(60, "cut.jsonl", lines(GOOD[0][:20]), 8, [9], "not valid JSON")
case(61, "key-twice.jsonl", lines('{"text": "a", "text": "b", "label": "no"}'), 8, [9], "twice")
case(61, "key-twice.json", "[\n" + ",\n".join([*GOOD, '{"text": "a", "text": "b"}']) + "]", None, says="line 10.*twice")
case(62, "deep.json", "[" * 100_000 + "]" * 100_000, None, says="nested too deeply")
case(63, "digits.jsonl", lines('{"text": "a", "label": ' + "9" * 5000 + "}"), 8, [9], "number is too long")
case(64, "kinds.jsonl", lines('{"text": 5, "label": "no"}', '{"text": true, "label": "no"}'), 10)
case(65, "missing.jsonl", lines('{"text": "no label here"}'), 9, says="no label")
case(66, "lists.jsonl", lines('{"text": ["a", "b"], "label": "no"}', '{"text": null, "label": "no"}'), 9, [10], "empty")
TURNS = [
    [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes"},
    ],
]
ODD_TURNS = [
    [{"role": "wizard", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    [{"role": "user", "content": "hi"}],
    [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "assistant", "content": "hello"}]


def talks(turns: Sequence[Any]) -> str:
    """Conversations, one per line."""
    return "\n".join(json.dumps({"messages": each}) for each in turns) + "\n"


for number, odd in enumerate(ODD_TURNS):
    case(67, f"odd-turns-{number}.jsonl", talks([*TURNS * 3, odd]), 7, says="1 rows cannot be trained on")
case(67, "two-systems.jsonl", talks([*TURNS * 3, [TURNS[1][0], *TURNS[1]]]), 7)
case(67, "content-parts.jsonl", talks([*TURNS * 3, PARTS]), 7)
MIXED = [
    json.dumps({"messages": TURNS[0]}),
    json.dumps({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}),
    json.dumps({"instruction": "say hi", "input": "", "output": "hello"}),
]
case(68, "mixed-shapes.jsonl", "\n".join(MIXED * 3) + "\n", 9, says="several kinds", holds=TURNS[0])


# parquet, xlsx
def parquet(path: Path, columns: dict[str, Any], cut: int = 0) -> Path:
    """A Parquet file, perhaps without its last bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path)
    path.write_bytes(path.read_bytes()[: -cut or None])
    return path


def kinds(folder: Path) -> Path:
    """Columns of every kind."""
    import datetime
    import decimal

    import pyarrow as pa

    return parquet(folder / "kinds.parquet", {
        "text": pa.array(["a fine day", "a dull day"]).dictionary_encode(),
        "label": [decimal.Decimal("1.50"), decimal.Decimal("2.25")],
        "raw": [b"\xff\x00", b"ok"],
        "when": [datetime.datetime(2026, 1, 2), datetime.datetime(2026, 1, 3)],
        "nested": [{"a": [1, 2]}, {"a": [3]}],
    })  # fmt: skip


def xlsx(path: Path, sheets: int = 1, merge: bool = False) -> Path:
    """A workbook."""
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    page.append(["text", "label"])
    for day in DAYS:
        page.append(day.split(","))
    if merge:
        page.append(['=HYPERLINK("http://example.invalid")', "yes"])
        page.merge_cells("A2:A3")
    for number in range(sheets - 1):
        book.create_sheet(f"more{number}").append(["note"])
    book.save(path)
    return path


def bomb(path: Path, kind: str) -> Path:
    """An archive that grows beyond all measure: 2 GiB of zeros, in a few MB."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(kind, "w", force_zip64=True) as stream,
    ):
        for _ in range(2048):
            stream.write(bytes(1 << 20))
    return path


case(
    69,
    "cut.parquet",
    lambda folder: parquet(folder / "cut.parquet", {"text": ["a", "b"]}, cut=20),
    None,
    says="damaged or cut",
)
case(70, "kinds.parquet", kinds, 2, holds="a fine day")
case(71, "merged.xlsx", lambda folder: xlsx(folder / "merged.xlsx", merge=True), 7, [3, 10], "empty")
case(71, "sheets.xlsx", lambda folder: xlsx(folder / "sheets.xlsx", sheets=2), 8, says="sheet")
case(71, "bomb.xlsx", lambda folder: bomb(folder / "bomb.xlsx", "xl/workbook.xml"), None, says="1 GB")
# content
case(72, "one-class.csv", "text,label\n" + "".join(f"day {n},yes\n" for n in range(8)), 8, says="only one label")
case(72, "float-labels.csv", "text,label\n" + "".join(f"day {n},{n % 2}.0\n" for n in range(8)), 8)
case(72, "each-once.csv", "text,label\n" + "".join(f"day {n},l{n}\n" for n in range(6)), 6, says="only one row")
case(72, "late-label.csv", "text,label,split\n" + "".join(f"day {n},{'ab'[n % 2]},train\n" for n in range(8)) + "x,c,validation\n", 9, says="only in the held-out rows")  # fmt: skip
case(73, "same-columns.csv", "text,label\n" + "good,good\nbad,bad\n" * 4, 8, says="the same as")
case(74, "copies.csv", "text,label\n" + "a fine day,yes\na dull day,no\n" * 8, 16, says="14 of 16 rows repeat")
case(75, "leak.csv", "text,label,split\n" + "".join(f"day {n},{'ab'[n % 2]},train\n" for n in range(8)) + "day 1,b,test\n", 9, says="both in training and held out")  # fmt: skip
case(78, "secrets.csv", csv("write to ann.lee@example.com or +1 415 555 0132,yes", "my key is sk-abcdefghijklmnopqrstuvwxyz0123456789abcd,no"), 10, says="e-mail")  # fmt: skip


# archives
def zipped(path: Path, files: dict[str, str], link: bool = False) -> Path:
    """A zip of these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 if link else 0o100644) << 16
            archive.writestr(entry, content)
    return path


def tarred(path: Path, content: str) -> Path:
    """A tar of one file."""
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("days.csv")
        entry.size = len(content.encode())
        archive.addfile(entry, io.BytesIO(content.encode()))
    return path


def made(folder: Path) -> Path:
    """A folder."""
    folder.mkdir()
    return folder


def locked(folder: Path) -> Path:
    """A zip whose entry says that it is encrypted."""
    path = zipped(folder / "locked.zip", {"days.csv": csv()})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    return path


case(79, "bomb.zip", lambda folder: bomb(folder / "bomb.zip", "days.csv"), None, says="1 GB")
case(79, "slip.zip", lambda folder: zipped(folder / "slip.zip", {"../../evil.csv": csv()}), None, says="outside")
case(
    79,
    "link.zip",
    lambda folder: zipped(folder / "link.zip", {"days.csv": "/etc/passwd"}, link=True),
    None,
    says="link",
)
case(
    79,
    "many.zip",
    lambda folder: zipped(folder / "many.zip", {f"{n}.csv": "" for n in range(20_000)}),
    None,
    says="20000 files",
)
case(79, "locked.zip", locked, None, says="password")
