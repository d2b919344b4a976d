"""Predictions and references → numbers. One file in workbench/metrics/ per family; nothing is ever fetched to compute one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from workbench.core.registry import Registry
from workbench.core.text import Text


@dataclass(frozen=True)
class Sums:
    """A metric as a function of sums over rows, so that it can be had of any resample without scoring anew.

    `rows`: an array of shape (rows, k). `value`: totals of shape (…, k) → values of shape (…). `log`: differences are judged on
    a logarithmic scale.
    """

    rows: Any
    value: Callable[[Any], Any]
    log: bool = False


class Metric(ABC):
    """One metric: a described, offline `evaluate.Metric` (built when first asked for, because evaluate imports slowly)."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    order: ClassVar[int] = 50
    higher_is_better: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    """True when 1.0 means 100 %."""
    directed: ClassVar[bool] = True
    """False for a figure that only describes: neither more nor less of it is better."""

    @abstractmethod
    def make(self) -> Any:
        """A fresh `evaluate.Metric` whose compute() returns {kind: value}."""

    def compute(self, **inputs: Any) -> float:
        """The value for `predictions` and `references` (or what the metric asks for)."""
        return float(self.make().compute(**inputs)[self.kind])

    def sums(self, **inputs: Any) -> Sums | None:
        """The same inputs as sums over rows; None where the metric is no function of sums."""
        return None

    def plain(self, **inputs: Any) -> float:
        """As `compute`, without the way through Arrow: for what is computed thousands of times."""
        return self.compute(**inputs)

    def signature(self, references: Sequence[Any]) -> str:
        """What else decides the number (tokenizer, smoothing, version): two scores of unlike signatures cannot be compared."""
        return ""


METRICS: Registry[Metric] = Registry(Text("metric", "指标"), "workbench.metrics")
