"""3.1 Residual path and normalisation: why a deep net learns at all, on a small net; and both in the starter model."""

from __future__ import annotations

import itertools
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, grid, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _models
from workbench.learn._seen import run_that, trained

WIDTH, ROWS = 30, 32
"""Of the small net: 24 layers have 22,320 weights."""
WAYS = ((False, False), (False, True), (True, False), (True, True))
"""(residual, norm)"""


class Settings(Section):
    """How the small net is built."""

    depth: int = knob(
        24, Text("Layers", "层数"), Text("tanh layers one behind the other.", "依次相连的 tanh 层。"), ge=2, le=24
    )
    residual: bool = knob(
        False, Text("Residual path", "残差通路"), Text("Each layer adds to what came in.", "每层把结果加到输入上。")
    )
    norm: bool = knob(
        False,
        Text("Layer norm", "层归一化"),
        Text("What comes into a layer has mean 0, variance 1.", "每层的输入变为均值 0、方差 1。"),
    )
    seed: int = knob(0, Text("Seed", "随机种子"), Text("Another start.", "换一个起点。"), ge=0, le=20)
    text: str = knob(
        "The river is wide and the boat is",
        Text("Text for the starter model", "给入门模型的文字"),
        Text("Up to 64 tokens.", "最多 64 个词元。"),
    )


def gradients(depth: int, residual: bool, norm: bool, seed: int = 0) -> list[float]:
    """Length of the gradient of every layer's weights after one backward pass, first layer first. One thread, torch's default start."""
    import torch

    dice = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(WIDTH, WIDTH) for _ in range(depth)]
    state = torch.randn(ROWS, WIDTH, generator=dice)
    wanted = torch.randn(ROWS, WIDTH, generator=dice)
    for layer in layers:
        given = torch.nn.functional.layer_norm(state, (WIDTH,)) if norm else state
        made = torch.tanh(layer(given))
        state = state + made if residual else made
    ((state - wanted) ** 2).sum(-1).mean().backward()
    return [float(layer.weight.grad.norm()) for layer in layers]


def normed(rows: Any) -> tuple[float, float]:
    """(mean, variance) of a row after layer norm."""
    import torch

    made = torch.nn.functional.layer_norm(rows, rows.shape[-1:])
    return float(made.mean()), float(made.var(unbiased=False))


@LABS.add
class ResidualNorm(Lab):
    """See the module."""

    kind = "residual-norm"
    stop = "3.1"
    order = 52
    label = Text("Residual path and normalisation", "残差与归一化")
    idea = (
        Text(
            "Backward goes through the layers from the last to the first and multiplies at each. Twenty-four factors below one leave nothing "
            "for the first layer: it does not learn.",
            "反向传播从最后一层走到第一层，每过一层乘一次。二十四个小于 1 的因子相乘，到第一层几乎为零：它学不到东西。",
        ),
        Text(
            "A residual path adds the input to the output, so the gradient has a way around every layer. A norm keeps what comes into "
            "a layer in a fixed range. Transformers have both in every layer.",
            "残差通路把输入加到输出上，梯度就能绕过每一层。归一化让每层的输入保持在固定范围。Transformer 的每一层两样都有。",
        ),
    )
    guess = Guess(
        Text(
            "24 layers without residual path and norm. The first layer's gradient is …",
            "24 层，没有残差也没有归一化。第一层的梯度……",
        ),
        (
            Choice(
                Text("about as large as the last one's", "和最后一层差不多"),
                Text("Only if every layer passed it on unchanged; that is what the residual path is for.", "除非每层都原样传递；残差通路正是为此而设。"),
            ),
            Choice(
                Text("a few times smaller", "小几倍"),
                Text("A factor of 0.6, 24 times over, is five millionths.", "0.6 乘 24 次，就只剩百万分之五。"),
            ),
            Choice(
                Text("more than ten thousand times smaller", "小一万倍以上"),
                Text("Yes: the weights at the front stay as chance put them.", "对：前面的权重会停在随机的起点上。"),
                right=True,
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("24 layers with nothing to help", "24 层，什么都不加"), {"depth": 24, "residual": False, "norm": False, "seed": 1})  # fmt: skip
    far = True
    source = "He et al., Deep Residual Learning, arXiv:1512.03385; Ba et al., Layer Normalization, arXiv:1607.06450"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        made = {way: gradients(knobs.depth, *way, seed=knobs.seed) for way in WAYS}
        mine = made[knobs.residual, knobs.norm]
        series: dict[Named, tuple[Numbers, Numbers]] = {
            _named(*way): (list(range(1, knobs.depth + 1)), made[way]) for way in WAYS
        }
        return [
            _said(mine),
            lines(
                Text("Gradient of each layer of the small net", "小网络每一层的梯度"),
                series,
                Text("layer", "层"),
                Text("length of the gradient", "梯度长度"),
                log="y",
                points=[_named(knobs.residual, knobs.norm).en],
            ),
            *_starter(workspace, knobs.text),
            grid(
                [Text("built with", "结构"), Text("first layer", "第一层"), Text("last layer", "最后一层"), Text("first ÷ last", "第一层 ÷ 最后一层")],
                [[_named(*way), f"{made[way][0]:.3g}", f"{made[way][-1]:.3g}", f"{made[way][0] / made[way][-1]:.2g}"] for way in WAYS],
            ),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({(each["residual"], each["norm"]) for each in touched}) >= 3

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train all layers and watch the gradient norm", "训练全部层，观察梯度范数")
        return Real(label, "train", preset="stories-clm")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.method.kind == "full")
        return Trace(trained(run), "runs", run.id) if run else None


def _named(residual: bool, norm: bool) -> Text:
    names = {
        (False, False): Text("nothing", "什么都没有"),
        (False, True): Text("norm", "只有归一化"),
        (True, False): Text("residual", "只有残差"),
        (True, True): Text("residual and norm", "残差和归一化"),
    }
    return names[residual, norm]


def _said(mine: list[float]) -> Picture:
    ratio = mine[0] / mine[-1]
    reaches = ratio > 1e-3
    rest = (
        Text("it learns too.", "它也能学习。")
        if reaches
        else Text("it stays as chance put it.", "它停在随机的起点上。")
    )
    return told(
        Text(
            f"The first of {len(mine)} layers gets {ratio:.2g} times the gradient of the last: {rest.en}",
            f"{len(mine)} 层中的第一层，梯度是最后一层的 {ratio:.2g} 倍：{rest.zh}",
        ),
        "good" if reaches else "bad",
    )


def _starter(workspace: Workspace, text: str) -> list[Picture]:
    """Length of the residual stream along the starter's layers, of what each adds, and of what its norm makes of it."""
    import torch

    model = _models.model(workspace, _models.DECODER, "text-generation")
    batch, _ = _models.encoded(workspace, _models.DECODER, text)
    layers = model.model.layers
    given: list[Any] = []
    hooks = [layer.register_forward_pre_hook(lambda part, inputs: given.append(inputs[0][0])) for layer in layers]
    hooks.append(model.model.norm.register_forward_pre_hook(lambda part, inputs: given.append(inputs[0][0])))
    try:
        with torch.inference_mode():
            model(**batch)
            norms = [layer.input_layernorm(rows) for layer, rows in zip(layers, given, strict=False)]
    finally:
        for hook in hooks:
            hook.remove()
    length = lambda rows: float(rows.norm(dim=-1).mean())  # noqa: E731 (a word for one line)
    names = [Text(f"layer {place}", f"第 {place} 层") for place in range(1, len(layers) + 1)]
    series: dict[Named, Numbers] = {
        Text("comes in (residual stream)", "进入（残差流）"): [length(rows) for rows in given[:-1]],
        Text("after its norm", "归一化之后"): [length(rows) for rows in norms],
        Text("added by the layer", "该层加上的"): [length(after - before) for before, after in itertools.pairwise(given)],
    }  # fmt: skip
    title = Text("The same in the starter model: mean length per token", "入门模型里的同样情形：每个词元的平均长度")
    return [bars(title, names, series, Text("length", "长度"))]
