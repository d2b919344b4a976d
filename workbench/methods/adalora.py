"""AdaLoRA: LoRA that spends its rank where it matters (Zhang et al., 2023, arXiv:2303.10512), through PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import PeftMethod, TargetedSection, targets

WARMUP, REST = 0.2, 0.3
"""Shares of the run before pruning begins and after it has ended."""
RUNNING = ("ipt", "exp_avg_ipt", "exp_avg_unc")
"""PEFT's names for how much a weight matters: now, on average, and how surely."""


class AdaLoraSection(TargetedSection):
    """Names are peft.AdaLoraConfig's."""

    kind: str = "adalora"
    init_r: int = knob(
        12,
        Text("Rank at first", "初始秩"),
        Text(
            "Rank of every matrix at the start. "
            "Take one and a half times the target; more costs memory and time until it is cut down.",
            "开始时每个矩阵的秩。取目标秩的一倍半；更大则在裁减之前多占内存和时间。",
        ),
        ge=1,
        le=1024,
        example="12",
    )
    target_r: int = knob(
        8,
        Text("Mean rank at the end", "最终平均秩"),
        Text(
            "What is left on average: weak directions are taken away, matrices that matter keep more. "
            "Raise it where the held-out loss stays high; the file grows with it.",
            "结束时的平均秩：弱的方向被去掉，重要的矩阵保留更多。留出集损失降不下来时调大；文件也随之变大。",
        ),
        ge=1,
        le=1024,
        example="8",
    )
    lora_alpha: int = knob(
        32,
        Text("Alpha", "缩放系数"),
        Text(
            "Strength of the added matrices. "
            "Twice the rank is a good beginning; it acts like the learning rate and costs nothing.",
            "新增矩阵的力度。从秩的两倍开始就好；作用类似学习率，不增加开销。",
        ),
        ge=1,
        le=4096,
        advanced=True,
        example="32",
    )


@METHODS.add
class AdaLora(PeftMethod):
    """Adaptive rank."""

    kind = "adalora"
    order = 11
    label = Text("AdaLoRA", "自适应秩（AdaLoRA）")
    help = Text(
        "LoRA that moves its rank during training to the matrices that need it. Wants some hundred steps.",
        "训练中把秩分配给更需要它的矩阵的 LoRA。适合几百步以上的训练。",
    )
    section = AdaLoraSection
    suggests = {"training.learning_rate": 1e-3}
    conv1d = False
    twice = False

    def config(self, model: Any, section: Any) -> Any:
        """peft.AdaLoraConfig; the number of steps follows in `plan`."""
        from peft import AdaLoraConfig

        return AdaLoraConfig(
            init_r=section.init_r,
            target_r=min(section.target_r, section.init_r),
            lora_alpha=section.lora_alpha,
            target_modules=targets(model, section.target_modules),
            total_step=1,
        )

    def plan(self, model: Any, steps: int) -> None:
        """Pruning lies between the warm-up and the rest; a run too short for that prunes nothing."""
        config = model.peft_config["default"]
        config.total_step = steps
        config.tinit, config.tfinal = int(steps * WARMUP), int(steps * REST)
        model.base_model.rankallocator.set_total_step(steps)

    def restore(self, model: Any, folder: Path) -> Any:
        """PEFT looks for the trained adapter's name whenever labels are given, and sets it only while training."""
        model.base_model.trainable_adapter_name = next(iter(model.peft_config))
        return model

    def memory(self, model: Any) -> dict[str, Any]:
        """How much every weight mattered so far, and which directions are taken away."""
        import torch

        ranks = model.base_model.rankallocator
        made = {f"{kind}/{name}": value for kind in RUNNING for name, value in getattr(ranks, kind).items()}
        pattern = model.peft_config["default"].rank_pattern or {}
        return {
            **{name: value.detach().cpu().clone().contiguous() for name, value in made.items()},
            **{f"pattern/{name}": torch.tensor(kept, dtype=torch.uint8) for name, kept in pattern.items()},
        }

    def remember(self, model: Any, memory: dict[str, Any]) -> None:
        """The same, back."""
        ranks, pattern = model.base_model.rankallocator, {}
        device = next(model.parameters()).device
        for key, value in memory.items():
            kind, _, name = key.partition("/")
            if kind == "pattern":
                pattern[name] = [bool(kept) for kept in value.tolist()]
            else:
                getattr(ranks, kind)[name] = value.to(device)
        model.peft_config["default"].rank_pattern = pattern or None

    def after_step(self, model: Any, step: int) -> None:
        """Move rank, by the gradients of this step."""
        if step < model.peft_config["default"].total_step:
            model.base_model.update_and_allocate(step)
