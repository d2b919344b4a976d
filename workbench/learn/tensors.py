"""2.1 Tensors: an operation on two shapes; what fits, what is stretched, and what PyTorch says where it does not."""

from __future__ import annotations

import re
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, code, grid, heat, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import chosen, run_that, trained

MOST, AXES, DRAWN = 512, 4, 8
"""Largest size of an axis, number of axes, and largest axis that is drawn."""
OPERATIONS = (
    ("add", Text("A + B", "A + B")),
    ("matmul", Text("A @ B (matrix product)", "A @ B（矩阵乘法）")),
    ("cat", Text("torch.cat([A, B]) (along the first axis)", "torch.cat([A, B])（沿第一个轴）")),
    ("reshape", Text("A.reshape(B)", "A.reshape(B)")),
    ("transpose", Text("A.transpose(-1, -2)", "A.transpose(-1, -2)")),
)
LINES = {
    "add": "c = a + b",
    "matmul": "c = a @ b",
    "cat": "c = torch.cat([a, b])",
    "reshape": "c = a.reshape({b})",
    "transpose": "c = a.transpose(-1, -2)",
}


class Settings(Section):
    """Two shapes and what is done with them."""

    operation: str = knob("add", Text("Operation", "运算"), Text("What is done.", "做什么。"), choices=OPERATIONS)
    a: str = knob(
        "3, 1", Text("Shape of A", "A 的形状"), Text("Up to four sizes, e.g. 2, 3.", "最多四个大小，例如 2, 3。")
    )
    b: str = knob("1, 4", Text("Shape of B", "B 的形状"), Text("Written like that of A.", "写法与 A 相同。"))


def shape(text: str, field: str, free: bool = False) -> list[int]:
    """The sizes that are written; −1 is one only where it is `free`. UserError otherwise."""
    pieces = [piece for piece in re.split(r"[\s,，×x()\[\]]+", text) if piece]
    fits = all(re.fullmatch(r"\d{1,4}", each) or (free and each == "-1") for each in pieces)
    sizes = [int(piece) for piece in pieces] if fits else []
    if not 1 <= len(sizes) <= AXES or max(sizes) > MOST or 0 in sizes:
        raise UserError(
            f"“{shorten(text)}” is no shape: give 1 to {AXES} whole numbers from 1 to {MOST}, e.g. 2, 3.",
            f"“{shorten(text)}”不是形状：请给出 1 到 {AXES} 个 1 到 {MOST} 的整数，例如 2, 3。",
            field=field,
        )
    return sizes


def done(operation: str, a: list[int], b: list[int]) -> tuple[Any, Any, Any, str]:
    """(A, B, the result or nothing, what PyTorch says where there is none); A and B count up from 0."""
    import math

    import torch

    if math.prod(a) > MOST * MOST or (operation != "reshape" and math.prod(b) > MOST * MOST):
        raise UserError(
            f"That is more than {MOST * MOST:,} numbers; choose smaller sizes.",
            f"超过了 {MOST * MOST:,} 个数；请选小一些的形状。",
            field="a",
        )
    left = torch.arange(math.prod(a), dtype=torch.float32).reshape(a)
    right = (
        None if operation in ("reshape", "transpose") else torch.arange(math.prod(b), dtype=torch.float32).reshape(b)
    )
    try:
        return left, right, _result(operation, left, right, b), ""
    except (RuntimeError, IndexError) as error:
        return left, right, None, f"{type(error).__name__}: {str(error).splitlines()[0]}"


def _result(operation: str, left: Any, right: Any, wanted: list[int]) -> Any:
    import torch

    if operation == "add":
        made = left + right
        if made.numel() > MOST * MOST:
            raise UserError(
                "The result is too large to be looked at; choose smaller sizes.",
                "结果太大，无法查看；请选小一些的形状。",
                field="b",
            )
        return made
    if operation == "matmul":
        return left @ right
    if operation == "cat":
        return torch.cat([left, right])
    return left.reshape(wanted) if operation == "reshape" else left.transpose(-1, -2)


@LABS.add
class Tensors(Lab):
    """See the module."""

    kind = "tensors"
    stop = "2.1"
    order = 40
    label = Text("Tensors and shapes", "张量与形状")
    idea = (
        Text(
            "A tensor is a block of numbers with a shape. A batch of 16 texts of 40 tokens with 256 numbers each has the shape (16, 40, 256).",
            "张量就是一块有形状的数。一批 16 段文字、每段 40 个词元、每个词元 256 个数，形状就是 (16, 40, 256)。",
        ),
        Text(
            "Broadcasting: shapes are laid on one another from the right. Sizes fit when they are equal or one is 1; the 1 is stretched, "
            "without copying.",
            "广播：两个形状从右边对齐。大小相等，或其中一个是 1，就合得上；1 会被拉伸，而不会真的复制。",
        ),
        Text(
            "Most errors in training are shapes that do not fit. The message names both; read it from the right.",
            "训练中的大多数错误是形状对不上。报错里写着两个形状；从右边开始读。",
        ),
    )
    guess = Guess(
        Text("A has the shape (3, 1), B has (1, 4). A + B …", "A 的形状是 (3, 1)，B 是 (1, 4)。A + B……"),
        (
            Choice(
                Text("is an error: the shapes differ", "报错：形状不同"),
                Text(
                    "Different is allowed where one of the sizes is 1: it is stretched.",
                    "只要其中一个大小是 1 就可以不同：它会被拉伸。",
                ),
            ),
            Choice(
                Text("has the shape (3, 4)", "形状是 (3, 4)"),
                Text(
                    "Right: 1 is stretched to 4, and 1 to 3. Every number of A meets every number of B.",
                    "对：1 拉伸成 4，另一个 1 拉伸成 3。A 的每个数都与 B 的每个数相遇。",
                ),
                right=True,
            ),
            Choice(
                Text("has the shape (4, 5)", "形状是 (4, 5)"),
                Text(
                    "Shapes are never added; each axis is the larger of the two.",
                    "形状不会相加；每个轴取两者中较大的。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("Multiply what does not fit", "相乘对不上的形状"), {"operation": "matmul", "a": "2, 3", "b": "4, 3"}
    )
    far = True
    source = "PyTorch documentation: Broadcasting semantics"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        a, b = shape(knobs.a, "a"), shape(knobs.b, "b", knobs.operation == "reshape")
        left, right, made, said = done(knobs.operation, a, b)
        pictures = [_said(knobs.operation, a, b, made, said), _line(knobs.operation, a, b, made, said)]
        if knobs.operation == "add" or (knobs.operation == "matmul" and min(len(a), len(b)) > 1):
            pictures.append(_aligned(knobs.operation, a, b))
        drawn = [_drawn("A", left), _drawn("B", right), _drawn("C", made)]
        return [*pictures, *(each for each in drawn if each)]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["operation"] for each in touched}) >= 2 and len(touched) >= 3

    def real(self, workspace: Workspace) -> Real:
        label = Text("Choose the shape of real batches", "选择真实批次的形状")
        draft = {"training.per_device_train_batch_size": 8, "task.max_length": 64}
        return Real(label, "train", draft, preset="sentiment-en")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "training.per_device_train_batch_size"))
        return Trace(trained(run), "runs", run.id) if run else None


def _written(sizes: Any) -> str:
    sizes = list(sizes)
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"


def _line(operation: str, a: list[int], b: list[int], made: Any, said: str) -> Picture:
    second = [] if operation in ("reshape", "transpose") else [f"b = torch.arange({_count(b)}.).reshape{_written(b)}"]
    lines = [f"a = torch.arange({_count(a)}.).reshape{_written(a)}", *second, LINES[operation].format(b=_written(b))]
    end = f"# c.shape: {_written(made.shape)}" if made is not None else f"# {said}"
    return code("\n".join([*lines, end]), marked=[len(lines) + 1])


def _count(sizes: list[int]) -> int:
    import math

    return math.prod(sizes)


def _said(operation: str, a: list[int], b: list[int], made: Any, said: str) -> Picture:
    if made is not None:
        return told(
            Text(
                f"The result has the shape {_written(made.shape)}: {made.numel():,} numbers.",
                f"结果的形状是 {_written(made.shape)}：{made.numel():,} 个数。",
            ),
            "good",
        )
    why = _why(operation, a, b)
    return told(Text(f"PyTorch says: “{said}”. {why.en}", f"PyTorch 报错：“{said}”。{why.zh}"), "bad")


def _why(operation: str, a: list[int], b: list[int]) -> Text:
    """What the message means for these shapes."""
    inner = b[-2] if len(b) > 1 else b[-1]
    if operation == "matmul" and a[-1] != inner:
        return Text(
            f"The columns of A ({a[-1]}) must be as many as the rows of B ({inner}); b.transpose(-1, -2) often repairs it.",
            f"A 的列数（{a[-1]}）必须等于 B 的行数（{inner}）；常常用 b.transpose(-1, -2) 就能修好。",
        )
    if operation == "reshape":
        return Text(
            f"A holds {_count(a)} numbers; the new shape must hold just as many. One size may be −1: it is then computed.",
            f"A 有 {_count(a)} 个数，新形状必须正好装下这么多。可以有一个大小写 −1，由它自动算出。",
        )
    if operation == "cat":
        return Text(
            "Both need the same number of axes, and equal sizes on all axes but the first.",
            "两者的轴数必须相同，并且除第一个轴外大小都相等。",
        )
    if operation == "transpose":
        return Text("There are no two axes to swap.", "没有两个轴可以交换。")
    return Text(
        "Laid on one another from the right, one pair of sizes differs and neither is 1.",
        "从右边对齐后，有一对大小不同，且都不是 1。",
    )


def _aligned(operation: str, a: list[int], b: list[int]) -> Picture:
    """Axis by axis from the right; of a matrix product the leading axes."""
    count = max(len(a), len(b))
    wide = [[""] * (count - len(each)) + list(each) for each in (a, b)]
    inner = operation == "matmul"
    rows: list[list[Any]] = []
    for place in range(count):
        x, y, last = wide[0][place], wide[1][place], count - place
        verdict = _inner(last, a, b) if inner and last <= 2 else _fits(x or 1, y or 1)
        rows.append([f"−{last}", x or "–", y or "–", verdict])
    return grid(
        [Text("axis from the right", "从右数的轴"), "A", "B", Text("so", "结果")],
        rows,
        Text("Laid on one another", "对齐来看"),
    )


def _fits(x: Any, y: Any) -> Text:
    if x == y:
        return Text(f"equal: {x}", f"相等：{x}")
    if 1 in (x, y):
        return Text(f"1 is stretched to {max(x, y)}", f"1 拉伸为 {max(x, y)}")
    return Text(f"✗ {x} and {y} do not fit", f"✗ {x} 与 {y} 对不上")


def _inner(last: int, a: list[int], b: list[int]) -> Text:
    if last == 2:
        return Text(f"A gives the rows: {a[-2]}", f"A 决定行数：{a[-2]}")
    mark = "" if a[-1] == b[-2] else "✗ "
    return Text(
        f"{mark}B gives the columns: {b[-1]}; A's {a[-1]} must meet B's {b[-2]}",
        f"{mark}B 决定列数：{b[-1]}；A 的 {a[-1]} 要对上 B 的 {b[-2]}",
    )


def _drawn(name: str, tensor: Any) -> Picture | None:
    """A heat map of a tensor of one or two axes that is small enough."""
    if tensor is None or tensor.dim() > 2 or max(tensor.shape) > DRAWN:
        return None
    values = tensor.reshape(1, -1) if tensor.dim() == 1 else tensor
    down, across = ([str(each) for each in range(size)] for size in values.shape)
    title = Text(f"{name} {_written(tensor.shape)}", f"{name} {_written(tensor.shape)}")
    return heat(
        title,
        values.tolist(),
        across,
        down,
        (Text("last axis", "最后一个轴"), Text("first axis", "第一个轴")),
        written=True,
    )
