"""A reward model: one number per answer, higher for the better one (Bradley & Terry, 1952; Ouyang et al., 2022), through TRL.

What it does not know: how much better. Only differences between answers to the same prompt mean something.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.task import TASKS, Row
from workbench.core.text import Text
from workbench.tasks import TalkSection
from workbench.tasks._pairs import Pairs


class RewardSection(TalkSection):
    """No knobs beside the shared ones."""

    kind: str = "reward"


@TASKS.add
class Reward(Pairs):
    """A head with one output."""

    kind = "reward"
    order = 10
    label = Text("Reward model", "奖励模型")
    help = Text(
        "Teaches a model to grade answers: the better of two gets the higher number.",
        "让模型给回答打分：两个回答中较好的得分更高。",
    )
    section = RewardSection
    auto_class = "AutoModelForSequenceClassification"
    peft_type = "SEQ_CLS"
    families = ("encoder", "decoder")
    asks = ("prompt", "chosen")

    def model_options(self, rows: Sequence[Row]) -> dict[str, Any]:
        """One number."""
        return {"num_labels": 1}

    def previewed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """A number as the answer: transformers' own loss for one output is a regression."""
        return {**inputs, "labels": 1.0}

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The answer's grade."""
        row = {"prompt": [{"role": "user", "content": fields["prompt"]}], "chosen": fields.get("chosen", "")}
        inputs = self.spoken(row, "chosen", judge.tokenizer, judge.section.max_length)
        return f"{self.values([inputs], judge)[0]:+.3f}"

    def values(self, inputs: list[dict[str, Any]], judge: Any) -> list[float]:
        """The head's number."""

        def ask(batch: dict[str, Any]) -> list[float]:
            batch.pop("labels")
            return list(judge.model(**batch).logits[:, 0].float().tolist())

        return judge.map(self, inputs, ask)
