"""Small expressions as graphs of tensors, for a lab: parsed as Python, evaluated node by node, nothing but arithmetic known to them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import UserError, shorten

LONGEST, NODES = 120, 24
STEP = 1e-5
SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "−", ast.Mult: "×", ast.Div: "÷", ast.Pow: "^"}
CALLS = ("tanh", "exp", "log", "sin", "relu", "sigmoid")


@dataclass
class Node:
    """A value of the graph: its tensor, how it is written, what it was made of."""

    name: str
    tensor: Any
    sign: str
    parents: list[Node] = field(default_factory=list)

    @property
    def depth(self) -> int:
        """Steps from the leaves."""
        return 1 + max((parent.depth for parent in self.parents), default=-1)


class Builder:
    """Evaluates an expression node by node; nothing but arithmetic is known to it."""

    def __init__(self, leaves: dict[str, float], kind: Any) -> None:
        self.nodes: dict[str, Node] = {}
        self.leaves, self.kind = leaves, kind

    def build(self, tree: ast.expr) -> Node:
        """The node of a part of the expression; UserError where it is no arithmetic."""
        if isinstance(tree, ast.BinOp) and type(tree.op) in SIGNS:
            return self._made(SIGNS[type(tree.op)], [self.build(tree.left), self.build(tree.right)])
        if (
            isinstance(tree, ast.Call)
            and isinstance(tree.func, ast.Name)
            and tree.func.id in CALLS
            and len(tree.args) == 1
        ):
            return self._made(tree.func.id, [self.build(tree.args[0])])
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return self._made("neg", [self.build(tree.operand)])
        if isinstance(tree, ast.Constant) and isinstance(tree.value, int | float) and not isinstance(tree.value, bool):
            return self._leaf(f"{tree.value:g}", float(tree.value), False)
        if isinstance(tree, ast.Name):
            if tree.id not in self.leaves:
                raise refused(
                    f"“{tree.id}” has no value; add {tree.id}=1 to the leaves.",
                    f"“{tree.id}”没有值；请在叶子里加上 {tree.id}=1。",
                    "values",
                )
            return self._leaf(tree.id, self.leaves[tree.id], True)
        raise refused(
            f"“{shorten(ast.unparse(tree), 40)}” is not understood here.",
            f"这里不认识“{shorten(ast.unparse(tree), 40)}”。",
        )

    def _leaf(self, name: str, value: float, learns: bool) -> Node:
        import torch

        if name not in self.nodes:
            tensor = torch.tensor(value, dtype=self.kind, requires_grad=learns)
            self.nodes[name] = Node(name, tensor, name)
        return self.nodes[name]

    def _made(self, sign: str, parents: list[Node]) -> Node:
        name = f"n{sum(bool(each.parents) for each in self.nodes.values()) + 1}"
        tensor = computed(sign, [each.tensor for each in parents])
        if tensor.requires_grad:
            tensor.retain_grad()
        if len(self.nodes) >= NODES:
            raise refused(
                f"More than {NODES} nodes cannot be looked at; write something shorter.",
                f"超过 {NODES} 个节点就看不清了；请写短一些。",
            )
        self.nodes[name] = Node(name, tensor, sign, parents)
        return self.nodes[name]


def computed(sign: str, given: list[Any]) -> Any:
    """One operation on tensors."""
    import torch

    if len(given) == 1:
        return -given[0] if sign == "neg" else getattr(torch, sign)(given[0])
    made = {"+": torch.add, "−": torch.sub, "×": torch.mul, "÷": torch.div, "^": torch.pow}
    return made[sign](*given)


def parsed(text: str) -> ast.expr:
    """The expression as a tree; UserError where it is none."""
    clean = text.strip().replace("^", "**").replace("−", "-").replace("×", "*").replace("÷", "/")
    try:
        if not clean or len(clean) > LONGEST:
            raise SyntaxError
        return ast.parse(clean, mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise refused(
            f"This is no expression of up to {LONGEST} characters. Example: tanh(x*w + b)",
            f"这不是 {LONGEST} 个字符以内的表达式。例如：tanh(x*w + b)",
        ) from error


def leaves(text: str) -> dict[str, float]:
    """name=value, … ; UserError where that is not what is written."""
    found: dict[str, float] = {}
    for piece in filter(None, re.split(r"[\s,，;；]+", re.sub(r"\s*=\s*", "=", text))):
        name, _, value = piece.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            name = ""
        if not name.isidentifier() or not abs(found[name]) < 1e6:
            raise refused(
                f"“{shorten(piece)}” gives no name a number. Example: x=2, w=-3",
                f"“{shorten(piece)}”没有给名字一个数。例如：x=2, w=-3",
                "values",
            )
    return found


def refused(en: str, zh: str, field: str = "expression") -> UserError:
    """An expression, or values, that cannot be looked at."""
    return UserError(en, zh, field=field)


def graphed(expression: str, values: dict[str, float]) -> tuple[Node, list[Node]]:
    """(the last node, all nodes) of an expression, in double precision. UserError where its value is not finite."""
    import torch

    builder = Builder(values, torch.float64)
    end = builder.build(parsed(expression))
    if not torch.isfinite(end.tensor):
        raise refused(
            "The value is not finite here; choose other leaves.", "此处的值不是有限数；请改选叶子的值。", "values"
        )
    return end, list(builder.nodes.values())


def differences(expression: str, values: dict[str, float]) -> dict[str, float]:
    """The slope in every leaf without autograd: (f(x + h) − f(x − h)) ÷ 2h."""
    found = {}
    for name, value in values.items():
        up, down = (graphed(expression, {**values, name: value + step})[0].tensor.item() for step in (STEP, -STEP))
        found[name] = (up - down) / (2 * STEP)
    return found


def backward(expression: str, values: dict[str, float], times: int, zero: bool) -> list[Node]:
    """The nodes after so many backward passes."""
    end, nodes = graphed(expression, values)
    if not end.tensor.requires_grad or not end.parents:
        raise refused(
            "Nothing to differentiate: use at least one name and one operation.",
            "没有可求导的东西：至少用一个名字和一个运算。",
        )
    for _ in range(times):
        for node in nodes:
            if zero:
                node.tensor.grad = None
        end.tensor.backward(retain_graph=True)
    return nodes
