"""Regular expressions a person writes: bounded before they are compiled, because compiling cannot be stopped, and what is wrong with
one said in both languages. Searching is stopped by the `timeout` of the regex package."""

from __future__ import annotations

import re
from typing import Any

import regex

from workbench.core.text import Text

SECONDS = 1.0
"""Longest time one search may take."""
LONGEST, HEAVIEST = 2000, 100_000
"""Characters of a pattern, and of what it stands for once every {n} is written out."""
_TOKEN = re.compile(r"\\[pPN]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d*)(?:,(\d*))?\}|.", re.S)
_VERBOSE = re.compile(r"\(\?[A-Za-z01]*[xX]")
_WRONG = (
    ("missing )", "缺少右括号 )"),
    ("unbalanced parenthesis", "多了右括号 )"),
    ("unterminated character set", "缺少右方括号 ]"),
    ("nothing to repeat", "重复符号前没有内容"),
    ("multiple repeat", "连续写了两个重复符号"),
    ("min repeat greater", "重复次数的下限大于上限"),
    ("bad escape", "反斜杠后的写法无效"),
    ("incomplete escape", "转义不完整"),
    ("bad character range", "字符范围前后颠倒"),
    ("invalid group reference", "引用了不存在的分组"),
    ("unknown group", "引用了不存在的分组"),
    ("unknown property", "未知的字符属性"),
    ("unknown extension", "括号后的 (? 写法未知"),
    ("bad character in group name", "分组名称无效"),
    ("missing group name", "缺少分组名称"),
    ("missing >", "分组名称缺少 >"),
)


class Unfit(ValueError):
    """A pattern that is not used; `text` says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def compiled(pattern: str, flags: int = 0) -> Any:
    """The pattern; Unfit when it is none, or too large."""
    if len(pattern) > LONGEST or weight(pattern) > HEAVIEST:
        raise Unfit(Text("it is too long, or its repetitions multiply to too much", "太长，或重复次数相乘过大"))
    try:
        return regex.compile(pattern, flags)
    except (regex.error, IndexError, OverflowError, RecursionError) as error:
        raise Unfit(wrong(error)) from error


def weight(pattern: str) -> int:
    """How long a pattern is once every {n} is written out. With comments allowed in it, what a {n} repeats is not looked for: all of
    its group counts."""
    verbose = _VERBOSE.search(pattern) is not None
    groups, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        if token[0] == "(":
            groups.append(0)
            last = 0
        elif token[1] is not None or token[2] is not None:
            times = max((int(each) for each in (token[1], token[2]) if each), default=1)
            more = max(1, groups[-1] if verbose else last) * max(0, times - 1)
            groups[-1], last = groups[-1] + more, last + more
        else:
            last = groups.pop() + 1 if token[0] == ")" and len(groups) > 1 else 1
            groups[-1] += last
    return sum(groups)


def wrong(error: BaseException) -> Text:
    """What a compiler said, and where, as a part of a sentence."""
    said = getattr(error, "msg", None) or str(error)
    place = getattr(error, "pos", None)
    zh = next((zh for en, zh in _WRONG if said.startswith(en)), "正则表达式有误")
    if place is None:
        return Text(said, zh)
    return Text(f"{said} (at character {place + 1})", f"{zh}（第 {place + 1} 个字符处）")
