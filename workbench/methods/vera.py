"""VeRA: random matrices shared by all layers, only their scales learned (Kopiczko et al., 2023, arXiv:2310.11454)."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import PeftMethod, TargetedSection, targets


class VeraSection(TargetedSection):
    """Names are peft.VeraConfig's."""

    kind: str = "vera"
    rank: int = knob(
        256,
        Text("Rank", "秩"),
        Text(
            "Width of the shared random matrices. Only one number per row of them is learned, so it may be large.",
            "共享随机矩阵的宽度。每行只学一个数，所以可以取大些。",
        ),
        ge=1,
        le=4096,
        example="256",
    )


@METHODS.add
class Vera(PeftMethod):
    """Vector-based random matrix adaptation."""

    kind = "vera"
    order = 13
    label = Text("VeRA", "向量随机矩阵适配（VeRA）")
    help = Text(
        "Like LoRA with frozen random matrices shared by all layers; learns about a tenth of LoRA's numbers.",
        "类似 LoRA，但各层共享固定的随机矩阵；可学习的参数约为 LoRA 的十分之一。",
    )
    section = VeraSection
    suggests = {"training.learning_rate": 4e-3}

    def config(self, model: Any, section: Any) -> Any:
        """peft.VeraConfig; the random matrices are saved along, so that a result never depends on a generator."""
        from peft import VeraConfig

        return VeraConfig(r=section.rank, target_modules=targets(model, section.target_modules), save_projection=True)
