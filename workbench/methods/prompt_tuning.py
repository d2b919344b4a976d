"""Prompt tuning: learned word vectors in front of the text (Lester et al., 2021, arXiv:2104.08691), through PEFT."""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS
from workbench.core.text import Text
from workbench.methods import VirtualMethod, VirtualSection


class PromptTuningSection(VirtualSection):
    """Names are peft.PromptTuningConfig's."""

    kind: str = "prompt-tuning"
    prompt_tuning_init: str = knob(
        "SAMPLE_VOCAB",
        Text("Start", "初始化"),
        Text(
            "The vectors start as those of words picked at random, or as random numbers. Words learn faster.",
            "从随机挑选的词的向量开始，或从随机数开始。用词开始学得更快。",
        ),
        choices=(
            ("SAMPLE_VOCAB", Text("words", "词向量")),
            ("RANDOM", Text("random", "随机")),
        ),
        advanced=True,
    )


@METHODS.add
class PromptTuning(VirtualMethod):
    """Soft prompts."""

    kind = "prompt-tuning"
    order = 21
    label = Text("Prompt tuning", "提示微调")
    help = Text(
        "Learns a few word vectors put in front of every text. Tiny; wants large models and high learning rates.",
        "学习放在每段文字前的几个词向量。极小；适合大模型和较高的学习率。",
    )
    section = PromptTuningSection
    suggests = {"training.learning_rate": 3e-2}

    def config(self, model: Any, section: Any) -> Any:
        """peft.PromptTuningConfig."""
        from peft import PromptTuningConfig

        start, count = section.prompt_tuning_init, section.num_virtual_tokens
        return PromptTuningConfig(num_virtual_tokens=count, prompt_tuning_init=start)
