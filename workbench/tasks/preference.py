"""Preference tuning: of two answers the better one, through TRL (github.com/huggingface/trl): DPO (Rafailov et al., 2023,
arXiv:2305.18290), ORPO (Hong et al., 2024, arXiv:2403.07691), KTO (Ethayarajh et al., 2024, arXiv:2402.01306).

What it does not know: why an answer is better. Special tokens spelled out in a text are read by TRL as such.
"""

from __future__ import annotations

from typing import Any

from workbench.core.knob import knob
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.tasks import TalkSection, token_sums
from workbench.tasks._pairs import Pairs


class PreferenceSection(TalkSection):
    """Which loss, and how strongly."""

    kind: str = "preference"
    loss: str = knob(
        "dpo",
        Text("Loss", "损失"),
        Text(
            "DPO compares with the model as it was; ORPO needs no such model and also teaches the better answer; KTO judges each answer by itself. "
            "Begin with DPO; take ORPO where memory is short, and KTO where you have single judgements and no pairs.",
            "DPO 与原模型比较；ORPO 不需要参考模型，同时学习较好的回答；KTO 单独评判每个回答。"
            "先用 DPO；内存紧张时用 ORPO；只有单条评价而没有成对回答时用 KTO。",
        ),
        choices=(("dpo", Text("DPO", "DPO")), ("orpo", Text("ORPO", "ORPO")), ("kto", Text("KTO", "KTO"))),
    )
    beta: float = knob(
        0.1,
        Text("Beta", "Beta 系数"),
        Text(
            "DPO and KTO: how close to the model as it was (larger is closer). ORPO: weight of the preference.",
            "DPO 与 KTO：与原模型保持多近（越大越近）。ORPO：偏好部分的权重。",
        ),
        gt=0,
        le=10,
        example="0.1",
    )


@TASKS.add
class Preference(Pairs):
    """A causal language model that prefers what you prefer."""

    kind = "preference"
    order = 9
    label = Text("Preference (DPO, ORPO, KTO)", "偏好对齐（DPO、ORPO、KTO）")
    help = Text(
        "Teaches a chat model which of two answers is better. Best after it has learned the task itself.",
        "让对话模型学会两个回答中哪个更好。宜在学会任务本身之后使用。",
    )
    section = PreferenceSection
    auto_class = "AutoModelForCausalLM"
    peft_type = "CAUSAL_LM"
    families = ("decoder",)
    talks = True

    def values(self, inputs: list[dict[str, Any]], judge: Any) -> list[float]:
        """Mean log-likelihood of the answer's tokens."""
        sums = judge.map(self, inputs, lambda batch: token_sums(batch, judge.model))
        return [-nll / max(1, count) for nll, count, _ in sums]
