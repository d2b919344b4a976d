"""One label, several labels or a number for a text or a pair of texts; labels are frozen from the training rows.

What it does not know: labels that no training row has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.task import TASKS, Encoded, Role, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.tasks import pad_right
from workbench.tasks._problems import PROBLEMS, problem_named, problem_of


class TextClassificationSection(TaskSection):
    """Short texts by default."""

    kind: str = "text-classification"
    max_length: int = knob(
        128,
        Text("Maximum length", "最大长度"),
        Text(
            "Longer rows are cut at this many tokens. Longer costs memory and time; look at how many rows are cut.",
            "超过此词元数的行会被截断。越长越占内存和时间；请留意被截断的行数。",
        ),
        ge=8,
        le=131072,
        example="128",
    )
    class_weights: bool = knob(
        False,
        Text("Weigh labels", "标签加权"),
        Text(
            "In the loss, rows of rare labels count more: every label weighs the same in all. For data that is not balanced.",
            "在损失中提高少数标签的权重，使各标签的总权重相同。适用于类别不平衡的数据。",
        ),
        advanced=True,
    )


@TASKS.add
class TextClassification(Task):
    """A classification head on an encoder or a language model."""

    kind = "text-classification"
    order = 1
    label = Text("Text classification", "文本分类")
    help = Text(
        "Teaches a model to give a text (or a pair of texts) one of your labels: sentiment, topic, intent …",
        "让模型给一段文字（或一对文字）打上你的标签之一：情感、主题、意图等。",
    )
    section = TextClassificationSection
    roles = (
        Role("text", Text("text", "文本"), Text("What is to be classified.", "要分类的文字。")),
        Role(
            "text_pair", Text("second text", "第二段文本"), Text("A text to compare with.", "用来比较的文字。"), False
        ),
        Role("label", Text("label", "标签"), Text("The right answer.", "正确答案。"), False),
        Role(
            "labels",
            Text("several labels", "多个标签"),
            Text("All labels that apply.", "适用的全部标签。"),
            False,
            looks="any",
        ),
        Role("score", Text("number", "数值"), Text("A number to predict.", "要预测的数。"), False, looks="any"),
    )
    sample = "sentiment-en"
    asks = ("text", "text_pair")
    auto_class = "AutoModelForSequenceClassification"
    peft_type = "SEQ_CLS"
    metrics = tuple(name for problem in PROBLEMS for name in (*problem.metrics, *problem.of_chances))
    main_metric = "accuracy"
    stratify = "label"
    one_of = ("label", "labels", "score")

    def prepare(self, row: Row) -> Row:
        """The answer in one form."""
        return problem_of(row).prepare(row)

    def check(self, rows: Sequence[Row]) -> None:
        """Every row needs an answer, and answers must differ."""
        if rows:
            problem_of(rows[0]).check(rows)

    def model_options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The labels of the training rows, or one number."""
        return problem_of(rows[0]).options(rows)

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Token ids of the text or pair. A row whose label was never seen teaches nothing and is left out."""
        made, unseen = Encoded(), 0
        problem = problem_named(model.config.problem_type)
        for index, (row, whole) in enumerate(zip(rows, _tokens(rows, tokenizer), strict=True)):
            label = problem.target(row, model.config)
            if label is None:
                unseen += 1
                continue
            made.cut += len(whole["input_ids"]) > section.max_length
            made.inputs.append({**_cut(row, whole, tokenizer, section.max_length), "labels": label})
            made.kept.append(index)
        if unseen:
            made.notes.append(_unseen(unseen))
        return made

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads on the right."""
        return pad_right(tokenizer)

    def loss(self, rows: Sequence[Row], section: Any, model: Any) -> Any:
        """With weights, where that is wished."""
        problem = problem_named(model.config.problem_type)
        return problem.weighted(rows, model.config) if section.class_weights else None

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """The likeliest label of every row and its probability; or its labels; or its number."""
        names, problem = judge.labels(), problem_named(judge.model.config.problem_type)
        blank = {"label": names[0], "labels": [], "score": 0.0}  # the answer plays no part in the prediction
        plain = [{**row, problem.role: blank[problem.role]} for row in rows]
        encoded = self.encode(plain, judge.tokenizer, judge.section, judge.model)

        def best(batch: dict[str, Any]) -> list[tuple[Any, float, list[float]]]:
            batch.pop("labels")
            return problem.decode(judge.model(**batch).logits.float(), names)

        found = judge.map(self, encoded.inputs, best)
        parts = zip(("chosen", "scores", "chances"), range(3), strict=True)
        return {"labels": names, **{name: [item[part] for item in found] for name, part in parts}}

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The label, the labels or the number."""
        problem = problem_named(judge.model.config.problem_type)
        return problem.say(self.predict([dict(fields)], judge)["chosen"][0])

    def picture(self, fields: dict[str, str], judge: Any) -> dict[str, Any]:
        """With the probability of every label, where there are labels."""
        problem = problem_named(judge.model.config.problem_type)
        row = {**fields, problem.role: {"label": judge.labels()[0], "labels": [], "score": 0.0}[problem.role]}
        inputs = self.encode([row], judge.tokenizer, judge.section, judge.model).inputs
        logits = judge.map(self, inputs, lambda batch: list(judge.model(**{**batch, "labels": None}).logits.float()))[0]
        chosen = problem.say(problem.decode(logits[None], judge.labels())[0][0])
        shares = chances(logits, problem.name)
        return {"text": chosen, **({"shares": dict(zip(judge.labels(), shares, strict=True))} if shares else {})}

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Of every metric of the problem."""
        return problem_of(rows[0]).inputs(rows, predictions)

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Text, label and answer."""
        return problem_of(rows[0]).shown(rows, predictions)

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """With single labels confusion, figures per label and calibration."""
        return problem_of(rows[0]).details(rows, before, after)

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """How good each answer is."""
        problem = problem_of(rows[0])
        return [problem.gain(said, row[problem.role]) for said, row in zip(predictions["chosen"], rows, strict=True)]

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """Answers that need no network."""
        return problem_of(train[0]).guesses(train, heldout)


def _tokens(rows: Sequence[Row], tokenizer: Any) -> list[dict[str, list[int]]]:
    """Ids without a limit; a special token that a person spelled out stays text."""
    pairs = [str(row.get("text_pair") or "") for row in rows]
    options: dict[str, Any] = {"split_special_tokens": True, "truncation": False, "verbose": False}
    if any(pairs):
        options["text_pair"] = pairs
    batch = tokenizer([str(row["text"]) for row in rows], **options)
    return [{name: batch[name][index] for name in batch} for index in range(len(rows))]


def _cut(row: Row, whole: dict[str, list[int]], tokenizer: Any, limit: int) -> dict[str, list[int]]:
    if len(whole["input_ids"]) <= limit:
        return whole
    pair = str(row.get("text_pair") or "") or None
    return dict(tokenizer(str(row["text"]), pair, split_special_tokens=True, truncation=True, max_length=limit))


def _unseen(count: int) -> Text:
    return Text(
        f"{count} held-out rows have a label that no training row has; they count as wrong.",
        f"有 {count} 行留出数据的标签从未在训练数据中出现；按答错计算。",
    )


def chances(logits: Any, problem: str) -> list[float]:
    """The probability of every label: of one label they sum to one, of several each stands by itself; a number has none."""
    if problem == "single_label_classification":
        return list(logits.softmax(-1).tolist())
    return list(logits.sigmoid().tolist()) if problem == "multi_label_classification" else []
