"""What a person should hear about a table before training on it: each a sentence with numbers, none an obstacle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.data.convert import convert
from workbench.data.names import HELD_OUT, normal
from workbench.data.profile import profile
from workbench.data.roles import Guess
from workbench.data.step import CLEANING, mended
from workbench.data.table import Table
from workbench.data.values import as_text

PROBE = 5000
"""Rows that are looked at for what cannot be trained on and for secrets."""
MANY = 0.05
"""Share of rows with a text that occurred before from which on it is said."""


def advice(table: Table, guessed: Guess, roles: dict[str, str]) -> list[Text]:
    """Everything worth saying."""
    return [*_unclear(guessed, roles), *_labels(table, roles), *_copies(table, roles), *_secrets(table), *_unusable(table, guessed, roles)]  # fmt: skip


def _unclear(guessed: Guess, roles: dict[str, str]) -> Iterator[Text]:
    if guessed.task is None and len(roles) < 2:
        yield Text(
            "the columns do not show what is to be learned; say which column has which role before training",
            "无法从列中看出要学什么；训练前请指明各列的角色",
        )


def _labels(table: Table, roles: dict[str, str]) -> Iterator[Text]:
    """Labels that are missing, all the same, given once only, or never seen in training."""
    column = {role: name for name, role in roles.items()}
    if "label" not in column:
        return
    given = [as_text(row.get(column["label"])).strip() for row in table.rows]
    if bare := [index for index, label in enumerate(given) if not label]:
        line = table.line(bare[0])
        yield Text(
            f"{len(bare)} rows have no label (the first in line {line}); they are kept, but not trained on",
            f"{len(bare)} 行没有标签（第一处在第 {line} 行）；会保留，但不参与训练",
        )
    held = [normal(as_text(row.get(column.get("split", "")))) in HELD_OUT for row in table.rows]
    trained = Counter(label for label, out in zip(given, held, strict=True) if label and not out)
    if len(trained) == 1:
        only = shorten(next(iter(trained)), 30)
        yield Text(
            f"there is only one label, “{only}”: nothing can be told apart", f"只有一个标签“{only}”：无法学会区分"
        )
    if once := [label for label, count in trained.items() if count == 1]:
        yield Text(
            f"{len(once)} labels have only one row to learn from ({shorten(', '.join(once))})",
            f"{len(once)} 个标签只有一行可供学习（{shorten('、'.join(once))}）",
        )
    if unseen := sorted({label for label in given if label} - trained.keys()):
        yield Text(
            f"{len(unseen)} labels stand only in the held-out rows ({shorten(', '.join(unseen))}); they cannot be learned",
            f"{len(unseen)} 个标签只出现在留出的行中（{shorten('、'.join(unseen))}）；无法学到",
        )
    for name, role in roles.items():
        if role in ("text", "text_pair") and all(
            as_text(row.get(name)).strip() == label for row, label in zip(table.rows, given, strict=True)
        ):
            yield Text(
                f"column “{shorten(name)}” is the same as the label in every row; there is nothing to learn",
                f"“{shorten(name)}”列与标签在每一行都相同；没有可学的内容",
            )


def _copies(table: Table, roles: dict[str, str]) -> Iterator[Text]:
    if not roles:
        return
    found = profile(table.rows, roles)
    if found.duplicates > MANY * found.rows:
        yield Text(
            f"{found.duplicates:,} of {found.rows:,} rows repeat the text of an earlier row; cleaning can drop them",
            f"{found.rows:,} 行中有 {found.duplicates:,} 行与前面某行的文字相同；可在清洗中去除",
        )
    if found.overlap:
        yield Text(
            f"{found.overlap:,} texts are both in training and held out, so results would look better than they are; "
            "cleaning (leakage) can drop them",
            f"{found.overlap:,} 条文字同时出现在训练和留出部分，结果会虚高；可在清洗（泄漏）中去除",
        )


def _secrets(table: Table) -> Iterator[Text]:
    """E-mail addresses, numbers and keys, as the step that masks them finds them."""
    step = CLEANING.get("mask_private")
    mend = step.mender(step.section(kind=step.kind))  # type: ignore[attr-defined]
    rows = [
        index for index, row in enumerate(table.rows[:PROBE]) if any(_differs(value, mend) for value in row.values())
    ]
    if rows:
        line = table.line(rows[0])
        yield Text(
            f"{len(rows)} rows hold e-mail addresses, phone numbers, keys or the like (the first in line {line}); a model may repeat "
            "them; cleaning can mask them",
            f"{len(rows)} 行含有邮箱、电话、密钥等（第一处在第 {line} 行）；模型可能复述它们；可在清洗中隐去",
        )


def _differs(value: Any, mend: Any) -> bool:
    return isinstance(value, (str, list)) and mended(value, mend) != value


def _unusable(table: Table, guessed: Guess, roles: dict[str, str]) -> Iterator[Text]:
    """What of it could not be trained on, by the guessed task."""
    if guessed.task is None or roles != guessed.roles or guessed.task not in TASKS.kinds():
        return
    try:
        dropped = convert(table.rows[:PROBE], roles, table.columns, TASKS.get(guessed.task)).dropped
    except UserError as error:
        yield error.text
        return
    for reason, count in Counter(item.reason for item in dropped if item.reason.en != "label is empty").items():
        yield Text(f"{count} rows cannot be trained on: {reason.en}", f"{count} 行无法用于训练：{reason.zh}")
