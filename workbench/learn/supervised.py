"""1.3 Supervised learning: a cheap model on your own labels, training against validation; over- and under-fitting."""

from __future__ import annotations

import random
from typing import Any

from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, grid, heat, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn import _texts
from workbench.learn._seen import run_that, trained
from workbench.models.tfidf import majority

SIZES = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the training rows that are learned from in turn."""
GAP = 0.1
"""Accuracy on training rows above that on validation rows: by so much is it told."""
MODELS = (
    ("logistic", Text("TF-IDF + logistic regression", "TF-IDF + 逻辑回归")),
    ("nearest", Text("TF-IDF + nearest row", "TF-IDF + 最近的一行")),
    ("majority", Text("Always the most frequent label", "永远回答最常见的标签")),
)


class Settings(Section):
    """What learns, from what."""

    dataset: str = knob(
        "sentiment-en", Text("Dataset", "数据集"), Text("One with texts and labels.", "带有文本和标签的数据集。")
    )
    model: str = knob("logistic", Text("Model", "模型"), Text("What learns.", "由谁来学。"), choices=MODELS)
    freedom: float = knob(
        0.0,
        Text("Freedom (log₁₀ C)", "自由度（log₁₀ C）"),
        Text(
            "Logistic regression: low holds the weights near 0, high lets them grow.",
            "逻辑回归：低则权重贴近 0，高则任其增长。",
        ),
        ge=-4,
        le=4,
    )
    wrong: float = knob(
        0.0,
        Text("Wrong labels", "错误标签"),
        Text("Share of the training labels that are replaced by another.", "训练标签中被换成别的标签的比例。"),
        ge=0,
        le=0.5,
    )
    own: bool = knob(
        False,
        Text("The dataset's own held-out rows", "用数据集自带的留出行"),
        Text(
            "Else a quarter of the training rows validates. In the samples, the held-out rows use words that no training row has.",
            "否则用训练行的四分之一来验证。示例数据的留出行用的是训练行里没有的词。",
        ),
    )


def spoiled(pairs: _texts.Pairs, share: float, labels: list[str]) -> _texts.Pairs:
    """The pairs, a seeded share of them with another label."""
    dice = random.Random(_texts.SEED)
    others = {label: [other for other in labels if other != label] or [label] for label in labels}
    return [(text, dice.choice(others[label]) if dice.random() < share else label) for text, label in pairs]


def answered(knobs: Any, train: _texts.Pairs, asked: list[str]) -> list[str]:
    """The labels that a model, having learned from `train`, gives to `asked`."""
    labels = [label for _, label in train]
    if knobs.model == "majority" or len(set(labels)) < 2:
        return majority(labels, len(asked))
    seen, others, _ = _texts.vectors([text for text, _ in train], asked)
    return [str(label) for label in _learner(knobs).fit(seen, labels).predict(others)]


def _learner(knobs: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    return (
        KNeighborsClassifier(1) if knobs.model == "nearest" else LogisticRegression(C=10**knobs.freedom, max_iter=300)
    )


def scores(said: list[str], wanted: list[str]) -> tuple[float, float]:
    """(accuracy, macro F1)."""
    from sklearn.metrics import accuracy_score, f1_score

    return float(accuracy_score(wanted, said)), float(f1_score(wanted, said, average="macro", zero_division=0))


@LABS.add
class Supervised(Lab):
    """See the module."""

    kind = "supervised"
    stop = "1.3"
    order = 30
    label = Text("Learning from labels", "监督学习")
    idea = (
        Text(
            "Supervised learning finds a rule from texts with answers. Whether it learned or only remembered shows on rows it has never seen: "
            "the validation set.",
            "监督学习从带答案的文本中找规律。到底是学会了还是只是记住了，要看它从没见过的行：验证集。",
        ),
        Text(
            "Underfitting: bad on both. Overfitting: much better on training rows than on validation rows. More rows close the gap; "
            "more freedom opens it.",
            "欠拟合：两边都差。过拟合：训练行上远好于验证行。数据更多，差距缩小；自由度更大，差距拉大。",
        ),
        Text(
            "Always answering the most frequent label is the baseline. A fine-tuned model that does not beat cheap models is not worth its time.",
            "永远回答最常见的标签就是基线。微调后的模型若胜不过廉价模型，就不值得花那些时间。",
        ),
    )
    guess = Guess(
        Text("A model gets 100 % of its training rows right. Then it is …", "模型把训练行 100% 答对了，那么它……"),
        (
            Choice(
                Text("perfect", "完美"),
                Text(
                    "“Nearest row” is always right on rows it keeps: it finds each row itself. Look at its validation line.",
                    "“最近的一行”在自己存下的行上永远正确：它找到的就是这一行本身。看看它的验证曲线。",
                ),
            ),
            Choice(
                Text("unknown: validation rows decide", "不知道：要看验证行"),
                Text(
                    "Right: remembering is enough for 100 %. Only unseen rows tell what was learned.",
                    "对：死记就能得 100%。只有没见过的行才说明学到了什么。",
                ),
                right=True,
            ),
            Choice(
                Text("overfitted, so useless", "过拟合，所以没用"),
                Text(
                    "Not by itself: with clean labels a model can be right everywhere. The gap to validation counts, not the 100 %.",
                    "不一定：标签干净时，模型可以处处正确。要看与验证集的差距，而不是 100% 本身。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("Learn 40 % wrong labels by heart", "把 40% 的错误标签背下来"),
        {"model": "nearest", "wrong": 0.4},
    )
    source = "Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, chapter 7"

    def choices(self, workspace: Workspace) -> dict[str, _texts.Offered]:
        return {"dataset": _texts.offered(workspace, "text", "label")}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:

        train, heldout = _texts.labelled(workspace, knobs.dataset, knobs.own)
        labels = sorted({label for _, label in train})
        train = spoiled(_texts.mixed(train), knobs.wrong, labels)
        wanted, count = [label for _, label in heldout], [max(2, round(len(train) * share)) for share in SIZES]
        with _texts.one_thread():
            learned = [_round(knobs, train[:size], heldout) for size in count]
        usual = scores(majority([label for _, label in train], len(wanted)), wanted)
        ends = [(old, scores(said, wanted)) for old, said in learned]
        return [
            _said(*ends[-1], usual, knobs.own),
            _curves(count, ends, usual),
            _confusion(learned[-1][1], wanted, sorted({*labels, *wanted})),
            _table(ends[-1], usual),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["model"] for each in touched}) >= 2 and len({each["freedom"] for each in touched}) >= 2

    def real(self, workspace: Workspace) -> Real:
        label = Text("Fine-tune on the same labels, with baselines", "用同样的标签微调，并与基线比较")
        return Real(label, "train", {"evaluation.baseline": True}, preset="sentiment-en")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.task.kind == "text-classification" and (run.report or {}).get("baseline"))  # fmt: skip
        return Trace(trained(run), "runs", run.id) if run else None


def _round(knobs: Any, train: _texts.Pairs, heldout: _texts.Pairs) -> tuple[tuple[float, float], list[str]]:
    """(scores on the rows learned from, answers on those held out)."""
    said = answered(knobs, train, [text for text, _ in [*train, *heldout]])
    return scores(said[: len(train)], [label for _, label in train]), said[len(train) :]


def _said(train: tuple[float, float], valid: tuple[float, float], usual: tuple[float, float], own: bool) -> Picture:
    gap = f"{train[0]:.1%}", f"{valid[0]:.1%}", f"{usual[0]:.1%}"
    en, zh = (
        f"Training {gap[0]}, validation {gap[1]}, baseline {gap[2]}. ",
        f"训练 {gap[0]}，验证 {gap[1]}，基线 {gap[2]}。",
    )
    if train[0] - valid[0] > GAP and own:
        return told(
            Text(
                f"{en}These rows were not drawn from where it learned: what it knows does not carry over.",
                f"{zh}这些行与它学习的行来源不同：学到的用不上。",
            ),
            "bad",
        )
    if train[0] - valid[0] > GAP:
        return told(
            Text(f"{en}Overfitting: it remembers what it should have learned.", f"{zh}过拟合：该学的它却在背。"), "bad"
        )
    if valid[0] <= usual[0] + 0.02:
        return told(
            Text(f"{en}Underfitting: no better than the most frequent label.", f"{zh}欠拟合：不比最常见的标签好。"),
            "bad",
        )
    return told(
        Text(f"{en}What it learned holds for rows it has not seen.", f"{zh}它学到的对没见过的行也成立。"), "good"
    )


def _curves(count: list[int], ends: list[Any], usual: tuple[float, float]) -> Picture:
    train, valid, base = Text("training", "训练"), Text("validation", "验证"), Text("most frequent label", "最常见标签")
    return lines(
        Text("The more rows, the smaller the gap", "行数越多，差距越小"),
        {
            train: (count, [old[0] for old, _ in ends]),
            valid: (count, [new[0] for _, new in ends]),
            base: (count, [usual[0]] * len(count)),
        },
        Text("training rows", "训练行数"),
        Text("accuracy", "准确率"),
        points=["training", "validation"],
    )


def _confusion(said: list[str], wanted: list[str], labels: list[str]) -> Picture:
    from sklearn.metrics import confusion_matrix

    shown = labels[:12]
    found = confusion_matrix(wanted, said, labels=shown)
    named = (Text("answered", "回答"), Text("right label", "正确标签"))
    return heat(
        Text("Validation rows: who is taken for whom", "验证行：谁被当成了谁"),
        found.tolist(),
        shown,
        shown,
        named,
        written=True,
    )


def _table(end: Any, usual: tuple[float, float]) -> Picture:
    columns = [Text("on", "在"), Text("accuracy", "准确率"), Text("macro F1", "宏平均 F1")]
    rows = zip(
        (
            Text("training rows", "训练行"),
            Text("validation rows", "验证行"),
            Text("baseline, validation rows", "基线（验证行）"),
        ),
        (*end, usual),
        strict=True,
    )
    return grid(columns, [[name, *(f"{value:.4f}" for value in pair)] for name, pair in rows])
