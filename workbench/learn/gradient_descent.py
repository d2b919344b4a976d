"""1.2 Gradient descent: a ball on a curve, its step and its momentum."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, grid, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import chosen, run_that, trained

HIGH = 1e6
"""Beyond this a ball is gone."""


class Settings(Section):
    """What the ball does."""

    learning_rate: float = knob(
        0.1,
        Text("Learning rate", "学习率"),
        Text("How far one step goes.", "每一步走多远。"),
        gt=0,
        le=2,
        example="0.1",
    )
    momentum: float = knob(
        0.0, Text("Momentum", "动量"), Text("How much of the last step is kept.", "保留上一步的多少。"), ge=0, lt=1
    )
    start: float = knob(1.0, Text("Start", "起点"), Text("Where the ball begins.", "小球从哪里出发。"), ge=-2, le=2)


def path(learning_rate: float, momentum: float = 0.0, start: float = 1.0, steps: int = 10) -> list[float]:
    """x after 0, 1, … steps of gradient descent on f(x) = x² (f′ = 2x), with heavy-ball momentum (Polyak, 1964)."""
    found, speed = [start], 0.0
    for _ in range(steps):
        speed = momentum * speed - learning_rate * 2 * found[-1]
        found.append(found[-1] + speed)
    return found


@LABS.add
class GradientDescent(Lab):
    """See the module."""

    kind = "gradient-descent"
    stop = "1.2"
    order = 22
    label = Text("Gradient descent", "梯度下降")
    idea = (
        Text(
            "Training looks for the lowest point of the loss. The gradient tells the slope where you stand; a step goes against it, "
            "as far as the learning rate says.",
            "训练就是寻找损失的最低点。梯度告诉你脚下的坡度；每一步逆着梯度走，走多远由学习率决定。",
        ),
        Text(
            "On x² the slope is 2x, so one step multiplies x by (1 − 2 × learning rate). That one number decides everything you see.",
            "在 x² 上，坡度是 2x，所以每一步都把 x 乘以（1 − 2 × 学习率）。你看到的一切都由这个数决定。",
        ),
    )
    guess = Guess(
        Text("The learning rate is doubled from 0.5 to 1.0. The ball …", "把学习率从 0.5 加倍到 1.0，小球会……"),
        (
            Choice(
                Text("arrives twice as fast", "快一倍到达"),
                Text(
                    "At 0.5 it arrives in a single step; faster than that nobody can be.",
                    "0.5 时一步就到了，不可能更快。",
                ),
            ),
            Choice(
                Text("jumps from side to side for ever", "永远左右来回跳"),
                Text(
                    "1 − 2 × 1.0 = −1: it lands on the other side, just as far away.",
                    "1 − 2 × 1.0 = −1：它落到对面同样远的地方。",
                ),
                right=True,
            ),
            Choice(
                Text("flies away", "飞出去"),
                Text(
                    "Only above 1.0: then each jump is longer than the last.",
                    "要超过 1.0 才会：那时每一跳都比上一跳更远。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Make it fly away", "让它飞出去"), {"learning_rate": 1.1})
    source = "Goh, Why Momentum Really Works, Distill 2017"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        xs = path(knobs.learning_rate, knobs.momentum, knobs.start, 20)
        reach = min(max(2.0, *map(abs, xs)), 12)
        curve = [reach * step / 60 for step in range(-60, 61)]
        seen = [x for x in xs if abs(x) <= reach]
        title = Text("The ball on f(x) = x²", "小球在 f(x) = x² 上")
        ball = Text("ball", "小球")
        fall = Text("f(x)", "f(x)")
        pictures = [
            lines(
                title,
                {fall: (curve, [x * x for x in curve]), ball: (seen, [x * x for x in seen])},
                Text("x", "x"),
                fall,
                points=["ball"],
            ),
            grid(
                [Text("step", "步"), "x", "f(x)", Text("slope 2x", "坡度 2x")],
                [[step, f"{x:.6g}", f"{x * x:.6g}", f"{2 * x:.6g}"] for step, x in enumerate(xs[:11])],
            ),
        ]
        return [told(*self._said(knobs, xs)), *pictures]

    def _said(self, knobs: Any, xs: list[float]) -> tuple[Text, str]:
        factor, last = 1 - 2 * knobs.learning_rate, abs(xs[10])
        if last < 1e-3:
            return Text(
                f"After 10 steps the ball lies at {xs[10]:.2g}: it has arrived.",
                f"10 步后小球在 {xs[10]:.2g}：已经到达。",
            ), "good"
        if last > abs(knobs.start):
            return Text(
                f"After 10 steps it is at {xs[10]:.4g}: farther away than at the start.",
                f"10 步后它在 {xs[10]:.4g}：比起点还远。",
            ), "bad"
        return (
            Text(
                f"After 10 steps x = {xs[10]:.6g}. Without momentum each step multiplies x by {factor:.2g}.",
                f"10 步后 x = {xs[10]:.6g}。没有动量时，每一步把 x 乘以 {factor:.2g}。",
            ),
            "plain",
        )

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return any(each["learning_rate"] > 1 for each in touched) and any(
            0.3 <= each["learning_rate"] <= 0.7 for each in touched
        )

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train with a learning rate of your own", "用自己选的学习率训练")
        return Real(label, "train", {"training.learning_rate": 3e-4}, preset="sentiment-zh")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "training.learning_rate"))
        return Trace(trained(run), "runs", run.id) if run else None
