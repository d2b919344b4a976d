"""1.3 The threshold: from which probability on a classifier says yes; precision against recall, and why accuracy misleads."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, facts, heat, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _texts
from workbench.learn._seen import run_that, trained

STEPS = [step / 50 for step in range(51)]


class Settings(Section):
    """Where yes begins."""

    dataset: str = knob(
        "sentiment-en", Text("Dataset", "数据集"), Text("One with texts and labels.", "带有文本和标签的数据集。")
    )
    threshold: float = knob(
        0.5,
        Text("Threshold", "阈值"),
        Text("From this probability on the answer is yes.", "概率达到它，就回答“是”。"),
        ge=0,
        le=1,
    )
    rare: float = knob(
        0.3,
        Text("Share of yes", "“是”的占比"),
        Text(
            "Rows with the label are left out until they are this share, in training and validation alike.",
            "略去一部分带此标签的行，直到它们占这个比例，训练与验证相同。",
        ),
        ge=0.05,
        le=0.5,
    )
    label: str = knob(
        "",
        Text("Which label is yes", "哪个标签算“是”"),
        Text("Empty: the rarest one.", "留空：最少的那个。"),
    )


class Counts(NamedTuple):
    """Right and wrong answers of both kinds."""

    hit: int
    false: int
    missed: int
    calm: int

    @property
    def precision(self) -> float | None:
        """Of those said to be yes, how many are; nothing where nobody was."""
        return self.hit / (self.hit + self.false) if self.hit + self.false else None

    @property
    def recall(self) -> float | None:
        """Of those that are yes, how many were found."""
        return self.hit / (self.hit + self.missed) if self.hit + self.missed else None

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""
        return 2 * self.hit / (2 * self.hit + self.false + self.missed or 1)

    @property
    def accuracy(self) -> float:
        """Right answers of all."""
        return (self.hit + self.calm) / (sum(self) or 1)


def counted(scores: list[float], wanted: list[bool], threshold: float) -> Counts:
    """Answers at a threshold: yes from it on."""
    found = Counter(zip([score >= threshold for score in scores], wanted, strict=True))
    return Counts(found[True, True], found[True, False], found[False, True], found[False, False])


def thinned(pairs: _texts.Pairs, label: str, share: float) -> _texts.Pairs:
    """The pairs in a seeded order, with so many rows of the label left out that they are at most `share` of all."""
    others = [pair for pair in pairs if pair[1] != label]
    most = round(len(others) * share / (1 - share))
    kept = _texts.mixed([pair for pair in pairs if pair[1] == label])[: max(2, most)]
    return _texts.mixed([*others, *kept])


def scored(train: _texts.Pairs, asked: list[str], label: str) -> list[float]:
    """The probability of yes for every text asked, by TF-IDF and logistic regression."""
    from sklearn.linear_model import LogisticRegression

    seen, others, _ = _texts.vectors([text for text, _ in train], asked)
    with _texts.one_thread():
        model = LogisticRegression(max_iter=300).fit(seen, [said == label for _, said in train])
        return [float(each) for each in model.predict_proba(others)[:, 1]]


@LABS.add
class Threshold(Lab):
    """See the module."""

    kind = "threshold"
    stop = "1.3"
    order = 31
    label = Text("The threshold", "阈值")
    idea = (
        Text(
            "A classifier gives a probability; the threshold turns it into yes or no. Precision: of those called yes, how many are. "
            "Recall: of those that are yes, how many were found.",
            "分类器给出的是概率；阈值把它变成“是”或“否”。精确率：说“是”的里面有多少真的是。召回率：真的是的里面找到了多少。",
        ),
        Text(
            "A higher threshold says yes less often: recall can only fall, precision usually rises. F1 is high only when both are.",
            "阈值越高，说“是”越少：召回率只会下降，精确率通常上升。两者都高，F1 才高。",
        ),
        Text(
            "Where yes is rare, always saying no has a high accuracy and is worthless. That is why a report card shows macro F1 too.",
            "“是”很少见时，永远说“否”准确率也很高，却毫无用处。所以成绩单上还有宏平均 F1。",
        ),
    )
    guess = Guess(
        Text(
            "5 of 100 mails are spam. A filter has an accuracy of 95 %. It …",
            "100 封邮件里有 5 封垃圾邮件。一个过滤器准确率 95%，它……",
        ),
        (
            Choice(
                Text("finds most of the spam", "找出了大部分垃圾邮件"),
                Text(
                    "Accuracy does not tell: 95 of the 100 answers are right without finding any.",
                    "准确率说明不了：一封也没找到，100 个回答里也有 95 个正确。",
                ),
            ),
            Choice(
                Text("may find none at all", "可能一封也没找到"),
                Text(
                    "Always “no” is right 95 times. Recall would be 0. Move the threshold to 1 and look.",
                    "永远说“否”就对了 95 次，而召回率是 0。把阈值移到 1 看看。",
                ),
                right=True,
            ),
            Choice(
                Text("is wrong on 5 % of the spam", "在 5% 的垃圾邮件上出错"),
                Text(
                    "5 % of all mails, which may be every single spam mail.",
                    "是全部邮件的 5%，可能恰好就是每一封垃圾邮件。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("Never say yes", "永远不说“是”"), {"threshold": 1.0, "rare": 0.05})
    source = "Saito & Rehmsmeier, The Precision-Recall Plot Is More Informative than the ROC Plot, PLOS ONE 2015"

    def choices(self, workspace: Workspace) -> dict[str, _texts.Offered]:
        return {"dataset": _texts.offered(workspace, "text", "label")}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        train, valid = _texts.labelled(workspace, knobs.dataset)
        label = _label(knobs.label, train)
        train, valid = thinned(train, label, knobs.rare), thinned(valid, label, knobs.rare)
        wanted = [said == label for _, said in valid]
        scores = scored(train, [text for text, _ in valid], label)
        now, never = counted(scores, wanted, knobs.threshold), counted(scores, wanted, 2.0)
        along = [counted(scores, wanted, step) for step in STEPS]
        return [
            _said(label, now, never),
            _along(along, knobs.threshold),
            _against(along, now),
            _four(now),
            _numbers(now, never),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return {each["threshold"] < 0.4 for each in touched} >= {True} and any(
            each["threshold"] > 0.6 for each in touched
        )

    def real(self, workspace: Workspace) -> Real:
        run = self._run(workspace)
        if run is None:
            return Real(
                Text("Train a classifier and read its report card", "训练一个分类器并读它的成绩单"),
                "train",
                preset="sentiment-en",
            )
        return Real(Text("Read the report card of your run", "读你的训练任务的成绩单"), "evaluate", run=run.id)

    def _run(self, workspace: Workspace) -> Any:
        return run_that(workspace, lambda run: run.report and run.recipe.task.kind == "text-classification")

    def done(self, workspace: Workspace) -> Trace | None:
        run = self._run(workspace)
        return Trace(trained(run), "evaluate", run.id) if run else None


def _label(wished: str, train: _texts.Pairs) -> str:
    from workbench.core.errors import UserError, shorten

    count = Counter(label for _, label in train)
    if not wished.strip():
        return min(count, key=lambda label: (count[label], label))
    if wished.strip() in count:
        return wished.strip()
    known = ", ".join(shorten(label, 30) for label, _ in count.most_common(10))
    raise UserError(
        f"There is no label “{shorten(wished)}” here. There are: {known}.",
        f"这里没有标签“{shorten(wished)}”。现有：{known}。",
        field="label",
    )


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _said(label: str, now: Counts, never: Counts) -> Picture:
    if not now.hit + now.false:
        return told(
            Text(
                f"Nobody is called “{label}”: recall 0, precision does not exist, and yet accuracy is {now.accuracy:.1%}.",
                f"没有一行被判为“{label}”：召回率为 0，精确率不存在，准确率却有 {now.accuracy:.1%}。",
            ),
            "bad",
        )
    return told(
        Text(
            f"“{label}”: {now.hit} found, {now.missed} missed, {now.false} false alarms. Accuracy {now.accuracy:.1%}; "
            f"always saying no would have {never.accuracy:.1%}.",
            f"“{label}”：找到 {now.hit} 行，漏掉 {now.missed} 行，误报 {now.false} 行。准确率 {now.accuracy:.1%}；永远说“否”是 {never.accuracy:.1%}。",
        )
    )


def _along(along: list[Counts], threshold: float) -> Picture:
    named: dict[Text | str, list[float | None]] = {
        Text("precision", "精确率"): [each.precision for each in along],
        Text("recall", "召回率"): [each.recall for each in along],
        Text("F1", "F1 值"): [each.f1 for each in along],
        Text("accuracy", "准确率"): [each.accuracy for each in along],
    }
    return lines(
        Text("What the threshold trades", "阈值在交换什么"),
        {name: (STEPS, values) for name, values in named.items()},
        Text("threshold", "阈值"),
        Text("share", "比例"),
        marks={threshold: Text("now", "现在")},
    )


def _against(along: list[Counts], now: Counts) -> Picture:
    pairs = [(each.recall, each.precision) for each in along if each.precision is not None]
    here = [(now.recall, now.precision)] if now.precision is not None else []
    return lines(
        Text("Precision against recall", "精确率与召回率"),
        {
            Text("every threshold", "所有阈值"): (
                [recall for recall, _ in pairs],
                [precision for _, precision in pairs],
            ),
            Text("now", "现在"): ([recall for recall, _ in here], [precision for _, precision in here]),
        },
        Text("recall", "召回率"),
        Text("precision", "精确率"),
        points=["now"],
    )


def _four(now: Counts) -> Picture:
    yes, no = Text("yes", "是"), Text("no", "否")
    named = (Text("answered", "回答"), Text("is", "实际"))
    cells = [[now.hit, now.missed], [now.false, now.calm]]
    return heat(Text("Confusion matrix", "混淆矩阵"), cells, [yes, no], [yes, no], named, written=True)


def _numbers(now: Counts, never: Counts) -> Picture:
    return facts(
        [
            (Text("Precision", "精确率"), _share(now.precision)),
            (Text("Recall", "召回率"), _share(now.recall)),
            (Text("F1", "F1 值"), f"{now.f1:.4f}"),
            (Text("Accuracy", "准确率"), _share(now.accuracy)),
            (Text("Accuracy of always no", "永远说“否”的准确率"), _share(never.accuracy)),
        ]
    )
