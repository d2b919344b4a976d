"""LoRA: small low-rank matrices beside frozen weights (Hu et al., 2021, arXiv:2106.09685), through PEFT.

Its knobs are its best-known variants: rsLoRA (Kalajdzievski, 2023, arXiv:2312.03732), DoRA (Liu et al., 2024,
arXiv:2402.09353), PiSSA (Meng et al., 2024, arXiv:2404.02948) and LoRA+ (Hayou et al., 2024, arXiv:2402.12354).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import model_validator

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.task import Task
from workbench.core.text import Text
from workbench.methods import LowRankSection, PeftMethod, targets

PISSA = "pissa"


class LoraSection(LowRankSection):
    """The knobs of LoRA and its variants."""

    kind: str = "lora"
    use_rslora: bool = knob(
        False,
        Text("rsLoRA", "rsLoRA（秩稳定）"),
        Text(
            "Divides by the square root of the rank instead of the rank: steadier at ranks of 64 and more. "
            "It costs nothing; at small ranks it acts like a larger alpha.",
            "改为除以秩的平方根而不是秩：秩为 64 以上时更稳定。不增加开销；秩较小时相当于更大的 alpha。",
        ),
        advanced=True,
    )
    use_dora: bool = knob(
        False,
        Text("DoRA", "DoRA（权重分解）"),
        Text(
            "Learns length and direction of the weights apart. Often a little better at small ranks; slower.",
            "把权重的长度与方向分开学习。小秩时常略好；速度较慢。",
        ),
        advanced=True,
    )
    init_lora_weights: str = knob(
        "default",
        Text("Start", "初始化"),
        Text(
            "default starts at zero change; PiSSA starts from the weights' main directions and learns faster at first. "
            "Try PiSSA for short runs; it takes a moment at the start and twice the rank on the disk.",
            "default 从零改变开始；PiSSA 从权重的主方向开始，起初学得更快。"
            "训练步数少时可试 PiSSA；开始时要多花一点时间，存盘时秩为两倍。",
        ),
        choices=(
            ("default", Text("zero change", "零改变")),
            (PISSA, Text("PiSSA", "PiSSA（主奇异值）")),
        ),
        advanced=True,
    )
    loraplus_lr_ratio: float = knob(
        1.0,
        Text("LoRA+ ratio", "LoRA+ 学习率倍数"),
        Text(
            "The second matrix learns this many times faster than the first. 1 is plain LoRA; 16 is the paper's choice.",
            "第二个矩阵的学习率是第一个的多少倍。1 即普通 LoRA；论文取 16。",
        ),
        ge=1,
        le=128,
        advanced=True,
        example="16",
    )

    @model_validator(mode="after")
    def _one_start(self) -> LoraSection:
        if self.use_dora and self.init_lora_weights == PISSA:
            raise UserError(
                "method.use_dora: DoRA and PiSSA cannot be combined; switch one of them off.",
                "method.use_dora：DoRA 与 PiSSA 不能同时使用；请关闭其中一个。",
                field="method.use_dora",
            )
        return self


@METHODS.add
class Lora(PeftMethod):
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

    def config(self, model: Any, section: Any) -> Any:
        """peft.LoraConfig."""
        from peft import LoraConfig

        weights = (
            next(model.parameters()).device.type != "meta"
        )  # a plan without weights has no directions to start from
        return LoraConfig(
            r=section.rank,
            lora_alpha=section.lora_alpha,
            lora_dropout=section.lora_dropout,
            target_modules=targets(model, section.target_modules),
            use_rslora=section.use_rslora,
            use_dora=section.use_dora,
            init_lora_weights=PISSA if section.init_lora_weights == PISSA and weights else True,
        )

    def apply(self, model: Any, task: Task, section: Any) -> Any:
        """Wrap; PiSSA's start is remembered, because the result is told as a change to the base as it was."""
        made = super().apply(model, task, section)
        if made.peft_config["default"].init_lora_weights == PISSA:
            made.pissa_start = {name: value.clone() for name, value in _matrices(made).items()}
        return made

    def groups(
        self, model: Any, section: Any, learning_rate: float, weight_decay: float
    ) -> list[dict[str, Any]] | None:
        """LoRA+: the B matrices learn faster."""
        if section.loraplus_lr_ratio == 1:
            return None
        trained = [(name, value) for name, value in model.named_parameters() if value.requires_grad]
        fast = [value for name, value in trained if "lora_B" in name]
        slow = [value for name, value in trained if "lora_B" not in name]
        rates = ((slow, learning_rate), (fast, learning_rate * section.loraplus_lr_ratio))
        return [{"params": values, "lr": rate, "weight_decay": weight_decay} for values, rate in rates]

    def save(self, model: Any, folder: Path) -> None:
        """PEFT's file; after a PiSSA start as a LoRA of twice the rank, [A A₀] and [B −B₀], that fits the untouched base."""
        start = getattr(model, "pissa_start", None)
        if start is None:
            return super().save(model, folder)
        import torch

        config, state = model.peft_config["default"], dict(model.state_dict())
        for name, old in start.items():
            first = "lora_A" in name
            state[name] = torch.cat([state[name], old if first else -old], dim=0 if first else 1)
        was = config.r, config.lora_alpha, config.init_lora_weights
        grown = 2**0.5 if config.use_rslora else 2  # keeps alpha ÷ rank, or alpha ÷ √rank
        config.r, config.lora_alpha, config.init_lora_weights = was[0] * 2, was[1] * grown, True
        model.save_pretrained(str(folder), state_dict=state)
        config.r, config.lora_alpha, config.init_lora_weights = was
        return None


def _matrices(model: Any) -> dict[str, Any]:
    return {name: value.detach() for name, value in model.state_dict().items() if "lora_A" in name or "lora_B" in name}
