"""LayerNorm tuning: only the norms' scales and shifts (Zhao et al., 2023, arXiv:2312.11420), through PEFT."""

from __future__ import annotations

from typing import Any

from workbench.core.method import METHODS, MethodSection
from workbench.core.text import Text
from workbench.methods import PeftMethod


class LayerNormSection(MethodSection):
    """No knobs of its own."""

    kind: str = "layernorm"


@METHODS.add
class LayerNorm(PeftMethod):
    """The norms are trained."""

    kind = "layernorm"
    order = 31
    label = Text("LayerNorm tuning", "层归一化微调")
    help = Text(
        "Trains only the scales of the normalisation layers: a few thousand numbers, no extra work when answering.",
        "只训练归一化层的缩放参数：仅几千个参数，推理时没有额外开销。",
    )
    section = LayerNormSection
    suggests = {"training.learning_rate": 1e-3}

    def config(self, model: Any, section: Any) -> Any:
        """peft.LNTuningConfig on every norm that has a weight."""
        from peft import LNTuningConfig

        norms = [
            name for name, part in model.named_modules() if "Norm" in type(part).__name__ and hasattr(part, "weight")
        ]
        return LNTuningConfig(
            target_modules=[name for name in norms if name.partition(".")[0] not in ("cls", "lm_head")]
        )
