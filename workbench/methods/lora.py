"""LoRA: small low-rank matrices beside frozen weights (Hu et al., 2021, arXiv:2106.09685), through PEFT."""

from __future__ import annotations

import re
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.method import METHODS, Method, MethodSection
from workbench.core.task import Task
from workbench.core.text import Text


class LoraSection(MethodSection):
    """The knobs of LoRA; names are peft.LoraConfig's where it has them."""

    kind: str = "lora"
    rank: int = knob(
        16,
        Text("Rank", "秩"),
        Text(
            "Width of the added matrices. 8–32 suits most tasks; more can learn more and costs little.",
            "新增矩阵的宽度。多数任务用 8–32；更大能学更多，代价不大。",
        ),
        ge=1,
        le=1024,
        example="16",
    )
    lora_alpha: int = knob(
        32,
        Text("Alpha", "缩放系数"),
        Text(
            "Strength of the added matrices: their output is multiplied by alpha ÷ rank.",
            "新增矩阵的力度：其输出乘以 alpha ÷ rank。",
        ),
        ge=1,
        le=4096,
        advanced=True,
        example="32",
    )
    lora_dropout: float = knob(
        0.0,
        Text("Dropout", "随机失活"),
        Text(
            "Share of the added inputs dropped at random, against overfitting.",
            "随机丢弃新增部分输入的比例，用于减轻过拟合。",
        ),
        ge=0,
        lt=1,
        advanced=True,
        example="0.05",
    )
    target_modules: str = knob(
        "all-linear",
        Text("Target modules", "目标模块"),
        Text(
            "all-linear, or the names of modules separated by commas, e.g. query,value or q_proj,v_proj.",
            "all-linear，或用逗号分隔的模块名，例如 query,value 或 q_proj,v_proj。",
        ),
        advanced=True,
        example="all-linear",
    )


@METHODS.add
class Lora(Method):
    """Low-rank adaptation."""

    kind = "lora"
    order = 1
    label = Text("LoRA", "低秩适配（LoRA）")
    help = Text(
        "Freezes the model and trains small matrices beside its weights: little memory, a file of a few MB.",
        "冻结模型，只训练权重旁的小矩阵：省内存，结果只有几 MB。",
    )
    section = LoraSection
    suggests = {"training.learning_rate": 2e-4}

    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """Wrap the model with PEFT; a new classification head is trained along by PEFT itself."""
        from peft import LoraConfig, TaskType, get_peft_model

        config = LoraConfig(
            task_type=TaskType[task.peft_kind(model)],
            r=section.rank,
            lora_alpha=section.lora_alpha,
            lora_dropout=section.lora_dropout,
            target_modules=targets(model, section.target_modules),
        )
        return get_peft_model(model, config)


def targets(model: Any, wanted: str) -> str | list[str]:
    """The target modules as PEFT wants them; UserError that lists what the model has when a name matches nothing."""
    if wanted.strip() == "all-linear":
        return "all-linear"
    names = [name for name in re.split(r"[,，\s]+", wanted.strip()) if name]
    present = {name.rsplit(".", 1)[-1] for name, module in model.named_modules() if hasattr(module, "weight")}
    missing = [name for name in names if name not in present]
    if missing or not names:
        known = ", ".join(sorted(present))
        raise UserError(
            f"method.target_modules: this model has no module called “{', '.join(missing)}”. It has: {known}.",
            f"method.target_modules：这个模型没有名为“{', '.join(missing)}”的模块。可用：{known}。",
            field="method.target_modules",
        )
    return names
