"""BOFT: rotations built from butterfly factors (Liu et al., 2023, arXiv:2311.06243), through PEFT."""

from __future__ import annotations

import math
from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import PeftMethod, TargetedSection, targets


class BoftSection(TargetedSection):
    """Names are peft.BOFTConfig's."""

    kind: str = "boft"
    boft_block_size: int = knob(
        4,
        Text("Block size", "块大小"),
        Text(
            "Width of the small rotations; the largest power of two up to it that divides every layer's width is used. "
            "Larger blocks change more at once, with more to train and slower steps.",
            "小旋转的宽度；实际取不超过它、且能整除每一层宽度的最大的 2 的幂。"
            "块越大，一次改变越多，要训练的参数更多，也更慢。",
        ),
        ge=2,
        le=256,
        example="4",
    )


@METHODS.add
class Boft(PeftMethod):
    """Butterfly orthogonal fine-tuning."""

    kind = "boft"
    order = 15
    label = Text("BOFT", "蝶形正交微调（BOFT）")
    help = Text(
        "Rotates the weights by small blocks: keeps more of what the model knows, few numbers, slow.",
        "用小块旋转权重：更能保住原有知识，参数很少，速度较慢。",
    )
    section = BoftSection
    suggests = {"training.learning_rate": 1e-3}
    conv1d = False

    def config(self, model: Any, section: Any) -> Any:
        """peft.BOFTConfig."""
        from peft import BOFTConfig

        names = targets(model, section.target_modules)
        common = math.gcd(*(model.get_submodule(name).in_features for name in names))
        size = 2 ** int(math.log2(math.gcd(common, 2 ** int(math.log2(section.boft_block_size)))))
        return BOFTConfig(boft_block_size=max(2, size), boft_n_butterfly_factor=1, target_modules=names)
