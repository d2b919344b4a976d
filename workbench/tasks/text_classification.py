"""One label for a text or a pair of texts; any number of labels, frozen from the training rows.

What it does not know: several labels at once, or numbers on a scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import knob
from workbench.core.metric import METRICS
from workbench.core.task import TASKS, Encoded, Role, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.tasks import pad_right

EXAMPLES = 100


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
        Role("label", Text("label", "标签"), Text("The right answer.", "正确答案。")),
    )
    sample = "sentiment-en"
    auto_class = "AutoModelForSequenceClassification"
    peft_type = "SEQ_CLS"
    metrics = ("accuracy", "f1", "f1_weighted", "precision", "precision_weighted", "recall", "recall_weighted")
    main_metric = "accuracy"
    stratify = "label"

    def check(self, rows: Sequence[Row]) -> None:
        """Every row needs a label, and there must be at least two of them."""
        for number, row in enumerate(rows, start=1):
            if not str(row.get("label") or "").strip():
                raise UserError(
                    f"data: row {number} (“{shorten(row.get('text'))}”) has no label; fill it in or remove the row.",
                    f"data：第 {number} 行（“{shorten(row.get('text'))}”）缺少标签；请补上或删除该行。",
                    field="data.roles",
                )
        labels = labels_of(rows)
        if len(labels) < 2:
            found = shorten(labels[0]) if labels else "–"
            raise UserError(
                f"data: the training rows have one label only (“{found}”); at least two different labels are needed. "
                "Add rows with another label, or choose another label column.",
                f"data：训练数据只有一种标签（“{found}”）；至少需要两种。请添加其他标签的行，或改选标签列。",
                field="data.roles",
            )

    def model_options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The labels of the training rows, sorted."""
        labels = labels_of(rows)
        return {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
            "problem_type": "single_label_classification",
        }

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Token ids of the text or pair. A row whose label was never seen teaches nothing and is left out."""
        made, unseen = Encoded(), 0
        known = model.config.label2id
        for index, (row, whole) in enumerate(zip(rows, _tokens(rows, tokenizer), strict=True)):
            label = known.get(str(row["label"]))
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

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """The likeliest label of every row and its probability."""
        names = judge.labels()
        plain = [{**row, "label": names[0]} for row in rows]  # the answer plays no part in the prediction
        encoded = self.encode(plain, judge.tokenizer, judge.section, judge.model)

        def best(batch: dict[str, Any]) -> list[tuple[str, float]]:
            batch.pop("labels")
            top = judge.model(**batch).logits.float().softmax(-1).max(-1)
            return [(names[i], score) for i, score in zip(top.indices.tolist(), top.values.tolist(), strict=True)]

        found = judge.map(self, encoded.inputs, best)
        return {"labels": names, "chosen": [item[0] for item in found], "scores": [item[1] for item in found]}

    def score(self, rows: Sequence[Row], predictions: Any) -> dict[str, float]:
        """Every metric over the labels of the training rows; a label never seen counts as wrong."""
        given = {"predictions": predictions["chosen"], "references": _references(rows)}
        return {name: METRICS.get(name).compute(**given, labels=predictions["labels"]) for name in self.metrics}

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """Confusion, figures per label, and the rows whose answer changed."""
        references, labels = _references(rows), after["labels"]
        shown = list(dict.fromkeys([*labels, *sorted(set(references))]))
        grids = {
            name: confusion(references, side["chosen"], shown) for name, side in (("before", before), ("after", after))
        }
        return {
            "confusion": {"labels": shown, **grids},
            "per_class": per_class(references, after["chosen"], labels),
            "examples": _examples(rows, before, after)[:EXAMPLES],
        }

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """1 for right, 0 for wrong."""
        return [float(a == b) for a, b in zip(_references(rows), predictions["chosen"], strict=True)]

    def baselines(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, dict[str, float]]:
        """The most frequent label, and TF-IDF with logistic regression."""
        from workbench.models.tfidf import majority, tfidf

        labels, answers = labels_of(train), _references(train)
        texts, asked = [_text(row) for row in train], [_text(row) for row in heldout]
        given = {"majority": majority(answers, len(heldout)), "tfidf": tfidf(texts, answers, asked)}
        return {name: self.score(heldout, {"labels": labels, "chosen": chosen}) for name, chosen in given.items()}


def labels_of(rows: Sequence[Row]) -> list[str]:
    """Every label, sorted."""
    return sorted({str(row["label"]) for row in rows})


def _references(rows: Sequence[Row]) -> list[str]:
    return [str(row["label"]) for row in rows]


def _text(row: Row) -> str:
    return " ".join(str(row[name]) for name in ("text", "text_pair") if row.get(name))


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


def confusion(references: Sequence[str], chosen: Sequence[str], labels: Sequence[str]) -> list[list[int]]:
    """Rows: what is right; columns: what was answered."""
    place = {label: index for index, label in enumerate(labels)}
    grid = [[0] * len(labels) for _ in labels]
    for reference, answer in zip(references, chosen, strict=True):
        grid[place[reference]][place[answer]] += 1
    return grid


def per_class(references: Sequence[str], chosen: Sequence[str], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and number of rows for every label."""
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(references, chosen, labels=list(labels), zero_division=0)
    return [
        {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, *columns, strict=True)
    ]


def _examples(rows: Sequence[Row], before: Any, after: Any) -> list[dict[str, Any]]:
    """Changed rows first, then what is still wrong, then the rest."""
    made = []
    for row, old, new, score in zip(rows, before["chosen"], after["chosen"], after["scores"], strict=True):
        pair = {"text_pair": row["text_pair"]} if row.get("text_pair") else {}
        facts = {"reference": row["label"], "before": old, "after": new, "score": round(score, 4)}
        made.append({"text": row["text"], **pair, **facts})
    return sorted(made, key=lambda item: (item["before"] == item["after"], item["after"] == item["reference"]))
