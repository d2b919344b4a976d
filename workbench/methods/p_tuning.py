"""P-tuning: word vectors in front of the text, made by a small network (Liu et al., 2021, arXiv:2103.10385), through PEFT."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import VirtualMethod, VirtualSection


class PTuningSection(VirtualSection):
    """Names are peft.PromptEncoderConfig's."""

    kind: str = "p-tuning"
    encoder_reparameterization_type: str = knob(
        "MLP",
        Text("Network", "编码网络"),
        Text(
            "The small network that makes the vectors. "
            "MLP is right nearly always; LSTM is slower and can help where vectors should follow on one another.",
            "生成这些向量的小网络。几乎总用 MLP；LSTM 较慢，适合向量前后相关的情况。",
        ),
        choices=(("MLP", Text("MLP", "MLP")), ("LSTM", Text("LSTM", "LSTM"))),
        advanced=True,
    )
    encoder_hidden_size: int = knob(
        128,
        Text("Width of the network", "网络宽度"),
        Text(
            "Hidden size of the small network. "
            "Raise it where the loss stays high; it costs memory while training, and nothing afterwards.",
            "小网络的隐藏层宽度。损失降不下来时调大；只在训练时占内存，之后没有开销。",
        ),
        ge=8,
        le=8192,
        advanced=True,
        example="128",
    )


@METHODS.add
class PTuning(VirtualMethod):
    """Prompt encoder."""

    kind = "p-tuning"
    order = 22
    label = Text("P-tuning", "P-tuning（连续提示）")
    help = Text(
        "Like prompt tuning, with the vectors made by a small network. Was made for understanding tasks.",
        "类似提示微调，但向量由一个小网络生成。为理解类任务而设计。",
    )
    section = PTuningSection
    suggests = {"training.learning_rate": 5e-3}

    def config(self, model: Any, section: Any) -> Any:
        """peft.PromptEncoderConfig."""
        from peft import PromptEncoderConfig

        return PromptEncoderConfig(
            num_virtual_tokens=section.num_virtual_tokens,
            encoder_reparameterization_type=section.encoder_reparameterization_type,
            encoder_hidden_size=section.encoder_hidden_size,
        )
