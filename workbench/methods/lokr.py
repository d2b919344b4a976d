"""LoKr: the change of a weight as a Kronecker product (Yeh et al., 2023, arXiv:2309.14859, LyCORIS), through PEFT."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import LowRankSection, PeftMethod, targets


class LokrSection(LowRankSection):
    """Names are peft.LoKrConfig's, but for rank, alpha and dropout, which are as in LoRA."""

    kind: str = "lokr"
    decompose_factor: int = knob(
        -1,
        Text("Factor", "分解因子"),
        Text(
            "How a weight's sides are split in two; −1 splits them as evenly as it goes. "
            "A small factor trains more numbers and can learn more; leave −1 at first.",
            "权重两边如何一分为二；−1 表示尽量均分。因子小则参数更多、能学更多；先保持 −1。",
        ),
        ge=-1,
        le=4096,
        advanced=True,
        example="-1",
    )


@METHODS.add
class Lokr(PeftMethod):
    """Low-rank Kronecker product."""

    kind = "lokr"
    order = 16
    label = Text("LoKr", "克罗内克积适配（LoKr）")
    help = Text(
        "The change of a weight as a product of a small and a thin matrix: full rank for few numbers.",
        "把权重的改变表示为一小一薄两个矩阵的克罗内克积：参数少而秩不低。",
    )
    section = LokrSection
    suggests = {"training.learning_rate": 1e-3}
    conv1d = False

    def config(self, model: Any, section: Any) -> Any:
        """peft.LoKrConfig."""
        from peft import LoKrConfig

        return LoKrConfig(
            r=section.rank,
            alpha=section.lora_alpha,
            rank_dropout=section.lora_dropout,
            decompose_factor=section.decompose_factor,
            target_modules=targets(model, section.target_modules),
        )
