"""OFT: turns weights without stretching them (Qiu et al., 2023, arXiv:2306.07280), through PEFT."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import PeftMethod, TargetedSection, targets


class OftSection(TargetedSection):
    """Names are peft.OFTConfig's."""

    kind: str = "oft"
    oft_block_size: int = knob(
        32,
        Text("Block size", "块大小"),
        Text(
            "Width of the small rotations along a weight; it is made to divide the layer's width. Larger learns more.",
            "沿权重排列的小旋转的宽度；会调整为能整除层宽。越大学得越多。",
        ),
        ge=2,
        le=1024,
        example="32",
    )


@METHODS.add
class Oft(PeftMethod):
    """Orthogonal fine-tuning."""

    kind = "oft"
    order = 14
    label = Text("OFT", "正交微调（OFT）")
    help = Text(
        "Rotates the weights instead of adding to them: keeps more of what the model knows.",
        "旋转权重而不是往上加：更能保住模型原有的知识。",
    )
    section = OftSection
    suggests = {"training.learning_rate": 4e-4}
    conv1d = False

    def config(self, model: Any, section: Any) -> Any:
        """peft.OFTConfig; PEFT itself adjusts a block size that does not divide a layer's width."""
        from peft import OFTConfig

        return OFTConfig(
            r=0,
            oft_block_size=section.oft_block_size,
            target_modules=targets(model, section.target_modules),
            use_cayley_neumann=False,
        )
