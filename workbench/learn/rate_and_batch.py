"""4.3 Learning rate and batch size: real trainings of a small net on the learner's own rows, three seeds each; and what unequal
micro-batches do to a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _labelled
from workbench.learn._labelled import Labelled
from workbench.learn._seen import finished

FEATURES, HIDDEN = 256, 32
ROWS, SHOWN = 400, 640
"""Rows used, and rows shown to each training: the same budget whatever the batch size."""
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
SEEDS = (0, 1, 2)
WHOLE = 8
"""Rows of the step that is taken in two micro-batches."""
Data = tuple[Any, Any, int]


class Settings(Section):
    """One training, and how its step is cut."""

    data: str = knob(
        _labelled.FIRST, Text("Dataset", "数据集"), Text("Labelled rows, your own or a sample.", "带标签的行：你自己的或示例。")
    )  # fmt: skip
    learning_rate: float = knob(
        0.01,
        Text("Learning rate", "学习率"),
        Text("Of Adam.", "Adam 的学习率。"),
        choices=tuple((rate, Text(f"{rate:g}", f"{rate:g}")) for rate in (*RATES, 1.0, 3.0)),
    )
    batch: int = knob(
        16, Text("Batch size", "批大小"), Text("Every training sees the same 640 rows: larger batches take fewer steps.", "每次训练都看 640 行：批越大，步数越少。"), ge=4, le=64
    )  # fmt: skip
    first: int = knob(
        6, Text("Rows of the first micro-batch", "第一个微批的行数"), Text("A step of 8 rows is cut in two; 4 is half.", "8 行的一步切成两个微批；4 表示平分。"), ge=1, le=7
    )  # fmt: skip


@lru_cache(maxsize=8)
def tensors(rows: tuple[Labelled, ...]) -> Data:
    """(hashed words of shape (rows, FEATURES), labels, number of labels)."""
    import torch
    from sklearn.feature_extraction.text import HashingVectorizer

    from workbench.metrics._words import Words

    names = sorted({each.label for each in rows})
    made = HashingVectorizer(tokenizer=Words().tokenize, token_pattern=None, lowercase=False, n_features=FEATURES)
    values = made.transform([each.text for each in rows]).toarray()
    labels = torch.tensor([names.index(each.label) for each in rows])
    return torch.tensor(values, dtype=torch.float32) * 4, labels, len(names)


def net(labels: int, seed: int) -> Any:
    """Two layers."""
    import torch

    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(FEATURES, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, labels))


def curve(data: Data, rate: float, batch: int, seed: int, looks: int = 20) -> tuple[list[int], list[float]]:
    """(rows seen, held-out loss) of one training, looked at so often; a quarter of the rows is held out."""
    import torch
    from torch.nn.functional import cross_entropy

    values, labels, count = data
    held = len(values) // 4
    model = net(count, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    order = torch.randint(held, len(values), (SHOWN,), generator=torch.Generator().manual_seed(seed))
    steps = [order[start : start + batch] for start in range(0, SHOWN, batch)]
    seen, losses = [0], [_held(model, values[:held], labels[:held])]
    for number, step in enumerate(steps, 1):
        optimizer.zero_grad()
        cross_entropy(model(values[step]), labels[step]).backward()
        optimizer.step()
        if number % max(1, len(steps) // looks) == 0 or number == len(steps):
            seen.append(min(number * batch, SHOWN))
            losses.append(_held(model, values[:held], labels[:held]))
    return seen, losses


def _held(model: Any, values: Any, labels: Any) -> float:
    import torch
    from torch.nn.functional import cross_entropy

    with torch.inference_mode():
        return float(cross_entropy(model(values), labels))


def accumulated(data: Data, first: int) -> tuple[float, float]:
    """How far the gradient of two micro-batches (`first` rows, the rest of WHOLE) is from that of the whole, as a share of its length:
    (the mean of both means, each weighted by its rows)."""
    import torch

    values, labels, count = data
    model = net(count, 0)

    def gradient(start: int, end: int) -> Any:
        model.zero_grad()
        torch.nn.functional.cross_entropy(model(values[start:end]), labels[start:end]).backward()
        return torch.cat([each.grad.flatten() for each in model.parameters()])

    whole, one, other = gradient(0, WHOLE), gradient(0, first), gradient(first, WHOLE)
    weighted = (first * one + (WHOLE - first) * other) / WHOLE
    size = whole.norm()
    return float(((one + other) / 2 - whole).norm() / size), float((weighted - whole).norm() / size)


@LABS.add
class RateAndBatch(Lab):
    """See the module."""

    kind = "rate-and-batch"
    stop = "4.3"
    order = 77
    label = Text("Learning rate and batch size", "学习率与批大小")
    idea = (
        Text(
            "Too small a learning rate gets nowhere within the budget, too large a one jumps about or breaks. Between lies a broad valley; "
            "its place depends on model, method and batch size, so it is searched for.",
            "学习率太小，预算内走不到；太大，来回乱跳甚至崩掉。中间是一段宽阔的谷底，位置取决于模型、方法和批大小，所以要搜索。",
        ),
        Text(
            "Every training here is real and done three times with other random numbers. Two settings differ only where their bands do not overlap.",
            "这里的每次训练都是真的，并用不同随机种子做三次。只有两条带子不重叠，才能说两组设置真有差别。",
        ),
    )
    guess = Guess(
        Text(
            "Memory is short, so a step of 8 rows is cut into micro-batches of 6 and 2, and their mean gradients are averaged. The step is …",
            "内存不够，把 8 行的一步切成 6 行和 2 行两个微批，再平均两个平均梯度。这一步……",
        ),
        (
            Choice(
                Text("the same as with 8 rows", "与 8 行一起算相同"),
                Text(
                    "Only when both are of the same size. Here each of the 2 rows counts as much as 3 of the others.",
                    "只有两个微批一样大时才是。这里 2 行中的每一行顶得上另外 3 行。",
                ),
            ),
            Choice(
                Text("another one: the 2 rows count too much", "不一样：那 2 行算得太重"),
                Text(
                    "Yes. Weighted by rows (for language models: by tokens) it is the same again.",
                    "对。按行数（语言模型按词元数）加权，就又相同了。",
                ),
                right=True,
            ),
            Choice(
                Text("the same but slower", "相同，只是更慢"),
                Text("Slower, yes; look at the bars for the rest.", "确实更慢；其余请看柱状图。"),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Far too large a rate", "学习率大得离谱"), {"learning_rate": 3.0})
    far = True
    source = "Smith, Cyclical Learning Rates, arXiv:1506.01186; Goyal et al., Accurate, Large Minibatch SGD, arXiv:1706.02677"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        return {"data": _labelled.choices(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        data = tensors(tuple(_labelled.rows(workspace, knobs.data, ROWS)))
        ours = [curve(data, knobs.learning_rate, knobs.batch, seed) for seed in SEEDS]
        swept = {rate: [curve(data, rate, knobs.batch, seed, 1)[1][-1] for seed in SEEDS] for rate in RATES}
        apart = accumulated(data, knobs.first)
        return [
            _said(knobs, [losses[-1] for _, losses in ours], swept),
            _band(
                Text(f"Learning rate {knobs.learning_rate:g}, batch size {knobs.batch}", f"学习率 {knobs.learning_rate:g}，批大小 {knobs.batch}"),
                ours[0][0], list(zip(*(losses for _, losses in ours), strict=True)), Text("rows seen", "看过的行数"),
            ),
            _band(Text("The end of 21 trainings", "21 次训练的终点"), list(RATES), list(swept.values()), Text("learning rate", "学习率"), log="x"),
            _apart(knobs.first, apart),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["learning_rate"] for each in touched}) >= 3 or len({each["first"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Train with half the batch size, then search for a rate", "用一半的批大小训练，再搜索学习率")
        return Real(label, "train", {"training.per_device_train_batch_size": 8}, preset="sentiment-zh")

    def done(self, workspace: Workspace) -> Trace | None:
        rates: dict[tuple[str, ...], set[float]] = {}
        for run in finished(workspace):
            recipe = run.recipe
            tried = rates.setdefault((recipe.data.dataset, recipe.model.id, recipe.method.kind), set())
            tried.add(recipe.training.learning_rate)
            if len(tried) >= 2:
                said = Text(
                    f"“{recipe.data.dataset}” was trained on with several learning rates",
                    f"“{recipe.data.dataset}”用多个学习率训练过",
                )
                return Trace(said, "runs", run.id)
        return None


def _said(knobs: Any, ends: Sequence[float], swept: dict[float, list[float]]) -> Picture:
    best = min(swept, key=lambda rate: sum(swept[rate]))
    low, high = min(ends), max(ends)
    worse = low > max(swept[best])
    en = "worse than the best of the sweep, whatever the seed" if worse else "within the noise of the best"
    zh = "不管哪个种子都比扫描中最好的差" if worse else "与最好的相比，差别在噪声之内"
    return told(
        Text(
            f"Held-out loss at the end: {low:.3f} to {high:.3f} over three seeds; {en} ({best:g}: {min(swept[best]):.3f} to {max(swept[best]):.3f}).",
            f"三个种子的最终留出损失：{low:.3f} 到 {high:.3f}；{zh}（{best:g}：{min(swept[best]):.3f} 到 {max(swept[best]):.3f}）。",
        ),
        "bad" if low > 1.5 * max(swept[best]) else "plain",
    )


def _band(title: Text, xs: Sequence[float], losses: Sequence[Sequence[float]], x: Text, **look: Any) -> Picture:
    """Mean, lowest and highest of the seeds."""
    series: dict[Named, tuple[Numbers, Numbers]] = {
        Text("mean of 3 seeds", "三个种子的平均"): (xs, [sum(each) / len(each) for each in losses]),
        Text("lowest", "最低"): (xs, [min(each) for each in losses]),
        Text("highest", "最高"): (xs, [max(each) for each in losses]),
    }
    return lines(title, series, x, Text("held-out loss", "留出损失"), **look)


def _apart(first: int, apart: tuple[float, float]) -> Picture:
    names = [Text("mean of both means", "两个平均再平均"), Text("weighted by rows", "按行数加权")]
    title = Text(
        f"Off the gradient of {WHOLE} rows, in {first} + {WHOLE - first}",
        f"切成 {first} + {WHOLE - first} 行，与 {WHOLE} 行的梯度相差",
    )
    return bars(
        title,
        names,
        {Text("difference", "差异"): list(apart)},
        Text("share of its length", "占梯度长度的比例"),
        form=".2~g",
    )
