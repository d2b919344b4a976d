"""Which parameters change: full, lora … One file in workbench/methods/ per method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from workbench.core.knob import Section
from workbench.core.registry import Registry
from workbench.core.task import Task
from workbench.core.text import Text

Config = dict[str, Any]
"""A model's config.json."""


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
    stores: ClassVar[str] = "adapter"
    """What a result is: "adapter", a PEFT file that can be switched off; "selected", the changed tensors, to be laid over
    the base; "model", a whole model."""
    twice: ClassVar[bool] = True
    """Whether PEFT can hold such an adapter twice in one model, as preference tuning does to compare with the start."""
    unmergeable: ClassVar[Text | None] = None
    """Why the result cannot become one plain model, if it cannot."""

    quantised: ClassVar[bool] = False
    """Whether the base is held in a few bits while it trains: such a result is merged onto the base in full precision."""

    @property
    def adapter(self) -> bool:
        """True when base and tuned are one loaded model, the adapter on or off."""
        return self.stores == "adapter"

    def fits(self, task: Task, config: Config | None = None) -> Text | None:
        """None when the method works for the task (on a model with this config.json, where known), else why not."""
        return None

    def loading(self, section: Any) -> dict[str, Any]:
        """Extra arguments of `from_pretrained`, for instance how the base is quantised."""
        return {}

    @abstractmethod
    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """The model, ready to train."""

    def plan(self, model: Any, steps: int) -> None:  # noqa: B027 (most methods have nothing to plan)
        """Told once, before the first step, how many there will be."""

    def after_step(self, model: Any, step: int) -> None:  # noqa: B027 (most methods do nothing then)
        """Called after the optimizer's step (counted from 0), while the gradients are still there."""

    def groups(
        self, model: Any, section: Any, learning_rate: float, weight_decay: float
    ) -> list[dict[str, Any]] | None:
        """The optimizer's parameter groups, where one learning rate for all is not what the method wants."""
        return None

    def memory(self, model: Any) -> dict[str, Any]:
        """What the method has in mind beside what is trained, as tensors: it goes into every checkpoint."""
        return {}

    def remember(self, model: Any, memory: dict[str, Any]) -> None:  # noqa: B027 (most methods have nothing in mind)
        """Take `memory` back from a checkpoint, after `plan`."""

    def save(self, model: Any, folder: Path) -> None:
        """Write the result as safetensors."""
        model.save_pretrained(str(folder))

    def restore(self, model: Any, folder: Path) -> Any:
        """The applied model with what `save` wrote there; an adapter has been loaded by PEFT already."""
        return model

    def merge(self, model: Any) -> Any:
        """One plain model of base and result; only where `unmergeable` is None."""
        return model


METHODS: Registry[Method] = Registry(Text("method", "方法"), "workbench.methods")
