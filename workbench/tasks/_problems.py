"""What text classification can mean: one label per row, several labels, or a number. Told by the role of the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from workbench.core.errors import Unusable, UserError, shorten
from workbench.core.metric import METRICS
from workbench.core.task import Row
from workbench.metrics.chances import reliability
from workbench.metrics.classification import confusion, per_class
from workbench.tasks._weights import weighted

Scores = dict[str, float]


class Problem:
    """How answers are read, learned, predicted and scored."""

    role: ClassVar[str]
    name: ClassVar[str]
    """transformers' problem_type."""
    metrics: ClassVar[tuple[str, ...]]
    of_chances: ClassVar[tuple[str, ...]] = ()
    """Metrics that need the probabilities of all labels."""

    def prepare(self, row: Row) -> Row:
        """The answer in one form; Unusable when it is none."""
        return row

    def check(self, rows: Sequence[Row]) -> None:
        """UserError when these rows cannot teach."""

    def options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Arguments of from_pretrained."""
        raise NotImplementedError

    def target(self, row: Row, config: Any) -> Any:
        """What the model's loss wants; None when the row's answer is unknown to the model."""
        raise NotImplementedError

    def weighted(self, rows: Sequence[Row], config: Any) -> Any:
        """A loss in which rare labels count more (see Task.loss); UserError where rows have not one label each."""
        raise UserError(
            "task.class_weights: labels can be weighed only where every row has one label; switch it off.",
            "task.class_weights：只有每行一个标签时才能加权；请关闭此项。",
            field="task.class_weights",
        )

    def decode(self, logits: Any, names: list[str]) -> list[tuple[Any, float, list[float]]]:
        """(answer, its probability, those of all labels) per row of logits."""
        raise NotImplementedError

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Answers and right ones, the same for every metric."""
        given = {"predictions": predictions["chosen"], "references": [row[self.role] for row in rows]}
        return dict.fromkeys(self.metrics, given)

    def score(self, rows: Sequence[Row], predictions: Any) -> Scores:
        """Every metric."""
        given = self.inputs(rows, predictions)
        return {kind: METRICS.get(kind).compute(**arguments) for kind, arguments in given.items()}

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Text, label, answer and its probability."""
        made = []
        for row, said, score in zip(rows, predictions["chosen"], predictions["scores"], strict=True):
            pair = {"text_pair": row["text_pair"]} if row.get("text_pair") else {}
            facts = {"reference": self.say(row[self.role]), "answer": self.say(said)}
            made.append({"text": row["text"], **pair, **facts, "score": round(score, 4)})
        return made

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """Further parts of the report card."""
        return {}

    def say(self, answer: Any) -> str:
        """An answer in words."""
        return str(answer)

    def gain(self, said: Any, wanted: Any) -> float:
        """1 for right, 0 for wrong."""
        return float(said == wanted)

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """Answers that need no network."""
        return {}


class One(Problem):
    """One label per row."""

    role, name = "label", "single_label_classification"
    metrics = (
        "accuracy", "f1", "f1_micro", "f1_weighted", "precision", "precision_weighted", "recall", "recall_weighted", "mcc",
    )  # fmt: skip
    of_chances = ("roc_auc", "ece")

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

    def options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The labels of the training rows, sorted."""
        return {**named(labels_of(rows)), "problem_type": self.name}

    def target(self, row: Row, config: Any) -> Any:
        """The label's number."""
        return config.label2id.get(str(row["label"]))

    def weighted(self, rows: Sequence[Row], config: Any) -> Any:
        """Cross entropy, every label weighing the same in all."""
        return weighted([config.label2id[str(row["label"])] for row in rows], config.num_labels)

    def decode(self, logits: Any, names: list[str]) -> list[tuple[Any, float, list[float]]]:
        """The likeliest label."""
        shares = logits.softmax(-1)
        best = zip(shares.argmax(-1).tolist(), shares.tolist(), strict=True)
        return [(names[place], row[place], row) for place, row in best]

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Over the labels of the training rows; a label never seen counts as wrong."""
        wanted = {"references": answers_of(rows), "labels": list(predictions["labels"])}
        made = {kind: {"predictions": predictions["chosen"], **wanted} for kind in self.metrics}
        if "chances" in predictions:
            made |= {kind: {"predictions": predictions["chances"], **wanted} for kind in self.of_chances}
        return made

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """Confusion, figures per label, and whether the probabilities mean what they say."""
        references, labels = answers_of(rows), after["labels"]
        shown = list(dict.fromkeys([*labels, *sorted(set(references))]))
        sides = (("before", before), ("after", after))
        grids = {name: confusion(references, side["chosen"], shown) for name, side in sides}
        return {
            "confusion": {"labels": shown, **grids},
            "per_class": per_class(references, after["chosen"], labels),
            **({"reliability": reliability(after["chances"], references, labels)} if "chances" in after else {}),
        }

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """The most frequent label, and TF-IDF with logistic regression."""
        from workbench.models.tfidf import majority, tfidf

        labels, answers = labels_of(train), answers_of(train)
        chosen, chances = tfidf([text_of(row) for row in train], answers, [text_of(row) for row in heldout], labels)
        return {
            "majority": {"labels": labels, "chosen": majority(answers, len(heldout))},
            "tfidf": {"labels": labels, "chosen": chosen, "chances": chances},
        }


class Several(Problem):
    """Any number of labels per row."""

    role, name = "labels", "multi_label_classification"
    metrics = ("label_f1", "all_labels_right")
    THRESHOLD = 0.5

    def prepare(self, row: Row) -> Row:
        """A list, or labels separated by | ; or ，"""
        value = row["labels"]
        if isinstance(value, str):
            value = value.replace("；", ";").replace("|", ";").replace("，", ";").replace(",", ";").split(";")
        return {**row, "labels": sorted({str(item).strip() for item in value if str(item).strip()})}

    def check(self, rows: Sequence[Row]) -> None:
        """Some row must have a label."""
        if not any(row["labels"] for row in rows):
            raise UserError("data: no row has a label.", "data：没有任何行有标签。", field="data.roles")

    def options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Every label of the training rows, sorted."""
        return {**named(sorted({label for row in rows for label in row["labels"]})), "problem_type": self.name}

    def target(self, row: Row, config: Any) -> Any:
        """1.0 at the row's labels."""
        return [float(config.id2label[index] in row["labels"]) for index in range(len(config.id2label))]

    def decode(self, logits: Any, names: list[str]) -> list[tuple[Any, float, list[float]]]:
        """Labels likelier than not."""
        found = []
        for row in logits.sigmoid().tolist():
            found.append(([names[i] for i, share in enumerate(row) if share > self.THRESHOLD], max(row), row))
        return found

    def say(self, answer: Any) -> str:
        """Labels in a row."""
        return " · ".join(answer) or "–"

    def gain(self, said: Any, wanted: Any) -> float:
        """1 when all labels are right."""
        return float(set(said) == set(wanted))

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """The most frequent set of labels."""
        usual = Counter(tuple(row["labels"]) for row in train).most_common(1)[0][0]
        return {"majority": {"chosen": [list(usual)] * len(heldout)}}


class Scale(Problem):
    """A number per row."""

    role, name = "score", "regression"
    metrics = ("spearman", "pearson", "mean_absolute_error")

    def prepare(self, row: Row) -> Row:
        """A finite number."""
        try:
            value = float(str(row["score"]).strip())
        except ValueError:
            value = float("nan")
        if value != value or value in (float("inf"), float("-inf")):
            raise Unusable(f"“{shorten(row['score'], 20)}” is no number", f"“{shorten(row['score'], 20)}”不是数字")
        return {**row, "score": value}

    def check(self, rows: Sequence[Row]) -> None:
        """Numbers must differ."""
        if len({row["score"] for row in rows}) < 2:
            raise UserError("data: every row has the same number.", "data：所有行的数值都相同。", field="data.roles")

    def options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """One output."""
        return {"num_labels": 1, "problem_type": self.name}

    def target(self, row: Row, config: Any) -> Any:
        """The number."""
        return float(row["score"])

    def decode(self, logits: Any, names: list[str]) -> list[tuple[Any, float, list[float]]]:
        """The head's number."""
        return [(float(value), 1.0, []) for value in logits[:, 0].tolist()]

    def say(self, answer: Any) -> str:
        """Two places."""
        return f"{answer:.2f}"

    def gain(self, said: Any, wanted: Any) -> float:
        """Nearer is better."""
        return -abs(float(said) - float(wanted))

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """The mean of the training rows."""
        mean = sum(row["score"] for row in train) / len(train)
        return {"majority": {"chosen": [mean] * len(heldout)}}


PROBLEMS: tuple[Problem, ...] = (One(), Several(), Scale())


def problem_of(row: Row) -> Problem:
    """By the role the row's answer has."""
    return next((problem for problem in PROBLEMS if problem.role in row), PROBLEMS[0])


def problem_named(name: str | None) -> Problem:
    """By a model's problem_type."""
    return next((problem for problem in PROBLEMS if problem.name == name), PROBLEMS[0])


def named(labels: Sequence[str]) -> dict[str, Any]:
    """Labels as a configuration holds them."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def answers_of(rows: Sequence[Row]) -> list[str]:
    """The label of every row."""
    return [str(row["label"]) for row in rows]


def labels_of(rows: Sequence[Row]) -> list[str]:
    """Every label, sorted."""
    return sorted(set(answers_of(rows)))


def text_of(row: Row) -> str:
    """Text and second text together."""
    return " ".join(str(row[name]) for name in ("text", "text_pair") if row.get(name))
