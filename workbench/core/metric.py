"""Predictions and references → numbers. One file in workbench/metrics/ per family; nothing is ever fetched to compute one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from workbench.core.registry import Registry
from workbench.core.text import Text


class Metric(ABC):
    """One metric: a described, offline `evaluate.Metric` (built when first asked for, because evaluate imports slowly)."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    order: ClassVar[int] = 50
    higher_is_better: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    """True when 1.0 means 100 %."""

    @abstractmethod
    def make(self) -> Any:
        """A fresh `evaluate.Metric` whose compute() returns {kind: value}."""

    def compute(self, **inputs: Any) -> float:
        """The value for `predictions` and `references` (or what the metric asks for)."""
        return float(self.make().compute(**inputs)[self.kind])


METRICS: Registry[Metric] = Registry(Text("metric", "指标"), "workbench.metrics")
