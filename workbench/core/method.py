"""Which parameters change: full, lora … One file in workbench/methods/ per method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from workbench.core.knob import Section
from workbench.core.registry import Registry
from workbench.core.task import Task
from workbench.core.text import Text


class MethodSection(Section):
    """The `method:` part of a recipe: its kind and its own knobs."""

    kind: str


class Method(ABC):
    """One method. `apply` takes a loaded model and returns it with just the right parameters trainable."""

    kind: ClassVar[str]
    label: ClassVar[Text]
    help: ClassVar[Text]
    order: ClassVar[int] = 50
    section: ClassVar[type[MethodSection]] = MethodSection
    suggests: ClassVar[dict[str, Any]] = {}
    """Recipe values that usually go with this method, e.g. {"training.learning_rate": 5e-5}."""
    adapter: ClassVar[bool] = True
    """True when the result is a small file beside the base model, False when it is a whole model."""

    def fits(self, task: Task) -> Text | None:
        """None when the method works for the task, else the reason why not."""
        return None

    @abstractmethod
    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """The model, ready to train."""


METHODS: Registry[Method] = Registry(Text("method", "方法"), "workbench.methods")
