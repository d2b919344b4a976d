"""A condition or a value written as a formula over the columns. Only names of columns, a few functions and operators mean anything:
there is no attribute, no import, no call of anything else, and no number or text can grow without bounds (simpleeval)."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import regex
from simpleeval import InvalidExpression, SimpleEval

from workbench.core.errors import UserError, shorten
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View, new_name, spoken
from workbench.data.values import as_text

FAULTS = (
    *(InvalidExpression, SyntaxError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(TimeoutError, RecursionError, regex.error),
)
"""What a formula can fail with: no formula at all, a value of another kind, a division by zero, a text that grows too long."""
SECONDS = 1.0
"""Longest time one search may take."""
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "length": lambda value: len(spoken(value)),
    "words": lambda value: len(spoken(value).split()),
    "lower": lambda value: spoken(value).lower(),
    "upper": lambda value: spoken(value).upper(),
    "strip": lambda value: spoken(value).strip(),
    "contains": lambda value, part: as_text(part) in spoken(value),
    "starts": lambda value, part: spoken(value).startswith(as_text(part)),
    "ends": lambda value, part: spoken(value).endswith(as_text(part)),
    "replace": lambda value, old, new: spoken(value).replace(as_text(old), as_text(new))[:1_000_000],
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
    try:
        tree = machine.parse(text.strip())
    except Exception as error:
        raise _wrong(text, str(error)) from error

    def value(row: Row) -> Any:
        machine.names = {**row, "col": row, "true": True, "false": False, "none": None}
        try:
            found = machine.eval(text, previously_parsed=tree)
        except Exception as error:
            raise _wrong(text, f"{type(error).__name__}: {error}") from error
        return found if isinstance(found, (str, int, float, bool, list, dict, type(None))) else as_text(found)

    return value


def _wrong(text: str, why: str) -> UserError:
    return UserError(
        f"expression: “{shorten(text, 60)}” does not work: {shorten(why, 100)}. Mend it, for instance length(text) > 10.",
        f"expression：“{shorten(text, 60)}”不可用：{shorten(why, 100)}。请修改，例如 length(text) > 10。",
        field="expression",
    )


def _matches(text: str, pattern: str) -> bool:
    return regex.search(pattern, text, timeout=SECONDS) is not None
