"""5.1 Prefix, prompt, adapter, LoRA: how many parameters, where they sit, and what they change before the first step."""

from __future__ import annotations

import copy
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.method import METHODS
from workbench.core.picture import Named, Numbers, Picture, bars, grid, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _counted, _models
from workbench.learn._seen import run_that, trained
from workbench.models.anatomy import fold

SHOWN = ("prefix-tuning", "prompt-tuning", "adapter", "lora")
RULES = {
    "prefix-tuning": "n × layers × 2 × d",
    "prompt-tuning": "n × d",
    "adapter": "(2·d·b + b + d) × 2 × layers",
    "lora": "Σ r × (in + out)",
}
PLACES = {
    "prefix-tuning": Text("keys and values in front of every layer's attention", "每一层注意力之前的键和值"),
    "prompt-tuning": Text("vectors in front of the text, once, before the first layer", "文字之前的向量，只在第一层之前加一次"),
    "adapter": Text("a narrow network behind attention and feed-forward of every layer", "每一层的注意力与前馈之后的窄网络"),
    "lora": Text("two thin matrices beside every weight matrix of every layer", "每一层每个权重矩阵旁边的两个窄矩阵"),
}  # fmt: skip


class Settings(Section):
    """Which method, and how large."""

    method: str = knob(
        "prefix-tuning",
        Text("Look closer at", "细看哪种方法"),
        Text("Its tensors are listed below.", "下方列出它的张量。"),
        choices=tuple((kind, METHODS.get(kind).label) for kind in SHOWN),
    )
    length: int = knob(20, Text("Virtual tokens", "虚拟词元数"), Text("n, of prefix and prompt.", "n，用于前缀和提示。"), ge=1, le=100)  # fmt: skip
    reduction: int = knob(
        16, Text("Adapter: reduction", "适配器：压缩倍数"), Text("The bottleneck is b = width ÷ this.", "瓶颈 b = 宽度 ÷ 此值。"), ge=1, le=128
    )  # fmt: skip
    rank: int = knob(
        8, Text("LoRA: rank", "LoRA：秩"), Text("The width of the two matrices.", "两个小矩阵的宽度。"), ge=1, le=128
    )
    text: str = knob("The little boat", Text("Text", "文字"), Text("What is read; up to 64 tokens.", "模型读到的内容，最多 64 个词元。"))  # fmt: skip


@LABS.add
class PrefixPromptAdapter(Lab):
    """See the module."""

    kind = "prefix-prompt-adapter"
    stop = "5.1"
    order = 81
    label = Text("Prefix, prompt, adapter", "前缀、提示与适配器")
    idea = (
        Text(
            "All four freeze the model. A prompt puts vectors in front of the text; a prefix puts keys and values in front of every layer; "
            "an adapter adds a narrow network inside each layer; LoRA adds thin matrices beside the weights.",
            "四种方法都冻结模型。提示在文字前放向量；前缀在每一层前放键和值；适配器在每层内部加窄网络；LoRA 在权重旁加窄矩阵。",
        ),
        Text(
            "LoRA and adapter begin with a zero in the product, so a fresh one changes nothing. Prefix and prompt are looked at from the start: "
            "the model first answers worse, and must learn that away.",
            "LoRA 和适配器一开始乘着零，刚加上时什么都不变。前缀和提示从一开始就会被注意到：模型起初答得更差，需要先学回来。",
        ),
    )
    guess = Guess(
        Text(
            "Before the first training step, a fresh LoRA changes the model's scores (logits) by …",
            "训练的第一步之前，刚加上的 LoRA 会让模型的输出分数（logits）改变……",
        ),
        (
            Choice(
                Text("a little: its matrices begin at random", "一点：它的矩阵是随机初始化的"),
                Text("A is random, but B is zero, and B·A is zero.", "A 是随机的，但 B 是零，所以 B·A 等于零。"),
            ),
            Choice(
                Text("exactly 0.0", "正好 0.0"),
                Text("B begins at zero, so training starts from the model as it was.", "B 从零开始，所以训练从原来的模型出发。"),
                right=True,
            ),
            Choice(
                Text("a lot: new layers must first be trained", "很多：新加的层要先训练"),
                Text("That would throw away what the model knows; the zero is there to prevent it.", "那样会毁掉模型已有的知识；设成零正是为了避免这一点。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("A hundred virtual tokens", "一百个虚拟词元"), {"method": "prompt-tuning", "length": 100})
    far = True
    source = "Li & Liang, arXiv:2101.00190; Lester et al., arXiv:2104.08691; Houlsby et al., arXiv:1902.00751; Hu et al., arXiv:2106.09685"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        made = {kind: fresh(workspace, kind, knobs) for kind in SHOWN}
        batch, _ = _models.encoded(workspace, _models.DECODER, knobs.text)
        base = scores(_models.model(workspace, _models.DECODER, "text-generation"), batch)
        moved = {kind: float((scores(model, batch) - base).abs().max()) for kind, model in made.items()}
        sizes = {kind: _counted.count(model).trained for kind, model in made.items()}
        names = [METHODS.get(kind).label for kind in SHOWN]
        counts: dict[Named, Numbers] = {Text("trained", "训练的参数"): [sizes[kind] for kind in SHOWN]}
        changes: dict[Named, Numbers] = {Text("change", "改变"): [moved[kind] for kind in SHOWN]}
        return [
            _said(knobs.method, moved),
            bars(Text("Parameters trained", "训练的参数量"), names, counts, Text("parameters", "参数量"), form=",d"),
            bars(Text("Before the first step: largest change of a score", "第一步之前：输出分数的最大改变"), names, changes, Text("change of a logit", "logit 的改变"), form=".3~g"),
            _rules(sizes, moved),
            _tensors(made[knobs.method], knobs.method),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["method"] for each in touched}) >= 2 and len({each["length"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Tune with a prefix", "用前缀微调训练一次"), "train", preset="prefix-persona")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(
            workspace, lambda run: run.recipe.method.kind in {"prefix-tuning", "prompt-tuning", "p-tuning", "adapter"}
        )
        return Trace(trained(run), "runs", run.id) if run else None


def fresh(workspace: Workspace, kind: str, knobs: Any) -> Any:
    """A copy of the starter decoder under a method, as it is before the first step."""
    import torch

    torch.manual_seed(0)
    base = copy.deepcopy(_models.model(workspace, _models.DECODER, "text-generation"))
    sizes = {"num_virtual_tokens": knobs.length, "reduction_factor": knobs.reduction, "rank": knobs.rank}
    return _counted.applied(base, "text-generation", kind, **sizes).eval()


def scores(model: Any, batch: Any) -> Any:
    """The logits of the next token."""
    import torch

    with torch.inference_mode():
        return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[0, -1]


def _said(kind: str, moved: dict[str, float]) -> Picture:
    label, change = METHODS.get(kind).label, moved[kind]
    if not change:
        return told(
            Text(
                f"{label.en}: a fresh one changes the scores by exactly 0.0. Training starts from the model as it was.",
                f"{label.zh}：刚加上时，输出分数的改变正好是 0.0。训练从原来的模型出发。",
            ),
            "good",
        )
    return told(
        Text(
            f"{label.en}: before any training a score moves by up to {change:.3g}. The first steps mend that.",
            f"{label.zh}：还没训练，分数最多已改变 {change:.3g}。最初的几步要先弥补它。",
        ),
        "bad",
    )


def _rules(sizes: dict[str, int], moved: dict[str, float]) -> Picture:
    columns: list[Named] = [
        Text("method", "方法"),
        Text("where it sits", "位于哪里"),
        Text("rule", "公式"),
        Text("parameters", "参数量"),
        Text("change at the start", "起始改变"),
    ]
    rows = [
        [METHODS.get(kind).label, PLACES[kind], RULES[kind], f"{sizes[kind]:,}", f"{moved[kind]:.3g}"] for kind in SHOWN
    ]
    return grid(columns, rows)


def _tensors(model: Any, kind: str) -> Picture:
    """What is trained, layers folded."""
    found = fold((name.removeprefix("base_model.model."), shape) for name, shape in _counted.placed(model))
    label = METHODS.get(kind).label
    rows = [[part.name, " × ".join(map(str, part.shape)), part.repeats, f"{part.parameters:,}"] for part in found]
    columns: list[Named] = [
        Text("tensor", "张量"),
        Text("shape", "形状"),
        Text("times", "个数"),
        Text("parameters", "参数量"),
    ]
    return grid(columns, rows, Text(f"What {label.en} trains", f"{label.zh}训练的张量"))
