"""Prefix tuning: learned keys and values in front of every layer (Li & Liang, 2021, arXiv:2101.00190), through PEFT."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import VirtualMethod, VirtualSection


class PrefixTuningSection(VirtualSection):
    """Names are peft.PrefixTuningConfig's."""

    kind: str = "prefix-tuning"
    prefix_projection: bool = knob(
        False,
        Text("Reparameterised", "重参数化"),
        Text(
            "Learns the prefix through a small network, as in the paper: steadier, more numbers while training. "
            "Turn it on when the loss jumps; the saved prefix is no larger.",
            "像论文那样通过一个小网络学习前缀：更稳，训练时参数更多。损失跳动时打开；保存的前缀不会变大。",
        ),
        advanced=True,
    )


@METHODS.add
class PrefixTuning(VirtualMethod):
    """Learned keys and values."""

    kind = "prefix-tuning"
    order = 20
    label = Text("Prefix tuning", "前缀微调")
    help = Text(
        "Puts learned keys and values in front of every layer's attention. Suits generation; needs no change of weights.",
        "在每一层注意力之前放入可学习的键和值。适合生成任务；不改动权重。",
    )
    section = PrefixTuningSection
    inside = False
    suggests = {"training.learning_rate": 1e-2}

    def config(self, model: Any, section: Any) -> Any:
        """peft.PrefixTuningConfig."""
        from peft import PrefixTuningConfig

        width = int(getattr(model.config, "hidden_size", 0) or model.config.d_model)
        return PrefixTuningConfig(
            num_virtual_tokens=section.num_virtual_tokens,
            prefix_projection=section.prefix_projection,
            encoder_hidden_size=width,
        )
