"""4.1 Cleaning: dirt that is planted and counted, the workbench's own cleaning steps, and what a model trained before and after is worth."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, grid, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.step import CLEANING, Row, View, replay
from workbench.learn import _labelled
from workbench.learn._labelled import Labelled

ROWS = 900
"""Rows of the dataset that are used."""
SEED = 0
VIEW = View(["text", "label", "split", "dirt"], {"text": "text", "label": "label", "split": "split"})
KINDS = {
    "wrong": Text("wrong label", "标签写错"),
    "copy": Text("exact copy", "完全重复"),
    "near": Text("near copy", "近似重复"),
    "leak": Text("leaked from the held-out rows", "从留出行泄漏"),
}


class Settings(Section):
    """What is planted, and which steps are taken."""

    data: str = knob(
        _labelled.FIRST, Text("Dataset", "数据集"), Text("Labelled rows, your own or a sample.", "带标签的行：你自己的或示例。")
    )  # fmt: skip
    dirt: float = knob(
        0.2, Text("Planted dirt", "人为弄脏的比例"), Text("Share of rows of each kind of dirt; 0 leaves your rows as they are.", "每种脏数据所占比例；0 表示保持原样。"), ge=0, le=0.4
    )  # fmt: skip
    near: float = knob(
        0.8, Text("Near duplicates from", "近似重复阈值"), Text("Similarity from which two rows count as the same.", "相似度达到此值的两行视为重复。"), ge=0.3, le=1
    )  # fmt: skip
    leakage: bool = knob(
        True, Text("Stop leakage", "防止泄漏"), Text("Drop training rows that are held-out rows.", "去掉与留出行相同的训练行。")
    )  # fmt: skip
    errors: bool = knob(
        True, Text("Drop suspicious labels", "去掉可疑标签"), Text("Confident learning: a small model judges rows it did not see.", "置信学习：用小模型判断它没见过的行。")
    )  # fmt: skip


class Soiled(NamedTuple):
    """Training rows with dirt in them, the held-out rows that leaked in part, and rows that nobody has seen."""

    train: list[Row]
    held: list[Labelled]
    fresh: list[Labelled]


def soiled(given: Sequence[Labelled], dirt: float) -> Soiled:
    """The rows in three parts (half, a quarter, a quarter), with `dirt` of each kind planted into the first; `dirt` says which."""
    chance, rows = Random(SEED), list(given)
    chance.shuffle(rows)
    quarter = len(rows) // 4
    held, fresh, train = rows[:quarter], rows[quarter : 2 * quarter], rows[2 * quarter :]
    labels, count = sorted({each.label for each in rows}), round(dirt * len(train))
    made = [_row(each) for each in train]
    for place in chance.sample(range(len(train)), count):
        others = [label for label in labels if label != train[place].label]
        made[place] = {**made[place], "label": chance.choice(others), "dirt": "wrong"}
    copied = chance.sample(range(len(train)), min(count, len(train)))
    made += [{**made[place], "dirt": "copy"} for place in copied[: count // 2]]
    made += [{**made[place], "text": _near(made[place]["text"]), "dirt": "near"} for place in copied[count // 2 :]]
    made += [{**_row(each), "dirt": "leak"} for each in held[: min(count, len(held))]]
    return Soiled(made, held, fresh)


def _row(each: Labelled) -> Row:
    return {"text": each.text, "label": each.label, "split": "train", "dirt": ""}


def _near(text: str) -> str:
    """The same with a character more near its end."""
    return f"{text[:-1]}啊{text[-1:]}" if any("\u4e00" <= each <= "\u9fff" for each in text) else f"{text} Ok"


Stage = tuple[Text, list[Row], Any]
"""A step's label, the training rows it left, and what it did (None before the first)."""


def cleaned(dirty: Soiled, knobs: Any) -> list[Stage]:
    """The training rows as they are, and after each of the chosen steps. Only the step against leakage is told of the held-out rows."""
    held = [{"text": each.text, "label": each.label, "split": "validation", "dirt": ""} for each in dirty.held]
    steps: list[dict[str, Any]] = [{"kind": "leakage"}] if knobs.leakage else []
    steps += [{"kind": "exact_duplicates"}, {"kind": "near_duplicates", "threshold": knobs.near}]
    steps += [{"kind": "label_errors"}] if knobs.errors else []
    stages: list[Stage] = [(Text("as they are", "原样"), dirty.train, None)]
    for step in steps:
        beside = held if step["kind"] == "leakage" else []
        left, (effect,) = replay([*stages[-1][1], *beside], VIEW, [step])
        stages.append((CLEANING.get(step["kind"]).label, [row for row in left if row["split"] == "train"], effect))
    return stages


def _scores(rows: Sequence[Row], dirty: Soiled) -> tuple[float, float]:
    """Right on the held-out rows (some may have leaked), and on fresh ones."""
    model = _labelled.trained([Labelled(row["text"], row["label"]) for row in rows])
    return _labelled.share(model, dirty.held), _labelled.share(model, dirty.fresh)


@LABS.add
class Cleaning(Lab):
    """See the module."""

    kind = "cleaning"
    stop = "4.1"
    order = 65
    label = Text("Cleaning", "数据清洗")
    idea = (
        Text(
            "Wrong labels teach what is false, duplicates count one opinion twice, and rows that leaked from the held-out part make every "
            "score too good: the model has seen the answers.",
            "错误的标签教错东西，重复的行把同一意见算两次，而从留出部分泄漏进来的行会让分数虚高：模型已经见过答案。",
        ),
        Text(
            "Here dirt is planted into your rows, so that it can be counted what each step finds, and what it takes by mistake. Two scores "
            "tell the effect: on held-out rows that leaked, and on rows that nobody has seen.",
            "这里把脏数据人为放进你的行里，于是能数出每一步找到了多少、误删了多少。两个分数说明效果：泄漏过的留出行，和谁也没见过的行。",
        ),
    )
    guess = Guess(
        Text(
            "Some held-out rows also stand among the training rows. The score on the held-out rows is then …",
            "有些留出行也混进了训练数据。这时留出行上的分数……",
        ),
        (
            Choice(
                Text("right: held-out is held-out", "是准的：留出的就是留出的"),
                Text(
                    "They are not held out any more: the model was told their labels.",
                    "它们已经不算留出了：模型学过它们的标签。",
                ),
            ),
            Choice(
                Text("too good", "虚高"),
                Text(
                    "Yes: it is partly a test of memory. Only rows that nobody has seen tell the truth.",
                    "对：它有一部分考的是记忆。只有谁也没见过的行才说真话。",
                ),
                right=True,
            ),
            Choice(
                Text("too low: copies confuse the model", "偏低：重复的行让模型糊涂"),
                Text(
                    "A row it has seen with its label is easier, not harder. Compare both bars.",
                    "见过并知道标签的行只会更容易。比较一下两种柱子。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Clean far too hard", "清洗过头"), {"near": 0.3})
    far = True
    source = "Lee et al., Deduplicating Training Data Makes Language Models Better, arXiv:2107.06499; Northcutt et al., Confident Learning, arXiv:1911.00068"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        return {"data": _labelled.choices(workspace)}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        dirty = soiled(_labelled.rows(workspace, knobs.data, ROWS), knobs.dirt)
        stages = cleaned(dirty, knobs)
        scores = [_scores(rows, dirty) for _, rows, _ in stages]
        return [
            _said(scores, stages, len(dirty.fresh)),
            _effect(stages, scores),
            _funnel(stages),
            _found(dirty, stages[-1][1]),
            _gone([effect for _, _, effect in stages if effect]),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["near"] for each in touched}) >= 2 or len({each["errors"] for each in touched}) == 2

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Clean your own rows", "清洗你自己的数据"), "data")

    def done(self, workspace: Workspace) -> Trace | None:
        for dataset in library.all_datasets(workspace):
            steps = [each for each in dataset.meta.get("steps") or [] if each.get("kind") in CLEANING.kinds()]
            if not dataset.sample and steps:
                said = Text(
                    f"“{dataset.name}”, version {dataset.version}: {len(steps)} steps",
                    f"“{dataset.name}”第 {dataset.version} 版：{len(steps)} 步",
                )
                return Trace(said, "data")
        return None


def _said(scores: Sequence[tuple[float, float]], stages: Sequence[Stage], fresh: int) -> Picture:
    (held, first), (_, last), rows, left = scores[0], scores[-1], len(stages[0][1]), len(stages[-1][1])
    off = 1.96 * (max(last * (1 - last), 1e-4) / fresh) ** 0.5
    return told(
        Text(
            f"{rows - left} of {rows} training rows go. As they are, the held-out score is {100 * (held - first):+.1f} points off what fresh rows "
            f"say. On fresh rows: {first:.1%} before, {last:.1%} after (chance alone: ± {100 * off:.1f} points).",
            f"{rows} 行训练数据去掉了 {rows - left} 行。原样训练时，留出分数与没见过的行相差 {100 * (held - first):+.1f} 个百分点。"
            f"没见过的行上：清洗前 {first:.1%}，清洗后 {last:.1%}（仅偶然误差就有 ±{100 * off:.1f} 个百分点）。",
        )
    )


def _effect(stages: Sequence[Stage], scores: Sequence[tuple[float, float]]) -> Picture:
    held, fresh = zip(*scores, strict=True)
    series: dict[Named, Numbers] = {
        Text("held-out rows (some leaked)", "留出行（部分已泄漏）"): held,
        Text("rows nobody has seen", "没见过的行"): fresh,
    }
    title = Text("A model trained after each step", "每一步之后训练出的模型")
    return bars(title, [name for name, _, _ in stages], series, Text("accuracy", "准确率"), form=".0%")


def _funnel(stages: Sequence[Stage]) -> Picture:
    title, rows = Text("Training rows after each step", "每一步之后的训练行数"), Text("rows", "行")
    return bars(title, [name for name, _, _ in stages], {rows: [len(left) for _, left, _ in stages]}, rows)


def _found(dirty: Soiled, clean: Sequence[Row]) -> Picture:
    """Planted and still there, by kind; and good rows that went."""
    rows = []
    for kind, name in {**KINDS, "": Text("nothing wrong with it", "没有问题的行")}.items():
        was, now = (sum(row["dirt"] == kind for row in each) for each in (dirty.train, clean))
        rows.append([name, was, was - now, f"{(was - now) / was:.0%}" if was else "–"])
    columns = [Text("dirt", "脏数据"), Text("rows", "行数"), Text("gone", "去掉"), Text("share", "比例")]
    return grid(columns, rows, Text("What was planted, and what was found", "放进去的，和找出来的"))


def _gone(effects: Sequence[Any]) -> Picture:
    """A few rows that go, and why."""
    gone = [each for effect in effects for each in [one for one in effect.examples if one["reason"]][:3]]
    columns = [Text("row", "行"), Text("why it goes", "为什么去掉")]
    return grid(
        columns,
        [[each["before"].split("\n")[0][:120], each["reason"]] for each in gone],
        Text("Some that go", "其中一些"),
    )
