"""What preference and reward share: a prompt with a better and a worse answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.errors import Unusable, UserError
from workbench.core.task import Encoded, Role, Row, Task
from workbench.core.text import Text
from workbench.data.chat import conversation, turns
from workbench.tasks import IGNORED, pad_right

ROLES = (
    Role("prompt", Text("Prompt", "提示词"), Text("What is asked: a text or a whole conversation.", "问题：一段文字，或一整段对话。"), names="prompt question instruction query conversations messages 提示 提示词 问题 指令", looks="any"),
    Role("chosen", Text("better answer", "较好的回答"), Text("The answer to prefer.", "应当偏好的回答。"), names="chosen preferred better accepted 选中 较好 优选", looks="any"),
    Role("rejected", Text("worse answer", "较差的回答"), Text("The answer to avoid.", "应当避免的回答。"), names="rejected dispreferred worse 拒绝 较差 劣选", looks="any"),
)  # fmt: skip


class Pairs(Task):
    """Rows {"prompt": messages, "chosen": text, "rejected": text}."""

    roles = ROLES
    sample = "preferences"
    metrics = ("preference_accuracy",)
    main_metric = "preference_accuracy"
    loop = "preference"

    def prepare(self, row: Row) -> Row:
        """A prompt as messages, answers as texts."""
        listed = turns(row["prompt"])
        asked: Row = (
            {"messages": [*listed, {"role": "assistant", "content": "-"}]}
            if listed
            else {"prompt": row["prompt"], "response": "-"}
        )
        prompt = conversation(asked, {})[:-1]
        chosen, rejected = said(row["chosen"]), said(row["rejected"])
        if not chosen or not rejected:
            raise Unusable("an answer is empty", "有一个回答为空")
        if chosen == rejected:
            raise Unusable("both answers are the same", "两个回答相同")
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}

    def check(self, rows: Sequence[Row]) -> None:
        """Pairs are all that is asked for."""
        if not rows:
            raise UserError("data: there are no pairs.", "data：没有任何成对的回答。", field="data.roles")

    def spoken(self, row: Row, answer: str, tokenizer: Any, limit: int) -> dict[str, list[int]]:
        """A conversation that ends in one of the answers; labels where the assistant's last words are."""
        from workbench.models.conversation import spoken

        talk = spoken(tokenizer, [*row["prompt"], {"role": "assistant", "content": row[answer]}])
        ids, marks = talk.ids[:limit], talk.trained[:limit]
        labels = [token if mark else IGNORED for token, mark in zip(ids, marks, strict=True)]
        return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """The better answer, as a preview of what is read; TRL's trainers pair it with the worse one."""
        made = Encoded()
        for index, row in enumerate(rows):
            whole = self.spoken(row, "chosen", tokenizer, section.max_length + 1)
            made.cut += len(whole["input_ids"]) > section.max_length
            made.inputs.append(self.previewed({name: ids[: section.max_length] for name, ids in whole.items()}))
            made.kept.append(index)
        return made

    def previewed(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs in the form the head wants."""
        return inputs

    def pairs(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """TRL's conversational form."""
        return [
            {
                "prompt": row["prompt"],
                **{side: [{"role": "assistant", "content": row[side]}] for side in ("chosen", "rejected")},
            }
            for row in rows
        ]

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads on the right."""
        return pad_right(tokenizer)

    def values(self, inputs: list[dict[str, Any]], judge: Any) -> list[float]:
        """How good the model finds each answer."""
        raise NotImplementedError

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """A value for either answer of every row."""
        limit = judge.section.max_length
        sides = {
            side: [self.spoken(row, side, judge.tokenizer, limit) for row in rows] for side in ("chosen", "rejected")
        }
        return {side: self.values(inputs, judge) for side, inputs in sides.items()}

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """The value of the better answer and of the worse."""
        given = {"predictions": predictions["chosen"], "references": predictions["rejected"]}
        return dict.fromkeys(self.metrics, given)

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """1 where the better answer is valued above the worse."""
        return [float(a > b) for a, b in zip(predictions["chosen"], predictions["rejected"], strict=True)]

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Prompt, both answers, and by how much the better one leads."""
        leads = [a - b for a, b in zip(predictions["chosen"], predictions["rejected"], strict=True)]
        return [
            {"text": row["prompt"][-1]["content"], "reference": f"✓ {row['chosen']}\n✗ {row['rejected']}", "answer": f"{lead:+.3f}"}
            for row, lead in zip(rows, leads, strict=True)
        ]  # fmt: skip

    def guesses(self, train: Sequence[Row], heldout: Sequence[Row]) -> dict[str, Any]:
        """The longer answer wins: a habit of many preference datasets."""
        return {"longer": {side: [float(len(row[side])) for row in heldout] for side in ("chosen", "rejected")}}


def said(value: Any) -> str:
    """An answer's words: a text, one turn, or a list of turns of which the last counts."""
    last = turns(value)[-1] if turns(value) else value
    if isinstance(last, dict):
        last = last.get("content") or last.get("value") or ""
    return str(last or "").strip()
