"""A condition or a value written as a formula over the columns. Only names of columns, a few functions and operators mean anything:
there is no attribute, no import, no call of anything else, and no number or text can grow without bounds (simpleeval)."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from simpleeval import (
    FunctionNotDefined,
    InvalidExpression,
    IterableTooLong,
    NameNotDefined,
    NumberTooHigh,
    OperatorNotDefined,
    SimpleEval,
)

from workbench.core.errors import UserError, shorten
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.pattern import SECONDS, Unfit, compiled
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View, new_name, spoken
from workbench.data.values import as_text

LONGEST = 1_000_000
"""Characters of a text that `replace` makes."""
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "length": lambda value: len(spoken(value)),
    "words": lambda value: len(spoken(value).split()),
    "lower": lambda value: spoken(value).lower(),
    "upper": lambda value: spoken(value).upper(),
    "strip": lambda value: spoken(value).strip(),
    "contains": lambda value, part: as_text(part) in spoken(value),
    "starts": lambda value, part: spoken(value).startswith(as_text(part)),
    "ends": lambda value, part: spoken(value).endswith(as_text(part)),
    "replace": lambda value, old, new: _replaced(spoken(value), as_text(old), as_text(new)),
    "matches": lambda value, pattern: _matches(spoken(value), as_text(pattern)),
    "number": lambda value: float(as_text(value) or "nan"),
    "text": as_text,
    "empty": lambda value: not spoken(value).strip(),
    "round": lambda value, digits=0: round(value, int(digits)),
    "min": min,
    "max": max,
}
"""What may be called."""


class ExpressionSection(StepSection):
    """The formula, and where its value goes."""

    kind: str = "expression"
    expression: str = knob(
        "",
        Text("Formula", "公式"),
        Text(
            'Column names, numbers, "text", + - * / % < <= == != in, and or not, a if b else c; functions: '
            + ", ".join(FUNCTIONS)
            + '. A name with spaces: col["my column"].',
            '列名、数字、"文字"、+ - * / % < <= == != in、and or not、a if b else c；函数：'
            + "、".join(FUNCTIONS)
            + '。带空格的列名：col["我的列"]。',
        ),
        example='length(text) > 10 and not contains(text, "http")',
    )
    into: str = knob(
        "",
        Text("Into column", "写入列"),
        Text("Empty: keep the rows for which the formula is true. Else the column its value is written to.", "留空：只保留公式为真的行；否则把结果写入该列。"),
        example="size",
    )  # fmt: skip


@CLEANING.add
class Expression(Step):
    """A formula."""

    kind = "expression"
    order = 9
    label = Text("Formula", "公式")
    help = Text(
        "Keeps the rows for which a formula is true, or writes its value into a column.",
        "保留公式为真的行，或把公式的值写入一列。",
    )
    section = ExpressionSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Row by row."""
        value, into = _compiled(section.expression), section.into.strip()
        if not into:
            no = Text("the formula is not true for it", "公式对此行不成立")
            return Outcome([row if value(row) else no for row in rows])
        into = new_name(into)
        made: list[Row | Text] = []
        for row in rows:
            found = value(row)
            same = into in row and row[into] == found and type(row[into]) is type(found)
            made.append(row if same else {**row, into: found})
        return Outcome(made, columns=() if into in view.columns else (into,))


def _compiled(text: str) -> Callable[[Row], Any]:
    """From a row to the formula's value; UserError for what is no formula, or fails on a row."""
    if not text.strip() or len(text) > 2000:
        raise UserError(
            "expression: write a formula, for instance length(text) > 10.",
            "expression：请填写公式，例如 length(text) > 10。",
            field="expression",
        )
    machine = SimpleEval(functions=FUNCTIONS)
    for banned in (ast.Attribute, ast.JoinedStr, ast.FormattedValue):
        machine.nodes.pop(banned, None)
    machine.operators.pop(ast.Pow, None)
    machine.operators[ast.Mod] = _rest
    try:
        tree = machine.parse(text.strip())
    except Exception as error:
        raise _wrong(text, _why(error)) from error

    def value(row: Row) -> Any:
        machine.names = {**row, "col": row, "true": True, "false": False, "none": None}
        try:
            found = machine.eval(text, previously_parsed=tree)
        except Exception as error:
            raise _wrong(text, _why(error)) from error
        if isinstance(found, float) and not math.isfinite(found):
            return None
        return found if isinstance(found, (str, int, float, bool, list, dict, type(None))) else as_text(found)

    return value


REASONS: tuple[tuple[type[BaseException], Text], ...] = (
    (OperatorNotDefined, Text("this operator is not allowed", "不允许使用此运算符")),
    (NumberTooHigh, Text("a number grows too large", "数字过大")),
    (IterableTooLong, Text("a text or list grows too long", "文字或列表过长")),
    (InvalidExpression, Text("this is not allowed in a formula", "公式中不允许这种写法")),
    (SyntaxError, Text("it is not written as a formula", "写法不是公式")),
    (ZeroDivisionError, Text("a division by zero", "除数为零")),
    (TimeoutError, Text(f"a search takes more than {SECONDS:g} s", f"查找耗时超过 {SECONDS:g} 秒")),
    (RecursionError, Text("it is nested too deeply", "嵌套过深")),
    (LookupError, Text("there is no such entry", "没有这一项")),
    (TypeError, Text("values of kinds that do not go together, such as text and number", "取值类型不符，例如文字与数字")),
    (ValueError, Text("a value that does not fit, such as a text where a number is needed", "取值不合适，例如需要数字却是文字")),
)  # fmt: skip
"""What a formula can fail with, the special before the general."""


def _why(error: Exception) -> Text:
    if isinstance(error, FunctionNotDefined):
        name = shorten(error.func_name, 30)
        return Text(f"unknown function {name}", f"未知的函数 {name}")
    if isinstance(error, NameNotDefined):
        name = shorten(error.name, 30)
        return Text(f"there is no column {name}", f"没有“{name}”列")
    if isinstance(error, Unfit):
        return error.text
    unknown = Text("it cannot be worked out", "无法计算")
    return next((why for kind, why in REASONS if isinstance(error, kind)), unknown)


def _wrong(text: str, why: Text) -> UserError:
    return UserError(
        f"expression: “{shorten(text, 60)}” does not work: {why.en}. Mend it, for instance length(text) > 10.",
        f"expression：“{shorten(text, 60)}”不可用：{why.zh}。请修改，例如 length(text) > 10。",
        field="expression",
    )


def _rest(one: Any, other: Any) -> Any:
    """Of numbers only: of a text, % would write it out, to any width."""
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        raise TypeError("%")
    return one % other


def _replaced(text: str, old: str, new: str) -> str:
    if len(text) + text.count(old) * len(new) > LONGEST:
        raise IterableTooLong("replace")
    return text.replace(old, new)


def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text, timeout=SECONDS) is not None


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> Any:
    return compiled(pattern)
