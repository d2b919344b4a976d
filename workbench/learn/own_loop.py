"""2.2 Our own loop: forward, loss, backward, step, zero — the lines of engine/loop.py beside live numbers of a tiny net."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from typing import Any

import workbench
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, code, grid, lines, told
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import finished

SOURCE = Path("workbench") / "engine" / "loop.py"
STAGES: dict[str, tuple[Text, tuple[str, ...]]] = {
    "forward": (Text("1 forward: the model answers", "1 前向：模型给出答案"), ("self._loss(batch, answers)", "self.model(**batch")),
    "loss": (Text("2 loss: how wrong it is", "2 损失：错了多少"), ("loss = loss", ".loss")),
    "backward": (Text("3 backward: a gradient for each weight", "3 反向：求每个权重的梯度"), ("backward(",)),
    "step": (Text("4 step: the weights move", "4 更新：权重移动一步"), ("self.spread.step(", "scheduler.step()")),
    "zero": (Text("5 zero: the gradients are forgotten", "5 清零：丢掉梯度"), ("zero_grad()",)),
}  # fmt: skip
"""Stage → what it is called, and what stands in the lines that do it."""
POINTS = ((-1.0, -1.0), (0.0, 1.0), (1.0, 3.0), (2.0, 5.0))
"""(x, y) with y = 2x + 1: what the tiny net is to learn."""


class Settings(Section):
    """Which line, and what happens at it."""

    stage: str = knob(
        "forward",
        Text("Line of the loop", "循环的哪一行"),
        Text("Its lines are marked in the source.", "对应的源代码会被标出。"),
        choices=tuple((name, text) for name, (text, _) in STAGES.items()),
    )
    step: int = knob(1, Text("Step", "第几步"), Text("Counted from 1.", "从 1 开始数。"), ge=1, le=30)
    learning_rate: float = knob(
        0.1, Text("Learning rate", "学习率"), Text("How far a step goes.", "一步走多远。"), gt=0, le=1
    )
    forget: bool = knob(False, Text("Leave out zero_grad", "不做清零"), Text("Line 5 is skipped.", "跳过第 5 行。"))


def source(name: str) -> str:
    """A method of the real loop, as it stands in the file."""
    text = (workbench.ROOT / SOURCE).read_text(encoding="utf-8")
    found = next(
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name == name
    )  # fmt: skip
    return textwrap.dedent("\n".join(text.splitlines()[found.lineno - 1 : found.end_lineno]))


def marked(stage: str, text: str) -> list[int]:
    """Lines (from 1) that do what the stage says."""
    return [
        number for number, line in enumerate(text.splitlines(), 1) if any(sign in line for sign in STAGES[stage][1])
    ]


def live(learning_rate: float, steps: int, forget: bool = False) -> list[dict[str, float]]:
    """The numbers of every step of a net with two weights, ŷ = w·x + b, begun at 0: plain SGD on the mean squared error."""
    import torch

    x, y = torch.tensor(POINTS).T
    net = torch.nn.Linear(1, 1)
    for weight in net.parameters():
        torch.nn.init.zeros_(weight)
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    found = []
    for _ in range(steps):
        before = net.weight.item(), net.bias.item()
        loss = torch.nn.functional.mse_loss(net(x[:, None])[:, 0], y)
        answer = net(x[-1:, None]).item()
        loss.backward()
        slope = net.weight.grad.item(), net.bias.grad.item()
        optimizer.step()
        after = net.weight.item(), net.bias.item()
        if not forget:
            optimizer.zero_grad()
        kept = 0.0 if net.weight.grad is None else net.weight.grad.item()
        found.append({"w": before[0], "b": before[1], "answer": answer, "loss": loss.item(), "dw": slope[0], "db": slope[1], "w2": after[0], "b2": after[1], "kept": kept})  # fmt: skip
    return found


def twins(workspace: Workspace) -> tuple[Run, Run] | None:
    """(Trainer's run, our loop's run) of one recipe but for the loop, the newest such pair."""
    others: dict[str, dict[str, Run]] = {}
    for run in finished(workspace):
        values = run.recipe.dump()
        values.pop("name", None)
        engine = values.get("training", {}).pop("engine", "trainer")
        pair = others.setdefault(repr(values), {})
        pair.setdefault(engine, run)
        if len(pair) == 2:
            return pair["trainer"], pair["loop"]
    return None


def curve(run: Run) -> tuple[list[float], list[float]]:
    """(steps, losses) of a run."""
    told = [event for event in run.events()[0] if event.kind == "step" and isinstance(event.get("loss"), float)]
    return [float(event.get("step")) for event in told], [event.get("loss") for event in told]


@LABS.add
class OwnLoop(Lab):
    """See the module."""

    kind = "own-loop"
    stop = "2.2"
    order = 47
    label = Text("The training loop, line by line", "训练循环，逐行看")
    idea = (
        Text(
            "Every training is five lines, over and over: the model answers, the loss says how wrong that is, backward finds the gradients, "
            "the optimizer takes a step, and the gradients are set back to zero.",
            "训练就是五行代码反复执行：模型给出答案，损失说明错多少，反向传播求出梯度，优化器走一步，梯度清零。",
        ),
        Text(
            "Below you see the lines of the workbench's own loop, and what they do to a net with two weights, ŷ = w·x + b, that is to "
            "find w = 2, b = 1. Hugging Face's Trainer does the same.",
            "下面是工作台自写训练循环的源代码，以及它对一个只有两个权重的网络 ŷ = w·x + b 做了什么；它应当找到 w = 2、b = 1。"
            "Hugging Face 的 Trainer 做的是同样的事。",
        ),
    )
    guess = Guess(
        Text("zero_grad is left out. In the second step the gradient is …", "漏掉 zero_grad。第二步的梯度是……"),
        (
            Choice(
                Text("an error: the loop stops", "报错：循环停下"),
                Text(
                    "Nothing complains, and that is why it is such a nasty mistake.",
                    "什么都不会报错，所以这个错误才难查。",
                ),
            ),
            Choice(
                Text("the first and the second added up", "第一步与第二步之和"),
                Text(
                    "backward adds to what is there. Steps become too long, and point where they pointed before.",
                    "backward 是往上累加的。于是步子过大，而且还朝着旧的方向走。",
                ),
                right=True,
            ),
            Choice(
                Text("the same: backward begins anew", "不变：backward 会重新算"),
                Text(
                    "backward never empties anything; gradient accumulation even makes use of that.",
                    "backward 从不清空；梯度累积正是利用了这一点。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Leave out zero_grad", "漏掉清零"), {"forget": True, "stage": "zero", "step": 8})
    far = True
    source = "workbench/engine/loop.py"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        steps = live(knobs.learning_rate, max(knobs.step, 12), knobs.forget)
        text = source("_step") + "\n\n" + source("_loss")
        return [
            _said(knobs, steps),
            *_curves(workspace, steps, knobs),
            _values(knobs, steps[knobs.step - 1]),
            code(text, marked(knobs.stage, text)),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["stage"] for each in touched}) >= 3 and any(each["forget"] for each in touched)

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train with our own loop, then once with the Trainer", "先用自写循环训练，再用 Trainer 训练一次")
        return Real(label, "train", {"training.engine": "loop"}, preset="quickstart")

    def done(self, workspace: Workspace) -> Trace | None:
        pair = twins(workspace)
        if pair is None:
            return None
        text = Text(f"Runs {pair[0].id} and {pair[1].id}", f"训练任务 {pair[0].id} 和 {pair[1].id}")
        return Trace(text, "runs", pair[1].id)


def _said(knobs: Any, steps: list[dict[str, float]]) -> Picture:
    now = steps[knobs.step - 1]
    words = {
        "forward": (f"For x = 2 the net answers {now['answer']:.4g}; right would be 5.", f"x = 2 时网络答 {now['answer']:.4g}；正确答案是 5。"),
        "loss": (f"The mean of the squared errors of 4 rows is {now['loss']:.6g}.", f"4 行误差平方的平均值是 {now['loss']:.6g}。"),
        "backward": (f"∂loss/∂w = {now['dw']:.4g}, ∂loss/∂b = {now['db']:.4g}. The weights have not moved.", f"∂损失/∂w = {now['dw']:.4g}，∂损失/∂b = {now['db']:.4g}。权重还没有动。"),
        "step": (f"w goes from {now['w']:.4g} to {now['w2']:.4g}: minus {knobs.learning_rate:g} × {now['dw']:.4g}.", f"w 从 {now['w']:.4g} 变为 {now['w2']:.4g}：减去 {knobs.learning_rate:g} × {now['dw']:.4g}。"),
        "zero": (f"What is left of the gradient of w for the next step: {now['kept']:.4g}.", f"留给下一步的 w 的梯度：{now['kept']:.4g}。"),
    }  # fmt: skip
    wrong = knobs.forget and knobs.step > 1
    return told(Text(*words[knobs.stage]), "bad" if wrong and knobs.stage == "zero" else "plain")


def _curves(workspace: Workspace, steps: list[dict[str, float]], knobs: Any) -> list[Picture]:
    """The tiny net with zeroing and without; and two runs of one recipe, where there are such."""
    other = live(knobs.learning_rate, len(steps), not knobs.forget)
    named = {False: Text("all five lines", "五行齐全"), True: Text("without zero_grad", "漏掉清零")}
    places = list(range(1, len(steps) + 1))
    series: dict[Named, tuple[Numbers, Numbers]] = {named[forget]: (places, [min(each["loss"], 1e6) for each in made]) for forget, made in sorted([(knobs.forget, steps), (not knobs.forget, other)], key=lambda item: item[0])}  # fmt: skip
    across, up = Text("step", "步"), Text("loss", "损失")
    found = [
        lines(
            Text("Loss of the tiny net", "小网络的损失"), series, across, up, marks={knobs.step: STAGES[knobs.stage][0]}
        )
    ]
    if pair := twins(workspace):
        runs: dict[Named, tuple[Numbers, Numbers]] = {
            Text("Trainer", "Trainer"): curve(pair[0]),
            Text("our loop", "自写循环"): curve(pair[1]),
        }
        apart = max((abs(a - b) for a, b in zip(*(ys for _, ys in runs.values()), strict=False)), default=0.0)
        title = Text(
            f"Two runs of yours, one recipe: at most {apart:.2g} apart", f"你的两次训练，同一配方：最多相差 {apart:.2g}"
        )
        found.append(lines(title, runs, across, up, points=["our loop"]))
    return found


def _values(knobs: Any, now: dict[str, float]) -> Picture:
    rows = [
        [STAGES["forward"][0], "ŷ(2) = w·2 + b", f"{now['answer']:.6g}"],
        [STAGES["loss"][0], "mean (ŷ − y)²", f"{now['loss']:.6g}"],
        [STAGES["backward"][0], "∂/∂w, ∂/∂b", f"{now['dw']:.6g}, {now['db']:.6g}"],
        [STAGES["step"][0], "w, b", f"{now['w']:.6g}, {now['b']:.6g} → {now['w2']:.6g}, {now['b2']:.6g}"],
        [STAGES["zero"][0], "w.grad", f"{now['kept']:.6g}"],
    ]
    title = Text(f"Step {knobs.step}, live", f"第 {knobs.step} 步的实际数值")
    return grid([Text("line", "行"), Text("what", "是什么"), Text("value", "数值")], rows, title)
