"""What is learned: how rows become model inputs, which head, which metrics fit. One file in workbench/tasks/ per task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from workbench.core.family import family, told
from workbench.core.knob import Section, knob
from workbench.core.metric import METRICS
from workbench.core.registry import Registry
from workbench.core.text import Text

Row = dict[str, Any]
"""One example by role names, e.g. {"text": "…", "label": "positive"}."""


@dataclass(frozen=True)
class Role:
    """What a column means to a task."""

    name: str
    label: Text
    help: Text
    required: bool = True
    names: str = ""
    """What such columns are usually called, separated by spaces. A task whose required roles all have names is guessed by them."""
    looks: str = "text"
    """What such a column holds: "text", "list" (or JSON or words of one) or "any"."""


@dataclass
class Encoded:
    """Model inputs (dicts of plain lists), the positions of the rows they came from, how many were cut, and remarks."""

    inputs: list[dict[str, Any]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    cut: int = 0
    notes: list[Text] = field(default_factory=list)


def learned(inputs: dict[str, Any]) -> list[bool]:
    """Which positions of encoded inputs are learned; an encoder-decoder's targets lie beside its input, not in it."""
    ids, labels = inputs["input_ids"], inputs.get("labels")
    if "start_positions" in inputs:
        start, end = inputs["start_positions"], inputs["end_positions"]
        return [0 < start <= place <= end for place in range(len(ids))]
    if isinstance(labels, list) and len(labels) == len(ids):
        return [label != -100 for label in labels]
    return [False] * len(ids)


class TaskSection(Section):
    """The `task:` part of a recipe: its kind and the knobs every task shares."""

    kind: str
    max_length: int = knob(
        256,
        Text("Maximum length", "最大长度"),
        Text(
            "Longer rows are cut at this many tokens. Longer costs memory and time; look at how many rows are cut.",
            "超过此词元数的行会被截断。越长越占内存和时间；请留意被截断的行数。",
        ),
        ge=8,
        le=131072,
        example="256",
    )


class Task(ABC):
    """One task. Class attributes describe it; methods import torch and transformers only when called."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    order: ClassVar[int] = 50
    section: ClassVar[type[TaskSection]] = TaskSection
    roles: ClassVar[tuple[Role, ...]]
    one_of: ClassVar[tuple[str, ...]] = ()
    """Roles of which one, and only one, must have a column."""
    sample: ClassVar[str]
    """Name of a bundled dataset (assets/samples/) that shows the task; tests and presets start from it."""
    auto_class: ClassVar[str]
    """Name of the transformers auto class that carries the right head; `head` may choose another by the model."""
    peft_type: ClassVar[str]
    """Name of the peft.TaskType; `peft_kind` may choose another by the model."""
    families: ClassVar[tuple[str, ...]] = ("encoder", "decoder", "pair")
    """Kinds of model that can learn it (see workbench.core.family)."""
    headless: ClassVar[tuple[str, ...]] = ()
    """model_type of those for which transformers has no such head."""
    metrics: ClassVar[tuple[str, ...]]
    main_metric: ClassVar[str]
    asks: ClassVar[tuple[str, ...]] = ()
    """Roles a person fills in to try the model by hand, the first of them required."""
    talks: ClassVar[bool] = False
    """True when the tuned model holds a conversation."""
    label_names: ClassVar[tuple[str, ...]] = ("labels",)
    """Model inputs that hold the answer, as TrainingArguments.label_names."""
    loop: ClassVar[str] = ""
    """"" when the model's own loss is learned; "preference" when TRL's trainers compute it."""
    stratify: ClassVar[str | None] = None
    """Role whose values are spread evenly over training and held-out rows."""

    def suits(self, config: dict[str, Any]) -> Text | None:
        """None when a model with this config.json can learn the task, else why not."""
        if config and config.get("model_type") in self.headless:
            return Text(
                f"transformers has no {self.label.en} head for {config['model_type']} models; choose another model or task.",
                f"transformers 没有适用于 {config['model_type']} 模型的“{self.label.zh}”任务头；请改选模型或任务。",
            )
        if not config or family(config) in self.families:
            return None
        able, kind = told(self.families), config.get("model_type")
        return Text(
            f"{self.label.en} needs {able.en}; this is a {kind} model. Choose another model or task.",
            f"“{self.label.zh}”需要{able.zh}；这是 {kind} 模型。请改选模型或任务。",
        )

    def head(self, config: dict[str, Any]) -> str:
        """The auto class for a model with this config.json."""
        return self.auto_class

    def peft_kind(self, model: Any) -> str:
        """The peft.TaskType for this loaded model."""
        return self.peft_type

    def prepare(self, row: Row) -> Row:
        """A row by role names, brought into one form (lists parsed, numbers read); Unusable when it teaches nothing."""
        return row

    @abstractmethod
    def check(self, rows: Sequence[Row]) -> None:
        """Raise UserError when these training rows cannot teach this task (a missing label, one class only …)."""

    def model_options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Extra arguments of `from_pretrained`, for instance the labels found in the training rows."""
        return {}

    @abstractmethod
    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Model inputs of every row that teaches something (input_ids, labels …), cut at section.max_length."""

    def loss(self, rows: Sequence[Row], section: Any, model: Any) -> Any:
        """None for the model's own loss; else a function of (outputs, labels, num_items_in_batch), as Trainer's
        `compute_loss_func`: the mean over so many answers, or over the batch when that is None."""
        return None

    @abstractmethod
    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads a list of encoded rows to tensors of shape (batch, longest)."""

    @abstractmethod
    def predict(self, rows: Sequence[Row], judge: Any) -> Any:
        """What the model says of every row; `judge` (workbench.engine.evaluation) carries the model and runs batches."""

    @abstractmethod
    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """What every metric is computed from: its kind → arguments of `Metric.compute`, lists in one order."""

    def score(self, rows: Sequence[Row], predictions: Any) -> dict[str, float]:
        """The task's metrics by name."""
        given = self.inputs(rows, predictions)
        return {kind: METRICS.get(kind).compute(**arguments) for kind, arguments in given.items()}

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """What a person sees of every row that was scored, in the order of `gains`: text, reference, answer."""
        return []

    def units(self, rows: Sequence[Row], predictions: Any) -> list[Any] | None:
        """Which scored rows stand or fall together (pieces of one document), by a name each; None when every row stands alone."""
        return None

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The model's answer to what a person typed (by the roles of `asks`), in words."""
        raise NotImplementedError(self.kind)

    def picture(self, fields: dict[str, str], judge: Any) -> dict[str, Any]:
        """The same answer for a page to paint: "text", and where the task has them "shares" {label: probability}, "pieces" [[text, what it
        is called or ""]] of what was typed, "gaps" [[[word, probability] …] …]."""
        return {"text": self.attempt(fields, judge)}

    def headline(self, scores: dict[str, float]) -> str:
        """The metric that stands first; another than `main_metric` where the rows decide which metrics there are."""
        return self.main_metric if self.main_metric in scores else next(iter(scores))

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """Further parts of the report card: confusion, figures per label, samples …"""
        return {}

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """Goodness of every row (1 and 0 for right and wrong), so that before and after can be compared in pairs."""
        return []

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """Cheap answers to the held-out rows that need no network, by name, in the form of `predict`."""
        return {}

    def baselines(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, dict[str, float]]:
        """The cheap answers scored with the task's metrics."""
        return {name: self.score(heldout, said) for name, said in self.guesses(train, heldout).items()}


TASKS: Registry[Task] = Registry(Text("task", "任务"), "workbench.tasks")
