"""2.1 Autograd: a small expression as a graph, its values forwards and its gradients backwards, beside finite differences."""

from __future__ import annotations

import ast
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, code, graph, grid, told
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._expression import Node, backward, differences, leaves, parsed
from workbench.learn._seen import run_that, trained


class Settings(Section):
    """An expression and the values of its leaves."""

    expression: str = knob(
        "tanh(x1*w1 + x2*w2 + b)",
        Text("Expression", "表达式"),
        Text(
            "With + − × ÷ ^ (or as in Python), tanh exp log sin relu sigmoid.",
            "可用 + − × ÷ ^（或 Python 的写法）以及 tanh exp log sin relu sigmoid。",
        ),
    )
    values: str = knob(
        "x1=2, x2=0, w1=-3, w2=1, b=6.8813735870195432",
        Text("Leaves", "叶子的值"),
        Text("A value for each name.", "每个名字一个值。"),
    )
    backwards: int = knob(
        1,
        Text("backward() calls", "调用 backward() 的次数"),
        Text("Each adds its gradients to those that are there.", "每次都把梯度加到已有的梯度上。"),
        ge=1,
        le=3,
    )
    zero: bool = knob(
        False, Text("zero_grad() before each", "每次之前先 zero_grad()"), Text("Empties the gradients.", "清空梯度。")
    )


def _steps(run: Run) -> bool:
    """Whether the gradient's norm was written down."""
    return any(event.kind == "step" and event.get("grad_norm") is not None for event in run.events()[0])


@LABS.add
class Autograd(Lab):
    """See the module."""

    kind = "autograd"
    stop = "2.1"
    order = 41
    label = Text("Autograd", "自动求导")
    idea = (
        Text(
            "While PyTorch computes, it notes what was made of what: a graph. backward() walks it from the end and gives every node its "
            "gradient: how much the end moves when this number moves.",
            "PyTorch 一边计算，一边记下什么由什么得来：一张图。backward() 从末端往回走，给每个节点算出梯度：这个数动一点，末端动多少。",
        ),
        Text(
            "Backwards, each node multiplies what came from behind by its own slope: the chain rule. A sum passes it on, a product hands "
            "each side the other's value.",
            "往回走时，每个节点把后面传来的梯度乘以自己的坡度：链式法则。加法原样传递，乘法则给每一边另一边的值。",
        ),
        Text(
            "Gradients are added up, never replaced. That is what gradient accumulation uses, and why a loop calls zero_grad().",
            "梯度是累加的，从不覆盖。梯度累积用的正是这一点，所以训练循环要调用 zero_grad()。",
        ),
    )
    guess = Guess(
        Text("backward() was called. The weights are now …", "调用了 backward()。现在权重……"),
        (
            Choice(
                Text("better", "更好了"),
                Text(
                    "Nothing moved: only .grad was filled. The optimizer's step changes weights.",
                    "什么都没动：只填上了 .grad。改变权重的是优化器的那一步。",
                ),
            ),
            Choice(
                Text("unchanged", "没有变"),
                Text(
                    "Right: backward() only computes gradients. Values in the graph stay.",
                    "对：backward() 只计算梯度。图中的值都不变。",
                ),
                right=True,
            ),
            Choice(
                Text("set to zero", "变成零"),
                Text(
                    "That is what zero_grad() does, and only to gradients.", "那是 zero_grad() 做的事，而且只清空梯度。"
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Forget zero_grad() three times", "三次都忘了 zero_grad()"), {"backwards": 3, "zero": False})
    far = True
    source = "Baydin et al., Automatic Differentiation in Machine Learning: a Survey, arXiv:1502.05767"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        values = leaves(knobs.values)
        nodes = backward(knobs.expression, values, knobs.backwards, knobs.zero)
        used = {node.name for node in nodes if not node.parents and node.tensor.requires_grad}
        slopes = differences(knobs.expression, {name: value for name, value in values.items() if name in used})
        many = 1 if knobs.zero else knobs.backwards
        return [
            _said(nodes, slopes, many),
            _graph(nodes),
            _table(nodes, slopes),
            code(_script(knobs, {name: values[name] for name in values if name in used})),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return any(each["backwards"] > 1 for each in touched) and len(touched) >= 3

    def real(self, workspace: Workspace) -> Real:
        return Real(
            Text("Watch the gradient norm of a run", "观察训练任务的梯度范数"),
            "train",
            {"training.max_grad_norm": 1.0},
            preset="sentiment-en",
        )

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, _steps)
        return Trace(trained(run), "runs", run.id) if run else None


def _grad(node: Node) -> float | None:
    return None if node.tensor.grad is None else float(node.tensor.grad)


def _said(nodes: list[Node], slopes: dict[str, float], many: int) -> Picture:
    gaps = [abs((_grad(node) or 0.0) - many * slopes[node.name]) for node in nodes if node.name in slopes]
    if many > 1:
        return told(
            Text(
                f"Every gradient is {many} times the slope: {many} backward passes were added up. A step would go {many} times too far.",
                f"每个梯度都是坡度的 {many} 倍：{many} 次反向传播累加在一起。这一步会走 {many} 倍远。",
            ),
            "bad",
        )
    return told(
        Text(
            f"The end is {nodes[-1].tensor.item():.6g}. Gradients and finite differences differ by {max(gaps):.1g} at most.",
            f"末端的值是 {nodes[-1].tensor.item():.6g}。梯度与有限差分最多相差 {max(gaps):.1g}。",
        ),
        "good",
    )


def _graph(nodes: list[Node]) -> Picture:
    drawn = []
    for node in nodes:
        grad = _grad(node)
        fixed = not node.parents and not node.tensor.requires_grad
        value = "" if fixed else f"\n{node.tensor.item():.4g}"
        slope = "" if grad is None else f"\n∂ {grad:.4g}"
        drawn.append(
            (node.name, node.depth, f"{node.sign}{value}{slope}", not node.parents and node.tensor.requires_grad)
        )
    edges = [(parent.name, node.name) for node in nodes for parent in node.parents]
    return graph(Text("Value, and gradient (∂) of the end", "值，以及末端对它的梯度（∂）"), drawn, edges)


def _table(nodes: list[Node], slopes: dict[str, float]) -> Picture:
    rows = []
    for node in nodes:
        made = (
            f"{node.name} = {node.sign}({', '.join(parent.name for parent in node.parents)})"
            if node.parents
            else node.name
        )
        grad, slope = _grad(node), slopes.get(node.name)
        rows.append(
            [
                made,
                f"{node.tensor.item():.6g}",
                "–" if grad is None else f"{grad:.6g}",
                "–" if slope is None else f"{slope:.6g}",
            ]
        )
    columns = [
        Text("node", "节点"),
        Text("value", "值"),
        Text("gradient (torch)", "梯度（torch）"),
        Text("finite difference", "有限差分"),
    ]
    return grid(columns, rows)


def _script(knobs: Any, values: dict[str, float]) -> str:
    """The same in plain PyTorch."""
    named = ast.parse(ast.unparse(parsed(knobs.expression)), mode="eval")
    for part in ast.walk(named):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            part.func.id = f"torch.{part.func.id}"
    lines = ["import torch", ""]
    lines += [
        f"{name} = torch.tensor({value!r}, dtype=torch.float64, requires_grad=True)" for name, value in values.items()
    ]
    lines.append(f"end = {ast.unparse(named)}")
    empty = [f"for leaf in ({', '.join(values)},):", "    leaf.grad = None  # zero_grad()"] if knobs.zero else []
    for _ in range(knobs.backwards):
        lines += [*empty, "end.backward(retain_graph=True)"]
    return "\n".join([*lines, f"print({', '.join(f'{name}.grad' for name in values)})"])
