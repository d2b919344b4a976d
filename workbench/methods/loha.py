"""LoHa: the change of a weight as a Hadamard product of two low-rank ones (Hyeon-Woo et al., 2021, arXiv:2108.06098)."""

from __future__ import annotations

from typing import Any

from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import LowRankSection, PeftMethod, targets


class LohaSection(LowRankSection):
    """Rank, alpha and dropout as in LoRA."""

    kind: str = "loha"


@METHODS.add
class Loha(PeftMethod):
    """Low-rank Hadamard product."""

    kind = "loha"
    order = 17
    label = Text("LoHa", "哈达玛积适配（LoHa）")
    help = Text(
        "Multiplies two low-rank changes number by number: rank squared for twice LoRA's numbers.",
        "把两个低秩改变逐元素相乘：参数为 LoRA 的两倍，秩可达其平方。",
    )
    section = LohaSection
    suggests = {"training.learning_rate": 1e-3}
    conv1d = False

    def config(self, model: Any, section: Any) -> Any:
        """peft.LoHaConfig."""
        from peft import LoHaConfig

        return LoHaConfig(
            r=section.rank,
            alpha=section.lora_alpha,
            rank_dropout=section.lora_dropout,
            target_modules=targets(model, section.target_modules),
        )
