"""Full fine-tuning: every parameter changes."""

from __future__ import annotations

from typing import Any

from workbench.core.method import METHODS, Method, MethodSection
from workbench.core.task import Task
from workbench.core.text import Text


class FullSection(MethodSection):
    """No knobs of its own."""

    kind: str = "full"


@METHODS.add
class Full(Method):
    """Every parameter is trained."""

    kind = "full"
    order = 2
    label = Text("Full fine-tuning", "全量微调")
    help = Text(
        "Changes every parameter. Strongest on small models; needs about 4× the model's size in memory.",
        "更新全部参数。对小模型效果最强；约需模型大小 4 倍的内存。",
    )
    section = FullSection
    suggests = {"training.learning_rate": 5e-5}
    stores = "model"

    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """Leave every parameter trainable."""
        model.requires_grad_(True)
        return model
