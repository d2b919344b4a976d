"""Files in the encodings people have are read right, and the encoding is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.data.encoding import decode
from workbench.data.readers import read_table

TINY = [
    "标签,文本\n好,很好",
    "标签\n好",
    "姓名,年龄\n张三,20",
    "id,text\n1,很好用",
    "text,label\n差,0\n坏,1",
    "城市,分类\n北京,首都\n",
]
WRITTEN = [
    ("gbk", b"", "gbk"),
    ("utf-8", b"", "utf-8"),
    ("utf-8", b"\xef\xbb\xbf", "utf-8-sig"),
    ("utf-16-le", b"\xff\xfe", "utf-16-le"),
    ("utf-16-be", b"\xfe\xff", "utf-16-be"),
    ("utf-16-le", b"", "utf-16-le"),
    ("utf-16-be", b"", "utf-16-be"),
    ("utf-32-le", b"", "utf-32-le"),
    ("utf-32-be", b"", "utf-32-be"),
    ("utf-32-le", b"\xff\xfe\0\0", "utf-32-le"),
    ("utf-32-be", b"\0\0\xfe\xff", "utf-32-be"),
]


@pytest.mark.parametrize(
    "text", ["day,y\n" * 500 + "a\0b,y\n", "day,y\n" * 500 + "a\0,y\n", "好的,y\n" * 500 + "a\0\0b,y\n"]
)
def test_a_stray_nul_makes_no_utf16_of_a_file(text: str) -> None:
    found = decode(text.encode(), "x.csv")
    assert (found.text, found.encoding) == (text.replace("\0", ""), "utf-8")
    assert found.warning is not None
    assert "NUL" in found.warning.en


@pytest.mark.parametrize("text", TINY)
@pytest.mark.parametrize(("codec", "mark", "named"), WRITTEN)
def test_even_a_tiny_chinese_file_is_read_right(text: str, codec: str, mark: bytes, named: str) -> None:
    found = decode(mark + text.encode(codec), "x.csv")
    assert (found.text, found.encoding) == (text, named)
    assert (found.warning is None) == (named == "utf-8")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["这是一个很好的酒店，我们一定会再来，一次又一次。", "文本，标签\n第一次一个人去北京，一切都好。\n" * 20]
)
def test_chinese_in_utf_16_without_a_mark_and_hardly_an_ascii_sign(text: str, codec: str) -> None:
    found = decode(text.encode(codec), "x.csv")
    assert (found.text, found.encoding) == (text, codec)


@pytest.mark.parametrize("codec", ["utf-32-le", "utf-32-be"])
def test_english_in_utf_32_without_a_mark(codec: str) -> None:
    found = decode("text,label\na fine day 😀,yes\n".encode(codec), "x.csv")
    assert (found.text, found.encoding) == ("text,label\na fine day 😀,yes\n", codec)


@pytest.mark.parametrize(
    "text", ["標籤,文本\n好,很好", "text,label\n這個酒店很好，服務也不錯,正面\n", "id,text\n1,很好用"]
)
def test_big5_is_told_from_gbk(text: str) -> None:
    found = decode(text.encode("cp950"), "x.csv")
    assert (found.text, found.encoding) == (text, "big5")


def test_gb18030_beyond_gbk() -> None:
    text = "文本\n很好的\U00020000字\n"
    found = decode(text.encode("gb18030"), "x.csv")
    assert (found.text, found.encoding) == (text, "gb18030")


@pytest.mark.parametrize("text", ["text,label\ncafé très bon,1\n", "name\nMüller\nGröße\n", "text\n“hi” it’s me\n"])
def test_windows_1252(text: str) -> None:
    found = decode(text.encode("cp1252"), "x.csv")
    assert (found.text, found.encoding) == (text, "cp1252")


def test_the_warning_names_the_encoding(put: Callable[..., Path]) -> None:
    table = read_table(put("a.csv", "标签,文本\n好,很好\n", "gbk"))
    assert table.encoding == "gbk"
    assert any("GBK" in warning.en and "GBK" in warning.zh for warning in table.warnings)


def test_a_damaged_byte_costs_one_row_not_the_file(put: Callable[..., Path]) -> None:
    good = [f"第{number}行很好,1" for number in range(20)]
    lines = [line.encode() for line in ["文本,标签", *good]]
    lines[5] = lines[5][:4] + b"\xff" + lines[5][4:]
    table = read_table(put("a.csv", b"\n".join(lines)))
    assert [item.line for item in table.refused] == [6]
    assert len(table.rows) == 19


def test_half_a_surrogate_in_json_is_refused_with_its_line(put: Callable[..., Path]) -> None:
    lines = ['{"text": "a"}', '{"text": "\\ud800"}', '{"text": "\\ud83d\\ude00"}']
    table = read_table(put("a.jsonl", "\n".join(lines)))
    assert [item.line for item in table.refused] == [2]
    assert table.rows[1]["text"] == "\U0001f600"
