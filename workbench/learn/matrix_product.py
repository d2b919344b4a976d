"""1.2 The matrix product: which shapes fit, and how each number of the result is made."""

from __future__ import annotations

import re
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, facts, grid, heat, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import chosen, run_that, trained

MOST = 8
Matrix = list[list[float]]
_ROW, _NUMBER = re.compile(r"[;\n；]+"), re.compile(r"[\s,，]+")


class Settings(Section):
    """Two matrices."""

    a: str = knob(
        "1 2 3; 4 5 6",
        Text("A", "A"),
        Text(
            "Numbers with spaces between; a semicolon or a new line begins a row.",
            "数字之间用空格隔开；分号或换行开始新的一行。",
        ),
    )
    b: str = knob("1 0; 0 1; 2 -1", Text("B", "B"), Text("Written like A.", "写法与 A 相同。"))
    row: int = knob(1, Text("Row looked at", "看哪一行"), Text("Of the result.", "结果中的行。"), ge=1, le=MOST)
    column: int = knob(1, Text("Column looked at", "看哪一列"), Text("Of the result.", "结果中的列。"), ge=1, le=MOST)
    swapped: bool = knob(False, Text("B times A", "交换为 B 乘 A"), Text("The other way round.", "换个顺序。"))


def matrix(text: str, field: str) -> Matrix:
    """The rows that are written; UserError when they are no matrix of up to 8 × 8."""
    rows = [[_number(each, field) for each in _NUMBER.split(row.strip())] for row in _ROW.split(text) if row.strip()]
    if not rows or len({len(row) for row in rows}) > 1 or max(len(rows), len(rows[0])) > MOST:
        sizes = ", ".join(str(len(row)) for row in rows) or "0"
        raise UserError(
            f"Every row needs the same count of numbers, {MOST} × {MOST} at most; here the rows have {sizes}. Example: 1 2; 3 4",
            f"每行的数字个数必须相同，最多 {MOST} × {MOST}；现在各行有 {sizes} 个。例如：1 2; 3 4",
            field=field,
        )
    return rows


def _number(text: str, field: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if abs(found) > 1e6 or found != found:
        raise UserError(
            f"“{shorten(text)}” is no number between −1,000,000 and 1,000,000. Example: 1 2; 3 4",
            f"“{shorten(text)}”不是 −1000000 到 1000000 之间的数字。例如：1 2; 3 4",
            field=field,
        )
    return found


def product(left: Matrix, right: Matrix) -> Matrix | None:
    """(n, k) times (k, m) → (n, m); nothing where the inner sizes differ."""
    if len(left[0]) != len(right):
        return None
    return [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*right, strict=True)] for row in left
    ]


@LABS.add
class MatrixProduct(Lab):
    """See the module."""

    kind = "matrix-product"
    stop = "1.2"
    order = 21
    label = Text("The matrix product", "矩阵乘法")
    idea = (
        Text(
            "A layer of a model is a table of weights. What goes in is multiplied by it: every number of the result is one row of A times "
            "one column of B, added up.",
            "模型的一层就是一张权重表。输入与它相乘：结果中的每个数，都是 A 的一行与 B 的一列逐个相乘再相加。",
        ),
        Text(
            "So the inner sizes must be equal, and the outer ones remain: (2 × 3) · (3 × 4) gives 2 × 4. The order matters.",
            "所以内侧的两个大小必须相等，外侧的保留下来：(2 × 3) · (3 × 4) 得到 2 × 4。顺序很重要。",
        ),
        Text(
            "LoRA uses this: a thin (d × r) times a flat (r × d) gives a whole d × d change, with far fewer numbers to learn.",
            "LoRA 用的就是它：细长的 (d × r) 乘扁平的 (r × d)，得到完整的 d × d 改变量，要学的数却少得多。",
        ),
    )
    guess = Guess(
        Text("A is 2 × 3 and B is 3 × 2. Then A·B and B·A …", "A 是 2 × 3，B 是 3 × 2。那么 A·B 与 B·A……"),
        (
            Choice(
                Text("are equal", "相等"),
                Text(
                    "That holds for numbers, not for matrices. Tick “B times A”: even the shape changes.",
                    "数字如此，矩阵不是。勾选“交换为 B 乘 A”：连形状都变了。",
                ),
            ),
            Choice(
                Text("have different shapes: 2 × 2 and 3 × 3", "形状不同：2 × 2 和 3 × 3"),
                Text("Right: the inner sizes go, the outer ones remain.", "对：内侧的大小消去，外侧的保留。"),
                right=True,
            ),
            Choice(
                Text("exist only one way round", "只有一种顺序能算"),
                Text("Both inner pairs fit here: 3 with 3, and 2 with 2.", "两种顺序的内侧都对得上：3 对 3，2 对 2。"),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Let the inner sizes differ", "让内侧大小不相等"), {"b": "1 2; 3 4"})
    source = "Strang, Introduction to Linear Algebra, chapter 2"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        pair = [("A", matrix(knobs.a, "a")), ("B", matrix(knobs.b, "b"))]
        (first, left), (second, right) = reversed(pair) if knobs.swapped else pair
        made = product(left, right)
        shown = [_drawn(first, left), _drawn(second, right)]
        if made is None:
            return [_unfit((first, left), (second, right)), *shown]
        row, column = min(knobs.row, len(made)) - 1, min(knobs.column, len(made[0])) - 1
        return [
            _said(made, (first, left), (second, right)),
            *shown,
            _drawn(f"{first}·{second}", made),
            _cell(left, right, row, column),
            _rank(made),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return any(each["swapped"] for each in touched) and len(touched) >= 3

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train two thin matrices: LoRA of rank 4", "训练两个细长矩阵：秩为 4 的 LoRA")
        return Real(label, "train", {"method.rank": 4}, preset="sentiment-en")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "method.rank"))
        return Trace(trained(run), "runs", run.id) if run else None


def shape(values: Matrix) -> str:
    """Rows × columns."""
    return f"{len(values)} × {len(values[0])}"


def _drawn(name: str, values: Matrix) -> Picture:
    down, across = [str(place + 1) for place in range(len(values))], [str(place + 1) for place in range(len(values[0]))]
    named = (Text("column", "列"), Text("row", "行"))
    title = Text(f"{name}: {shape(values)}", f"{name}：{shape(values)}")
    return heat(title, values, across, down, named, written=True, around_zero=True)


def _said(made: Matrix, left: tuple[str, Matrix], right: tuple[str, Matrix]) -> Picture:
    count = len(made) * len(made[0]) * len(right[1])
    form = f"({shape(left[1])}) · ({shape(right[1])}) → {shape(made)}"
    return told(
        Text(
            f"{left[0]}·{right[0]}: {form}, {count} multiplications.", f"{left[0]}·{right[0]}：{form}，{count} 次乘法。"
        ),
        "good",
    )


def _unfit(left: tuple[str, Matrix], right: tuple[str, Matrix]) -> Picture:
    wide, tall = len(left[1][0]), len(right[1])
    return told(
        Text(
            f"{left[0]} has {wide} columns and {right[0]} has {tall} rows: there is nothing for every number to meet. They must be equal.",
            f"{left[0]} 有 {wide} 列，{right[0]} 有 {tall} 行：数字配不成对。两者必须相等。",
        ),
        "bad",
    )


def _cell(left: Matrix, right: Matrix, row: int, column: int) -> Picture:
    pairs = [(x, right[place][column]) for place, x in enumerate(left[row])]
    title = Text(f"Row {row + 1}, column {column + 1}", f"第 {row + 1} 行第 {column + 1} 列")
    columns = [
        Text("from the row", "行中的数"),
        Text("from the column", "列中的数"),
        Text("product", "乘积"),
        Text("sum so far", "累计"),
    ]
    total, rows = 0.0, []
    for x, y in pairs:
        total += x * y
        rows.append([f"{x:g}", f"{y:g}", f"{x * y:g}", f"{total:g}"])
    return grid(columns, rows, title)


def _rank(made: Matrix) -> Picture:
    import numpy as np

    rank = int(np.linalg.matrix_rank(np.array(made)))
    return facts([(Text("Rank of the result (rows that say something new)", "结果的秩（有几行说了新东西）"), rank)])
