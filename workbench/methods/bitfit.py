"""BitFit: only the bias terms (Ben Zaken et al., 2021, arXiv:2106.10199). PEFT has no such method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.method import METHODS, Config, MethodSection
from workbench.core.task import Task
from workbench.core.text import Text
from workbench.methods import SelectedMethod

UNBIASED = ("llama", "mistral", "gemma", "gemma2", "gemma3_text", "qwen3", "t5", "mt5", "modernbert", "smollm3")
"""Families without a bias unless their config asks for one."""


class BitFitSection(MethodSection):
    """No knobs of its own."""

    kind: str = "bitfit"


@METHODS.add
class BitFit(SelectedMethod):
    """The biases are trained."""

    kind = "bitfit"
    order = 32
    label = Text("BitFit", "偏置微调（BitFit）")
    help = Text(
        "Trains only the bias terms: about a thousandth of a BERT. Most newer language models have no biases.",
        "只训练偏置项：约为 BERT 的千分之一。多数较新的语言模型没有偏置。",
    )
    section = BitFitSection
    suggests = {"training.learning_rate": 1e-3}

    def fits(self, task: Task, config: Config | None = None) -> Text | None:
        """Only where there are biases."""
        if (
            config
            and config.get("model_type") in UNBIASED
            and not any(config.get(n) for n in ("attention_bias", "mlp_bias"))
        ):
            return Text(
                f"{config['model_type']} models have no bias terms to train; choose layernorm or LoRA.",
                f"{config['model_type']} 模型没有可训练的偏置项；请改用层归一化微调或 LoRA。",
            )
        return None

    def choose(self, model: Any, section: Any) -> Callable[[str], bool]:
        """Every bias."""
        return lambda name: name.endswith(".bias")
