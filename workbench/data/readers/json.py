"""JSON: an array of objects, an object that holds one ({"data": […]}), columns of equal length, or objects one after another."""

from __future__ import annotations

import json
import re
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.data.jsontext import CAUSES, DECODER, Twice, explain, skip_blank
from workbench.data.table import READERS, Reader, Source, Table, records_table

_START = re.compile(r"""\s*(\[\s*["'{\[\]\d/-]|\{\s*["'}/])""")
Records = list[tuple[int, Any]]


@READERS.add
class Json(Reader):
    """One JSON value."""

    kind = "json"
    label = Text("JSON", "JSON")
    order = 30
    extensions = (".json",)

    def claims(self, source: Source) -> bool:
        """The text begins like an array or an object."""
        return bool(_START.match(source.text))

    def read(self, source: Source) -> Table:
        """The rows in it; a broken file is refused as a whole, with line and column."""
        try:
            records = _records(source)
        except CAUSES as error:
            line = getattr(error, "lineno", 1)
            what, start = explain(error), _quoted(source.text, line)
            raise source.error(
                f"line {line}: not valid JSON: {what.en}, near “{start}”. Mend that place and import the file again.",
                f"第 {line} 行：不是有效的 JSON：{what.zh}，“{start}”附近。请修正后重新导入。",
            ) from error
        return records_table(source, records, [], self.kind)


def _quoted(text: str, line: int) -> str:
    lines = text.split("\n", line)
    return shorten(lines[line - 1].strip() if line <= len(lines) else "")


def _records(source: Source) -> Records:
    text = source.text
    start = skip_blank(text, 0)
    if text[start] == "[":
        records, end = _items(text, start, 1 + text.count("\n", 0, start))
        if skip_blank(text, end) < len(text):
            raise json.JSONDecodeError("Extra data", text, skip_blank(text, end))
        return records
    value, end = _decoded(text, start)
    if skip_blank(text, end) < len(text):
        return _concatenated(text, start)
    return _of_object(source, value)


def _decoded(text: str, index: int) -> tuple[Any, int]:
    """A value and where it ends; an error that knows no line gets that of the value."""
    try:
        return DECODER.raw_decode(text, index)
    except Twice as error:
        error.lineno = 1 + text.count("\n", 0, index)
        raise


def _items(text: str, start: int, line: int) -> tuple[Records, int]:
    """The items of the array that opens at `start`, each with the line it begins in, and where the array ends."""
    records: Records = []
    seen, index = start, skip_blank(text, start + 1)
    if text[index : index + 1] == "]":
        return records, index + 1
    while True:
        value, end = _decoded(text, index)
        line += text.count("\n", seen, index)
        records.append((line, value))
        seen, index = index, skip_blank(text, end)
        if text[index : index + 1] == "]":
            return records, index + 1
        if text[index : index + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, index)
        index = skip_blank(text, index + 1)


def _concatenated(text: str, index: int) -> Records:
    records: Records = []
    line, seen = 1, 0
    while index < len(text):
        value, end = _decoded(text, index)
        line += text.count("\n", seen, index)
        records.append((line, value))
        seen, index = index, skip_blank(text, end)
    return records


def _of_object(source: Source, value: dict[str, Any]) -> Records:
    """The rows inside one object: its only list of objects, else its columns, else the object itself."""
    lists = {key: item for key, item in value.items() if isinstance(item, list)}
    tables = [key for key, item in lists.items() if item and all(isinstance(row, dict) for row in item)]
    if len(tables) == 1 and not _is_chat(value[tables[0]]):
        return _located(source.text, tables[0], value[tables[0]])
    lengths = {len(item) for item in lists.values()}
    if lists and len(lists) == len(value) and len(lengths) == 1 and not tables:
        return [(1, dict(zip(lists, row, strict=True))) for row in zip(*lists.values(), strict=True)]
    if len(tables) > 1:
        names = ", ".join(tables)
        raise source.error(
            f"there are several tables in it ({shorten(names)}); keep one per file.",
            f"其中有多个表（{shorten(names)}）；每个文件只保留一个。",
        )
    return [(1, value)]


def _is_chat(rows: list[Any]) -> bool:
    return "role" in rows[0] or "from" in rows[0]


def _located(text: str, key: str, rows: list[Any]) -> Records:
    """Rows with their lines, found again at the key; a key that occurs twice leaves them at line 1."""
    found = list(re.finditer(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:\s*(?=\[)", text))
    if len(found) != 1:
        return [(1, row) for row in rows]
    start = found[0].end()
    return _items(text, start, 1 + text.count("\n", 0, start))[0]
