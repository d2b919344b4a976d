"""2.1 nn.Module: the tree a model is, how many parameters lie where, and which of them a switch freezes."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.method import METHODS
from workbench.core.picture import Picture, bars, facts, grid, parts, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import run_that, trained
from workbench.models import catalog
from workbench.models.anatomy import branches, fold
from workbench.models.shelf import inventory

OWN = "own"
"""A GPT-2 of one's own measure."""
CONTEXT = 128
DEPTH = 5
"""Levels of the tree that are drawn."""
SWITCHES = (
    ("full", Text("everything", "全部")),
    ("freeze", Text("the last two layers (freeze)", "最后两层（冻结微调）")),
    ("bitfit", Text("biases only (BitFit)", "仅偏置（BitFit）")),
    ("body", Text("everything but the embeddings", "除嵌入之外的全部")),
)
KINDS = {
    "embeddings": Text("embeddings", "嵌入"),
    "attention": Text("attention", "注意力"),
    "feed-forward": Text("feed-forward", "前馈"),
    "norms": Text("norms", "归一化"),
    "rest": Text("head and rest", "输出头与其余"),
}
_PATTERNS = (
    ("norms", re.compile(r"norm|\bln_", re.IGNORECASE)),
    ("embeddings", re.compile(r"embed|\bwte\b|\bwpe\b", re.IGNORECASE)),
    ("attention", re.compile(r"attn|attention", re.IGNORECASE)),
    ("feed-forward", re.compile(r"mlp|intermediate|\boutput\b|ffn|feed_forward", re.IGNORECASE)),
)


class Settings(Section):
    """Which model, and what is trained."""

    model: str = knob(
        OWN,
        Text("Model", "模型"),
        Text("A GPT-2 of your own measure, or one on this machine.", "自定尺寸的 GPT-2，或本机上的模型。"),
    )
    width: int = knob(
        192, Text("Width d", "宽度 d"), Text("Numbers per token.", "每个词元的数的个数。"),
        choices=tuple((size, Text(str(size), str(size))) for size in (64, 128, 192, 256, 512, 768)),
    )  # fmt: skip
    layers: int = knob(6, Text("Layers", "层数"), Text("Blocks one after another.", "前后相接的块。"), ge=1, le=24)
    vocabulary: int = knob(
        4096, Text("Vocabulary", "词表"), Text("Tokens it knows.", "认识的词元数。"),
        choices=tuple((size, Text(f"{size:,}", f"{size:,}")) for size in (1024, 4096, 32000, 50257, 151936)),
    )  # fmt: skip
    heads: int = knob(
        4, Text("Heads", "头数"), Text("Parts of the attention.", "注意力分成几份。"),
        choices=tuple((count, Text(str(count), str(count))) for count in (1, 2, 4, 8, 16)),
    )  # fmt: skip
    trains: str = knob("full", Text("Trained", "训练哪些"), Text("The rest is frozen.", "其余冻结。"), choices=SWITCHES)


def gpt2(width: int, layers: int, vocabulary: int, heads: int) -> Any:
    """A GPT-2 that has shapes but no numbers (device `meta`)."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.device("meta"):
        return GPT2LMHeadModel(config)


@lru_cache(maxsize=4)
def of_folder(folder: Path) -> Any:
    """The model of a folder without its numbers: only config.json is read."""
    import torch
    import transformers
    from transformers import AutoModel

    from workbench.models import loading

    config = loading.load_config(folder)
    own: Any = getattr(transformers, (config.architectures or [""])[0] or "AutoModel", None)
    with torch.device("meta"):
        made = own._from_config(config) if hasattr(own, "_from_config") else loading.hollow(AutoModel, folder, config)
    made.tie_weights()
    return made


def kind_of(name: str) -> str:
    """What a parameter belongs to, by its name."""
    return next((kind for kind, pattern in _PATTERNS if pattern.search(name)), "rest")


def chosen(model: Any, trains: str) -> set[str]:
    """Names of the parameters that a method trains; UserError where the model has none for it."""
    names = [name for name, _ in model.named_parameters()]
    if trains in ("full", "body"):
        return {name for name in names if trains == "full" or kind_of(name) != "embeddings"}
    method = METHODS.get(trains)
    wanted = method.choose(model, method.section(kind=trains))  # type: ignore[attr-defined]
    found = {name for name in names if wanted(name)}
    if not found:
        raise UserError(
            f"This model has no parameters for “{method.label.en}”; choose another switch.",
            f"这个模型没有可供“{method.label.zh}”训练的参数；请换一个选项。",
            field="trains",
        )
    return found


@LABS.add
class Modules(Lab):
    """See the module."""

    kind = "modules"
    stop = "2.1"
    order = 42
    label = Text("nn.Module", "nn.Module")
    idea = (
        Text(
            "A model is a tree of modules. Each holds parameters (tensors that can learn) and other modules; a parameter's name is its path: "
            "transformer.h.0.attn.c_attn.weight.",
            "模型是一棵模块树。每个模块装着参数（能学习的张量）和别的模块；参数的名字就是它的路径：transformer.h.0.attn.c_attn.weight。",
        ),
        Text(
            "On the device called meta, tensors have shapes but no numbers: even the largest model can be built and counted without memory.",
            "在 meta 设备上，张量有形状而没有数：再大的模型也能搭起来数一数，不占内存。",
        ),
        Text(
            "requires_grad = False freezes a parameter: it gets no gradient and needs no optimizer memory. That is all a freeze switch does.",
            "requires_grad = False 就冻结了一个参数：没有梯度，也不占优化器的内存。冻结开关做的就是这些。",
        ),
    )
    guess = Guess(
        Text(
            "A small model with a large vocabulary (151,936). Most parameters lie in …",
            "小模型配大词表（151936）。大部分参数在……",
        ),
        (
            Choice(
                Text("attention", "注意力"),
                Text(
                    "A layer's attention has 4d² + 4d. Choose that vocabulary: one table of 151,936 × d outweighs all layers.",
                    "每层注意力有 4d² + 4d。选这个词表看看：一张 151936 × d 的表比所有层都重。",
                ),
            ),
            Choice(
                Text("the embeddings", "嵌入"),
                Text(
                    "Right: a row of d numbers for every token. Only deep and wide models put most into their layers.",
                    "对：每个词元都有一行 d 个数。只有又深又宽的模型，参数才主要在各层里。",
                ),
                right=True,
            ),
            Choice(
                Text("the heads: more heads, more parameters", "头：头越多参数越多"),
                Text(
                    "Move “Heads”: the count stays. Heads share the same d numbers out among them.",
                    "改一改“头数”：参数不变。各个头分的是同样的 d 个数。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("A vocabulary far too large", "大得过分的词表"), {"vocabulary": 151936, "width": 128, "layers": 2}
    )
    far = True
    source = (
        "PyTorch documentation: Module; Radford et al., Language Models are Unsupervised Multitask Learners (GPT-2)"
    )

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        mine = [entry.id for entry in inventory(workspace)]
        known = [*(starter.kind for starter in catalog.STARTERS), *mine]
        own: tuple[Text | str, str] = (Text("a GPT-2 of these sizes", "按下面尺寸的 GPT-2"), OWN)
        return {"model": [own, *((name, name) for name in dict.fromkeys(known))]}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        if knobs.model == OWN:
            model = gpt2(knobs.width, knobs.layers, knobs.vocabulary, knobs.heads)
        else:
            model = of_folder(catalog.here(workspace, knobs.model))
        learns = chosen(model, knobs.trains)
        sizes = {name: value.numel() for name, value in model.named_parameters()}
        return [
            _said(sizes, learns),
            _tree(model),
            _kinds(sizes, learns),
            _memory(sizes, learns),
            _table(model, learns),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["vocabulary"] for each in touched}) >= 2 and len({each["trains"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train only the last layers", "只训练最后几层")
        return Real(label, "train", {"method.kind": "freeze"}, preset="sentiment-en")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.method.kind in ("freeze", "bitfit"))
        return Trace(trained(run), "runs", run.id) if run else None


def _said(sizes: dict[str, int], learns: set[str]) -> Picture:
    total, moving = sum(sizes.values()), sum(sizes[name] for name in learns)
    table = sum(size for name, size in sizes.items() if kind_of(name) == "embeddings")
    return told(
        Text(
            f"{total:,} parameters in {len(sizes)} tensors; {moving:,} ({moving / total:.1%}) are trained. Embeddings: {table / total:.0%}.",
            f"{len(sizes)} 个张量共 {total:,} 个参数；训练其中 {moving:,} 个（{moving / total:.1%}）。嵌入占 {table / total:.0%}。",
        )
    )


def _tree(model: Any) -> Picture:
    """The modules with the sum of what they hold; layers of one kind are one."""
    found = branches(fold((name, value.shape) for name, value in model.named_parameters()))
    rows = [
        (path or "model", "" if not path else path.rpartition(".")[0] or "model", float(size), path.rpartition(".")[2] or type(model).__name__)
        for path, size in found.items()
        if path.count(".") < DEPTH
    ]  # fmt: skip
    return parts(Text("Where the parameters are", "参数在哪里"), rows)


def _kinds(sizes: dict[str, int], learns: set[str]) -> Picture:
    moving, still = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    for name, size in sizes.items():
        (moving if name in learns else still)[kind_of(name)] += size
    series: dict[Text | str, list[int]] = {
        Text("trained", "训练"): list(moving.values()),
        Text("frozen", "冻结"): list(still.values()),
    }
    return bars(
        Text("Trained and frozen", "训练与冻结"),
        list(KINDS.values()),
        series,
        Text("parameters", "参数"),
        stacked=True,
        form=".3~s",
    )


def _memory(sizes: dict[str, int], learns: set[str]) -> Picture:
    """Bytes in fp32, without activations."""
    total, moving = sum(sizes.values()), sum(sizes[name] for name in learns)
    rows = (
        (Text("Weights", "权重"), 4 * total),
        (Text("Gradients", "梯度"), 4 * moving),
        (Text("AdamW (two numbers each)", "AdamW（每个参数两个数）"), 8 * moving),
    )
    return facts([(name, f"{value / 2**20:,.1f} MB") for name, value in rows])


def _table(model: Any, learns: set[str]) -> Picture:
    found = fold((name, value.shape) for name, value in model.named_parameters())
    moving = {
        part.name: part.repeats
        for part in fold((name, value.shape) for name, value in model.named_parameters() if name in learns)
    }
    rows = [
        [
            part.name,
            " × ".join(map(str, part.shape)),
            f"{part.parameters:,}",
            f"{moving.get(part.name, 0)} / {part.repeats}",
        ]
        for part in found[:40]
    ]
    columns = [
        Text("name", "名字"),
        Text("shape", "形状"),
        Text("parameters", "参数"),
        Text("trained layers", "训练的层"),
    ]
    return grid(columns, rows)
