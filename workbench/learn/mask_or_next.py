"""3.2 Mask or next: what is hidden and what must be guessed in the two kinds of pre-training."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, grid, strip, told
from workbench.core.run import find as find_run
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _models, _offered
from workbench.learn._seen import run_that, trained
from workbench.tasks import IGNORED

MASK, NEXT = "fill-mask", "text-generation"
STARTERS = {MASK: _models.ENCODER, NEXT: _models.DECODER}
BARS = 40
"""Bars that can be told apart."""


class Spot(NamedTuple):
    """A position: the token that is read, the label, and, where it is learned, the guess, its probability and the loss."""

    read: str
    label: int
    wanted: str
    guess: str
    chance: float
    loss: float | None


class Settings(Section):
    """What is hidden."""

    way: str = knob(
        MASK,
        Text("Pre-training by", "预训练方式"),
        Text("Guess hidden tokens, or the next one.", "猜被遮住的词元，还是猜下一个。"),
        choices=(
            (MASK, Text("hidden tokens (MLM)", "掩码填空（MLM）")),
            (NEXT, Text("the next token (CLM)", "预测下一个（CLM）")),
        ),
    )
    share: float = knob(0.15, Text("Hidden share p", "遮盖比例 p"), Text("MLM only.", "仅用于 MLM。"), gt=0, le=0.9)
    seed: int = knob(
        4, Text("Draw", "第几次抽取"), Text("Every epoch hides others.", "每一轮遮住的都不同。"), ge=1, le=30
    )
    text: str = knob(
        "Rose found the letter under a bench at the garden. Tom thanked Rose and was happy.",
        Text("Text", "文字"),
        Text("Up to 64 tokens.", "最多 64 个词元。"),
    )
    reader: str = knob(
        "", Text("Who guesses", "谁来猜"), Text("The starter model of that kind, or a run of yours.", "对应类型的入门模型，或你的训练任务。")
    )  # fmt: skip


def hidden(tokenizer: Any, texts: list[str], share: float, seed: int, length: int = _models.LONGEST) -> dict[str, Any]:
    """A batch as the workbench's own masked training sees it: ids (some masked, some swapped) and labels."""
    import torch

    task = TASKS.get(MASK)
    section = task.section(mlm_probability=share, max_length=length)  # type: ignore[call-arg]
    made = task.encode([{"text": text} for text in texts], tokenizer, section, None)
    torch.manual_seed(seed)
    return task.collator(tokenizer)(made.inputs)


def following(tokenizer: Any, text: str) -> dict[str, Any]:
    """A batch as causal training sees it: every token is a label."""
    task = TASKS.get(NEXT)
    section = task.section(blocks=False, max_length=_models.LONGEST)  # type: ignore[call-arg]
    return task.collator(tokenizer)(task.encode([{"text": text}], tokenizer, section, None).inputs)


def spots(model: Any, tokenizer: Any, batch: dict[str, Any], shifted: bool) -> list[Spot]:
    """Every position of the one row; `shifted`: position i is guessed from what stands before it."""
    import torch

    with torch.inference_mode():
        rows = model(**{**batch, "labels": None}).logits[0].float().log_softmax(-1)
    ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
    if shifted:
        rows, labels = torch.cat([rows[:1], rows[:-1]]), [IGNORED, *labels[1:]]
    return [_spot(tokenizer, each, label, row) for each, label, row in zip(ids, labels, rows, strict=True)]


def _spot(tokenizer: Any, read: int, label: int, chances: Any) -> Spot:
    if label == IGNORED:
        return Spot(tokenizer.decode([read]), label, "", "", 0.0, None)
    best = int(chances.argmax())
    return Spot(tokenizer.decode([read]), label, tokenizer.decode([label]), tokenizer.decode([best]), math.exp(float(chances[best])), -float(chances[label]))  # fmt: skip


@LABS.add
class MaskOrNext(Lab):
    """See the module."""

    kind = "mask-or-next"
    stop = "3.2"
    order = 60
    label = Text("Hidden words or the next word", "遮住的词，还是下一个词")
    idea = (
        Text(
            "An encoder (BERT) sees the whole sentence with some tokens hidden and guesses those: masked language modelling. It becomes good at "
            "understanding, and cannot write on.",
            "编码模型（BERT）看到整句话，其中一些词元被遮住，由它来猜：这叫掩码语言模型。它擅长理解，但不会接着写。",
        ),
        Text(
            "A decoder (GPT) sees only what stands before and guesses what comes next: causal language modelling. So it can write, and every token teaches it.",
            "解码模型（GPT）只看前面的内容，猜下一个词元：这叫因果语言模型。所以它能写，而且每个词元都能教它。",
        ),
        Text(
            "A label of −100 means: nothing to learn here. The loss is the mean over the others; who guesses blindly has ln V, V being the size of the vocabulary.",
            "标签 −100 表示这里不用学。损失是其余位置的平均；完全瞎猜时是 ln V，V 为词表大小。",
        ),
    )
    guess = Guess(
        Text(
            "A sentence of 20 tokens, p = 15 %. How many tokens teach something?",
            "一句话 20 个词元，p = 15%。有多少个词元能教给模型东西？",
        ),
        (
            Choice(
                Text("MLM 20, CLM 20", "MLM 20 个，CLM 20 个"),
                Text("MLM learns only where it was hidden; elsewhere the answer stands there.", "MLM 只在被遮住的地方学习；别处答案就摆在眼前。"),
            ),
            Choice(
                Text("MLM about 3, CLM 19", "MLM 约 3 个，CLM 19 个"),
                Text("Yes; the first has nothing before it. That is why CLM needs fewer texts for as many lessons.", "对；第一个词元前面没有内容。所以同样的文本，CLM 学到的次数更多。"),
                right=True,
            ),
            Choice(
                Text("MLM 17, CLM 1", "MLM 17 个，CLM 1 个"),
                Text("It is the hidden ones that count, and CLM guesses at every place at once, not only at the end.", "算数的是被遮住的那些；CLM 在每个位置都同时猜，不只在结尾。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(Text("Hide nine tenths", "遮住九成"), {"way": MASK, "share": 0.9})
    far = True
    source = "Devlin et al., BERT, arXiv:1810.04805; Radford et al., 2019"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        ours = _offered.runs(workspace, lambda run: run.recipe.task.kind in STARTERS)
        return {"reader": [(Text("starter model", "入门模型"), ""), *ours]}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        model, tokenizer, name = _reader(knobs, workspace)
        if not knobs.text.strip():
            raise UserError("Type a text first.", "请先输入一段文字。", field="text")
        masked = knobs.way == MASK
        batch = hidden(tokenizer, [knobs.text], knobs.share, knobs.seed) if masked else following(tokenizer, knobs.text)
        found = spots(model, tokenizer, batch, not masked)
        learned = [spot for spot in found if spot.loss is not None]
        if not learned:
            raise UserError("Type a longer text.", "请输入更长的文字。", field="text")
        return [
            _said(learned, len(tokenizer), name, masked),
            strip([(spot.read, spot.loss is not None) for spot in found], Text(f"What is read; marked: what must be guessed ({len(learned)} of {len(found)})", f"模型读到的内容；标出的是要猜的（{len(found)} 个中的 {len(learned)} 个）")),
            _losses(learned[:BARS]),
            _table(found),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return {each["way"] for each in touched} == {MASK, NEXT}

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Go on with pre-training", "继续预训练"), "train", preset="stories-mlm")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.task.kind in STARTERS)
        return Trace(trained(run), "runs", run.id) if run else None


def _reader(knobs: Any, workspace: Workspace) -> tuple[Any, Any, str]:
    """(model, tokenizer, its name): the chosen run where it does what is asked, else the starter."""
    if knobs.reader and find_run(workspace, knobs.reader).recipe.task.kind == knobs.way:
        return *_models.tuned(workspace, find_run(workspace, knobs.reader)), knobs.reader
    name = STARTERS[knobs.way]
    return _models.model(workspace, name, knobs.way), _models.tokenizer(workspace, name), name


def _said(learned: list[Spot], size: int, name: str, masked: bool) -> Picture:
    mean = sum(spot.loss or 0 for spot in learned) / len(learned)
    right = sum(spot.guess == spot.wanted for spot in learned)
    blind = mean > math.log(size) - 1
    fresh = Text(
        " That is no better than blind: this encoder came without its guessing head, which begins at random. Pre-train it and look again.",
        "这和瞎猜一样：这个编码模型没有自带猜词的头，头是随机开始的。先继续预训练，再回来看。",
    )
    more = fresh if masked and blind and name == STARTERS[MASK] else Text("", "")
    return told(
        Text(
            f"{name}: {right} of {len(learned)} guessed right, loss {mean:.2f} per token; blind guessing over {size:,} tokens is ln V = {math.log(size):.2f}.{more.en}",
            f"{name}：{len(learned)} 个中猜对 {right} 个，每个词元的损失 {mean:.2f}；在 {size:,} 个词元里瞎猜是 ln V = {math.log(size):.2f}。{more.zh}",
        ),
        "bad" if more.en else "plain",
    )  # fmt: skip


def _losses(learned: list[Spot]) -> Picture:
    names: list[Named] = [f"{place} {spot.wanted.strip()}" for place, spot in enumerate(learned, 1)]
    series: dict[Named, Numbers] = {Text("loss", "损失"): [spot.loss for spot in learned]}
    return bars(
        Text("Loss of each token that is guessed", "每个要猜的词元的损失"),
        names,
        series,
        Text("loss", "损失"),
        form=".2f",
    )


def _table(found: list[Spot]) -> Picture:
    columns: list[Named] = [
        "#",
        Text("read", "读到"),
        Text("label", "标签"),
        Text("right", "正确答案"),
        Text("guess", "猜测"),
        Text("loss", "损失"),
    ]
    rows = [
        [place, spot.read, spot.label if spot.loss is not None else "−100", spot.wanted, f"{spot.guess} {spot.chance:.0%}" if spot.guess else "", "" if spot.loss is None else f"{spot.loss:.2f}"]
        for place, spot in enumerate(found, 1)
    ]  # fmt: skip
    return grid(columns, rows)
