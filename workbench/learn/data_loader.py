"""2.1 The data loader: rows of real lengths become batches; how much of a batch is padding, by order and by packing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, bars, facts, heat, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _models, _texts
from workbench.learn._seen import chosen, run_that, trained

ROWS, SHOWN, WIDE = 512, 16, 256
"""Rows that are loaded; rows of the wall that are drawn, and positions of each."""
ORDERS = (
    ("fixed", Text("all to the maximum", "一律补到最大")),
    ("stands", Text("as they stand", "原顺序")),
    ("shuffled", Text("shuffled", "打乱")),
    ("alike", Text("like with like", "长短相近同批")),
    ("sorted", Text("sorted", "按长度排序")),
    ("packed", Text("packed", "首尾相接")),
)
Batch = list[int]
"""Lengths of the rows of one batch."""


class Settings(Section):
    """How rows become batches."""

    dataset: str = knob("sentiment-en", Text("Dataset", "数据集"), Text("Whose rows.", "用谁的行。"))
    order: str = knob(
        "shuffled", Text("Order", "顺序"), Text("Which rows share a batch.", "哪些行同批。"), choices=ORDERS
    )
    batch: int = knob(8, Text("Batch size", "批大小"), Text("Rows at once.", "一次多少行。"), ge=1, le=32)
    length: int = knob(
        64, Text("Maximum length", "最大长度"), Text("What is longer is cut.", "更长的会被截断。"), ge=8, le=256
    )


def ordered(lengths: Sequence[int], order: str, batch: int) -> list[Batch]:
    """The lengths in batches."""
    found = list(lengths)
    if order == "sorted":
        found.sort()
    elif order in ("shuffled", "alike"):
        found = [found[place] for place in _places(found, order, batch)]
    return [found[start : start + batch] for start in range(0, len(found), batch)]


def _places(lengths: list[int], order: str, batch: int) -> list[int]:
    """Where each row comes from; like lengths by the sampler that training uses."""
    import random

    if order == "alike":
        from workbench.engine.order import LikeLengths

        return list(LikeLengths(lengths, batch, _texts.SEED))
    return random.Random(_texts.SEED).sample(range(len(lengths)), len(lengths))


def room(batches: list[Batch], order: str, longest: int) -> int:
    """Positions that are computed: rows times the longest of the batch, or of all; packed rows take just their own."""
    if order == "packed":
        return sum(map(sum, batches))
    return sum(len(batch) * (longest if order == "fixed" else max(batch)) for batch in batches)


def waste(lengths: Sequence[int], order: str, batch: int, longest: int) -> float:
    """The share of all positions that is padding."""
    return 1 - sum(lengths) / max(1, room(ordered(lengths, order, batch), order, longest))


@LABS.add
class DataLoader(Lab):
    """See the module."""

    kind = "data-loader"
    stop = "2.1"
    order = 43
    label = Text("The data loader", "数据加载器")
    idea = (
        Text(
            "A batch is a block: all its rows need one length. Short rows are filled up with padding, which is computed like everything else and "
            "thrown away.",
            "一个批次是一整块：其中各行必须一样长。短的行用填充补齐，填充和别的一样要计算，算完就扔掉。",
        ),
        Text(
            "Put rows of like lengths together and there is hardly any. Sorted altogether, every epoch would begin with the short rows: so pools are "
            "sorted, and batches shuffled.",
            "把长度相近的放在一起，填充就很少。全部排序则每一轮都从短行开始：所以只在小池里排序，再打乱批次。",
        ),
        Text(
            "Packing lays rows end to end without any padding; each row must then see only itself.",
            "打包把各行首尾相接，一点填充也没有；这时每一行只能看到自己。",
        ),
    )
    guess = Guess(
        Text("Padding has no loss and no gradient. It costs …", "填充没有损失也没有梯度。它的代价是……"),
        (
            Choice(
                Text("nothing", "没有代价"),
                Text(
                    "The model computes it in every layer before it is ignored. Half padding is half the time.",
                    "模型在每一层都要算它，最后才忽略。一半是填充，就浪费一半时间。",
                ),
            ),
            Choice(
                Text("time and memory like any token", "与其他词元一样的时间和内存"),
                Text(
                    "Right: a block is computed whole. Look at the positions computed.",
                    "对：整块都要计算。看看计算的位置数。",
                ),
                right=True,
            ),
            Choice(
                Text("accuracy: the model learns the padding", "准确率：模型会去学填充"),
                Text(
                    "Masks keep it out of attention and loss; the result stays the same.",
                    "掩码把它挡在注意力和损失之外；结果不变。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Pad everything to 256", "全部补到 256"), {"order": "fixed", "length": 256})
    far = True
    source = "Krell et al., Efficient Sequence Packing without Cross-contamination, arXiv:2107.02027"

    def choices(self, workspace: Workspace) -> dict[str, _texts.Offered]:
        return {"dataset": _texts.offered(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        lengths = tokens(workspace, knobs.dataset)
        cut = [min(length, knobs.length) for length in lengths]
        found = ordered(cut, knobs.order, knobs.batch)
        computed = room(found, knobs.order, knobs.length)
        shares = [waste(cut, order, knobs.batch, knobs.length) for order, _ in ORDERS]
        gone = sum(lengths) - sum(cut)
        return [
            _said(computed, sum(cut), sum(length > knobs.length for length in lengths)),
            _wall(found, knobs.order, knobs.length),
            bars(Text("Share of padding, by order", "填充占比，按顺序"), [text for _, text in ORDERS], {Text("padding", "填充"): shares}, Text("share", "比例"), form=".1%"),
            _spread(lengths, knobs.length),
            facts([
                (Text("Rows", "行数"), f"{len(lengths):,}"), (Text("Batches", "批次"), f"{len(found):,}"), (Text("Tokens kept", "保留的词元"), f"{sum(cut):,}"),
                (Text("Tokens cut off", "截掉的词元"), f"{gone:,}"), (Text("Positions computed", "计算的位置"), f"{computed:,}"),
            ]),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["order"] for each in touched}) >= 3

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train once with padding, and compare the time", "带填充训练一次，比较用时")
        return Real(label, "train", {"training.padding_free": False}, preset="persona")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: chosen(run, "training.padding_free"))
        return Trace(trained(run), "runs", run.id) if run else None


def tokens(workspace: Workspace, name: str) -> list[int]:
    """Tokens of each row, as the bilingual starter model reads them."""
    words = _models.tokenizer(workspace, _models.DECODER)
    found = _texts.texts(workspace, name)[:ROWS]
    if not found:
        from workbench.core.errors import UserError

        raise UserError(
            f"Dataset “{name}” has no texts; choose another.", f"数据集“{name}”没有文本；请换一个。", field="dataset"
        )
    return [max(1, len(ids)) for ids in words(found)["input_ids"]]


def _said(computed: int, kept: int, cut: int) -> Picture:
    share = 1 - kept / computed
    en, zh = (f" {cut} rows are cut.", f"有 {cut} 行被截断。") if cut else ("", "")
    return told(
        Text(f"{share:.1%} of what is computed is padding.{en}", f"计算的内容中有 {share:.1%} 是填充。{zh}"),
        "bad" if share > 0.4 else "good" if share < 0.1 else "plain",
    )


def _wall(found: list[Batch], order: str, longest: int) -> Picture:
    """The first rows as bricks: a token is 1 (in packed lines every other row a little less), padding small; a batch is as wide as its
    longest row."""
    rows: list[list[float | None]] = []
    names: list[str] = []
    for number, batch in enumerate(found[:SHOWN], 1):
        lines: list[list[float | None]]
        lines = [_line(batch)] if order == "packed" else [[1.0] * length for length in batch]
        wide = longest if order == "fixed" else max(map(len, lines))
        rows.extend([*line, *[0.18] * (wide - len(line))][:WIDE] for line in lines)
        names += [f"{number}.{place}" for place in range(1, len(lines) + 1)]
    rows, names = rows[:SHOWN], names[:SHOWN]
    wall = max(map(len, rows))
    for row in rows:
        row += [None] * (wall - len(row))
    title = Text("The first batches: dark a token, pale padding", "最前面的批次：深色是词元，浅色是填充")
    named = (Text("position", "位置"), Text("batch.row", "批.行"))
    step = max(8, wall // 64 * 8)
    return heat(title, rows, ["" if place % step else str(place) for place in range(wall)], names, named)


def _line(batch: Batch) -> list[float | None]:
    """The rows of a batch in one line."""
    return [0.6 if place % 2 else 1.0 for place, length in enumerate(batch) for _ in range(length)]


def _spread(lengths: list[int], longest: int) -> Picture:
    """How many rows have which length."""
    step = max(1, (max(lengths) + 15) // 16)
    counts = [0] * (max(lengths) // step + 1)
    for length in lengths:
        counts[length // step] += 1
    names = [f"{place * step}–{place * step + step - 1}" for place in range(len(counts))]
    title = Text(f"Lengths of the rows, in tokens (cut at {longest})", f"各行的长度，单位词元（在 {longest} 处截断）")
    return bars(title, names, {Text("rows", "行数"): counts}, Text("rows", "行数"))
