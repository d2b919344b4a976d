"""3.2 What is trained: the same model, full or with LoRA, prefix, prompt, adapter; counted on the workbench's own methods."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.method import METHODS
from workbench.core.picture import Named, Numbers, Picture, bars, grid, told
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _counted, _offered
from workbench.learn._seen import finished
from workbench.models import catalog
from workbench.models.facts import read_config
from workbench.models.forecast import Load, Parts, parts, shape

SHOWN = ("full", "lora", "adapter", "prefix-tuning", "prompt-tuning", "ia3")
ROW = 128
"""Tokens of a row."""
CAUSES = {
    "weights": Text("weights", "权重"),
    "gradients": Text("gradients", "梯度"),
    "optimizer": Text("optimizer", "优化器"),
    "activations": Text("activations", "激活"),
    "logits": Text("logits", "logits"),
}


class Settings(Section):
    """Whose parameters, and how many of them."""

    model: str = knob(
        "lumo", Text("Model", "模型"), Text("Counted without loading its weights.", "不加载权重，只按结构计数。")
    )
    rank: int = knob(
        8, Text("LoRA rank", "LoRA 的秩"), Text("Width of its matrices.", "新增矩阵的宽度。"), ge=1, le=256
    )
    virtual: int = knob(
        20, Text("Virtual tokens", "虚拟词元数"), Text("Of prefix and prompt tuning.", "用于前缀微调与提示微调。"), ge=1, le=200
    )  # fmt: skip
    rows: int = knob(
        8, Text("Rows per step", "每步的行数"), Text(f"{ROW} tokens each.", f"每行 {ROW} 个词元。"), ge=1, le=64
    )


class Measured(NamedTuple):
    """Of one method: parameters trained, the model's own, and memory by cause."""

    trained: int
    base: int
    memory: Parts


@LABS.add
class WhatIsTrained(Lab):
    """See the module."""

    kind = "what-is-trained"
    stop = "3.2"
    order = 61
    label = Text("What is trained?", "到底训练了什么？")
    idea = (
        Text(
            "Full fine-tuning changes every number of the model. The other methods freeze it and train a few numbers beside it: thin matrices (LoRA), "
            "narrow layers (adapter), keys and values (prefix), word vectors (prompt).",
            "全量微调会改动模型的每一个数。其他方法冻结模型，只训练旁边的少量参数：窄矩阵（LoRA）、窄层（适配器）、键和值（前缀）、词向量（提示）。",
        ),
        Text(
            "Each trained number costs three more: its gradient and two numbers that AdamW keeps. Frozen ones cost their weight only. "
            "Activations, needed for the way back, stay with every method.",
            "每个被训练的数还要多存三个数：它的梯度，和 AdamW 记住的两个数。冻结的数只占权重本身。激活要留给反向传播，用哪种方法都省不掉。",
        ),
        Text(
            "“Prompt tuning” is no writing of prompts: its virtual tokens are vectors that no word has.",
            "“提示微调”不是写提示词：它的虚拟词元是向量，不对应任何词。",
        ),
    )
    guess = Guess(
        Text(
            "LoRA trains 4 % of the numbers. The memory of training becomes …",
            "LoRA 只训练 4% 的参数。训练所需的内存会变为……",
        ),
        (
            Choice(
                Text("4 %", "4%"),
                Text("Only gradients and optimizer shrink so. Weights and activations are still needed.", "只有梯度和优化器按这个比例缩小；权重和激活仍然需要。"),
            ),
            Choice(
                Text("smaller, but by how much depends on the rows", "变小，但小多少还要看每步的数据量"),
                Text("Right: with long rows and large batches activations are the most of it.", "对：行很长、批很大时，激活占大头。"),
                right=True,
            ),
            Choice(
                Text("as large as before: the model is the same", "和原来一样：模型没有变"),
                Text("Gradients and AdamW's numbers, three times the weights, are nearly gone.", "梯度和 AdamW 的状态（权重的三倍）几乎都省掉了。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("64 rows per step", "每步 64 行"), {"rows": 64})
    far = True
    source = "Hu et al., arXiv:2106.09685; Houlsby et al., arXiv:1902.00751; Li & Liang, arXiv:2101.00190; Lester et al., arXiv:2104.08691"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        return {"model": _offered.models(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        folder = catalog.here(workspace, knobs.model)
        found = {
            kind: measured(folder, kind, (knobs.rank, knobs.virtual), knobs.rows)
            for kind in SHOWN
            if _fits(folder, kind)
        }
        names = [METHODS.get(kind).label for kind in found]
        counts: dict[Named, Numbers] = {Text("trained", "训练的参数"): [each.trained for each in found.values()]}
        kept = {cause: [each.memory.mb()[cause] for each in found.values()] for cause in CAUSES}
        stacked: dict[Named, Numbers] = {CAUSES[cause]: sizes for cause, sizes in kept.items() if any(sizes)}
        return [
            _said(found),
            bars(Text("Parameters trained", "训练的参数量"), names, counts, Text("parameters (log)", "参数量（对数）"), log=True, form=",d"),
            bars(Text("Memory of one step by cause, MB", "一步所占内存的来源（MB）"), names, stacked, Text("MB", "MB"), stacked=True, form=".3~s"),
            _table(found),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["rank"] for each in touched}) >= 2 and len({each["rows"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Tune one dataset with two methods", "用两种方法微调同一个数据集")
        return Real(label, "train", preset="prefix-persona")

    def done(self, workspace: Workspace) -> Trace | None:
        seen: dict[tuple[str, int], str] = {}
        for run in finished(workspace):
            key = (run.recipe.data.dataset, run.recipe.data.version)
            if seen.setdefault(key, run.recipe.method.kind) != run.recipe.method.kind:
                both = f"{seen[key]}, {run.recipe.method.kind}"
                return Trace(Text(f"{key[0]}: {both}", f"{key[0]}：{both}"), "runs", run.id)
        return None


def _fits(folder: Path, kind: str) -> bool:
    config = read_config(folder)
    return METHODS.get(kind).fits(TASKS.get(_counted.task_of(config)), config) is None


@lru_cache(maxsize=64)
def counted(folder: Path, kind: str, rank: int, virtual: int) -> tuple[int, int]:
    """(trained, the model's own) parameters."""
    model, task = _counted.hollow(folder)
    base = _counted.count(model).total
    made = _counted.applied(model, task, kind, rank=rank, num_virtual_tokens=virtual, prompt_tuning_init="RANDOM")
    return _counted.count(made).trained, base


def measured(folder: Path, kind: str, sizes: tuple[int, int], rows: int) -> Measured:
    """Counts, and the memory of a step in fp32 with AdamW by the workbench's own arithmetic."""
    trained, base = counted(folder, kind, *sizes)
    adapter = METHODS.get(kind).adapter
    settings = {"device": "cuda", "precision": "fp32", "base_dtype": "fp32", "optim": "adamw_torch", "gradient_checkpointing": False, "adapter": adapter}  # fmt: skip
    config, tokens = read_config(folder), rows * ROW
    form = shape(config, _counted.task_of(config) != "text-classification")
    return Measured(trained, base, parts(form, (base, trained), Load(rows, ROW, tokens, tokens), settings))


def _said(found: dict[str, Measured]) -> Picture:
    full, lora = found["full"], found["lora"]
    share, memory = lora.trained / lora.base, lora.memory.total_mb / full.memory.total_mb
    return told(
        Text(
            f"LoRA trains {share:.2%} of the parameters and needs {memory:.0%} of the memory of full fine-tuning; its optimizer {lora.memory.optimizer / full.memory.optimizer:.2%}.",
            f"LoRA 训练 {share:.2%} 的参数，内存是全量微调的 {memory:.0%}，其中优化器只需 {lora.memory.optimizer / full.memory.optimizer:.2%}。",
        )
    )  # fmt: skip


def _table(found: dict[str, Measured]) -> Picture:
    columns: list[Named] = [
        Text("method", "方法"),
        Text("trained", "训练的参数"),
        Text("share", "占比"),
        Text("optimizer, bytes", "优化器（字节）"),
        Text("memory of a step, MB", "一步的内存（MB）"),
    ]
    rows = [
        [METHODS.get(kind).label, f"{each.trained:,}", f"{each.trained / each.base:.3%}", f"{each.memory.optimizer:,.0f}", f"{each.memory.total_mb:,.1f}"]
        for kind, each in found.items()
    ]  # fmt: skip
    return grid(columns, rows)
