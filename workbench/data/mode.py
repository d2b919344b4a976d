"""A way to label a row by hand: what is shown of it, which labels are possible, and what a label makes of the row.

Texts are cut into pieces once, here: words of letters with an alphabet, single characters otherwise, an emoji in one piece.
A span is a range of pieces, so that no count of bytes, code units or code points can drift between browser and disk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from workbench.core.errors import UserError
from workbench.core.registry import Registry
from workbench.core.text import Text
from workbench.data.step import View, spoken
from workbench.data.values import as_text

Row = dict[str, Any]
Value = dict[str, Any]
Piece = tuple[int, int, str]
"""Start, end (code points) and the text between."""


def pieces(text: str) -> list[Piece]:
    """The pieces of a text; white space belongs to none."""
    import regex

    found = regex.finditer(r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{N}\p{M}_'’\-]+|\X", text)
    return [(hit.start(), hit.end(), hit.group()) for hit in found if hit.group().strip()]


class Mode(ABC):
    """One way to label."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    tasks: ClassVar[tuple[str, ...]]
    """The tasks it is for."""
    order: ClassVar[int] = 50

    needs: ClassVar[tuple[str, ...]] = ()
    """Roles that must have a column."""
    adds: ClassVar[tuple[str, ...]] = ()
    """Roles a label is written to; where no column has them, one of that name is made."""

    def check(self, view: View) -> None:
        """UserError when the columns do not allow it."""
        for role in self.needs:
            view.column(role)

    def labels(self, rows: list[Row], view: View) -> list[str]:
        """The labels in use; none for ways without any."""
        return []

    @abstractmethod
    def show(self, row: Row, view: View) -> dict[str, Any]:
        """What the board paints: {"parts": [[name, text]…], and "pieces", "text", "sides" as the way needs}, plus "given"."""

    def settled(self, row: Row, value: Value, view: View) -> Value:
        """The label as it is written down: it must mean the same whatever is done to the row by other labels."""
        return value

    @abstractmethod
    def apply(self, row: Row, value: Value, view: View) -> Row:
        """The row with the label; UserError when the value is none of this way's."""


def bad() -> UserError:
    """What is said of a value that is no label."""
    return UserError("This is no label for this row.", "这不是可用于此行的标签。", field="value")


def column_of(view: View, role: str) -> str | None:
    """The column with a role."""
    return next((name for name, has in view.roles.items() if has == role), None)


def added(mode: Mode, view: View) -> dict[str, str]:
    """Columns, with their roles, that a way of labelling writes to and that are not there yet."""
    return {role: role for role in mode.adds if column_of(view, role) is None}


MODES: Registry[Mode] = Registry(Text("way to label", "标注方式"), "workbench.data.modes")


def parts_of(row: Row, view: View) -> list[list[str]]:
    """[column, words] of every column of words that has some."""
    return [[name, spoken(row.get(name))] for name in view.words() if spoken(row.get(name)).strip()]


def listed(value: Any) -> list[str]:
    """A list of texts; a text is cut at its spaces."""
    if isinstance(value, str):
        return value.split()
    return [as_text(each) for each in value] if isinstance(value, list) else []


def ranges_of(value: Value, count: int) -> list[tuple[int, int, str]]:
    """[(start, end, kind)] of a value, in order; UserError when it holds no ranges of so many pieces."""
    spans = value.get("spans")
    if not isinstance(spans, list):
        raise bad()
    made = []
    for span in spans:
        whole = isinstance(span, list) and len(span) == 3 and all(type(each) is int for each in span[:2])
        if not whole or not 0 <= span[0] < span[1] <= count or not isinstance(span[2], str) or len(span[2]) > 60:
            raise bad()
        made.append((span[0], span[1], span[2].strip().replace(" ", "_")))
    return sorted(made)


def spans_of(tags: list[str]) -> list[list[Any]]:
    """[start, end, kind] of every name in BIO, BIOES or BMES tags."""
    spans: list[list[Any]] = []
    for place, tag in enumerate(tags):
        head, _, kind = tag.partition("-")
        open_ = spans and spans[-1][1] == place and spans[-1][2] == kind
        if head in ("I", "M", "E", "L") and open_:
            spans[-1][1] = place + 1
        elif kind:
            spans.append([place, place + 1, kind])
    return spans
