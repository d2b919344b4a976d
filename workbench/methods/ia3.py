"""IA³: one learned factor per channel of keys, values and the feed-forward part (Liu et al., 2022, arXiv:2205.05638)."""

from __future__ import annotations

from typing import Any

from workbench.core.method import METHODS, MethodSection
from workbench.core.text import Text
from workbench.methods import PeftMethod, ending, feedforward_out

KEYS_AND_VALUES = (
    "key", "value", "k_proj", "v_proj", "attn.c_attn", "SelfAttention.k", "SelfAttention.v", "EncDecAttention.k",
    "EncDecAttention.v", "k_lin", "v_lin", "qkv_proj", "query_key_value", "Wqkv",
)  # fmt: skip


class Ia3Section(MethodSection):
    """No knobs of its own."""

    kind: str = "ia3"


@METHODS.add
class Ia3(PeftMethod):
    """Rescaled activations."""

    kind = "ia3"
    order = 12
    label = Text("IA³", "激活缩放（IA³）")
    help = Text(
        "Learns one factor per channel of keys, values and feed-forward: the smallest files, a few thousand numbers.",
        "只学习键、值与前馈层每个通道的一个系数：文件最小，仅数千个参数。",
    )
    section = Ia3Section
    suggests = {"training.learning_rate": 8e-3}

    def config(self, model: Any, section: Any) -> Any:
        """peft.IA3Config."""
        from peft import IA3Config

        last = feedforward_out(model)
        return IA3Config(target_modules=[*ending(model, KEYS_AND_VALUES), *last], feedforward_modules=last)
