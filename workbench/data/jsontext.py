"""What the JSON and JSONL readers share: one strict decoder, and broken JSON explained in both languages."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text


class Twice(ValueError):
    """A key that stands twice in one object: which of the two values is meant cannot be known."""

    lineno = 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Twice(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return made


DECODER = json.JSONDecoder(parse_constant=lambda constant: None, object_pairs_hook=_once)
"""NaN and Infinity, which are not JSON but which pandas writes for “no value”, become None."""
BLANK = re.compile(r"[ \t\r\n]*")
_ZH = (
    ("Expecting ',' delimiter", "缺少逗号"),
    ("Expecting ':' delimiter", "缺少冒号"),
    ("Expecting value", "缺少值"),
    ("Expecting property name", "键名应使用双引号"),
    ("Unterminated string", "字符串缺少结束的双引号"),
    ("Extra data", "后面有多余内容"),
    ("Invalid control character", "字符串中有控制字符"),
    ("Invalid \\", "无效的转义"),
    ("Illegal trailing comma", "末尾有多余逗号"),
)
_FOREIGN = (
    ("'", "JSON needs double quotes, not single ones", "JSON 应使用双引号，而不是单引号"),
    ("//", "JSON has no comments", "JSON 不支持注释"),
    ("/*", "JSON has no comments", "JSON 不支持注释"),
)
CAUSES = (ValueError, RecursionError)
"""What the decoder raises for a text that is no JSON, too deep or with a number of thousands of digits."""


def explain(error: BaseException) -> Text:
    """The end of a sentence: what is wrong and in which column."""
    if isinstance(error, RecursionError):
        return Text("nested too deeply", "嵌套过深")
    if isinstance(error, Twice):
        key = shorten(error, 30)
        return Text(f"the key “{key}” stands twice in one object", f"键“{key}”在同一对象中出现两次")
    if not isinstance(error, json.JSONDecodeError):
        return Text("a number is too long", "数字过长")
    for mark, en, zh in _FOREIGN:
        if error.doc.startswith(mark, error.pos):
            return Text(f"{en} (column {error.colno})", f"{zh}（第 {error.colno} 列）")
    zh = next((zh for en, zh in _ZH if error.msg.startswith(en)), error.msg)
    return Text(f"{error.msg} (column {error.colno})", f"{zh}（第 {error.colno} 列）")


def broken(error: BaseException) -> Text:
    """The reason why a line was refused."""
    what = explain(error)
    return Text(f"not valid JSON: {what.en}", f"不是有效的 JSON：{what.zh}")


def skip_blank(text: str, index: int) -> int:
    """The position of the next character that is not white space."""
    found = BLANK.match(text, index)
    return found.end() if found else index
