"""Instruction and chat tuning: the tokenizer's own chat template, loss on the assistant's answers only.

What it does not know: whether an answer is right. It measures how well the held-out answers are predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.task import TASKS, Encoded, Role, Row, Task
from workbench.core.text import Text
from workbench.tasks import IGNORED, TalkSection, pad_right, token_sums
from workbench.tasks._language import learned_bytes, losses, of_tokens


class ChatSection(TalkSection):
    """No knobs beside the shared ones."""

    kind: str = "chat"


@TASKS.add
class Chat(Task):
    """A causal language model that answers."""

    kind = "chat"
    order = 2
    label = Text("Chat and instructions", "对话与指令")
    help = Text(
        "Teaches a language model to answer as your examples do. Only the answers are trained on.",
        "让语言模型照着示例回答。只在回答部分上训练。",
    )
    section = ChatSection
    roles = (
        Role("messages", Text("messages", "消息"), Text("A whole conversation.", "一整段对话。"), required=False),
        Role("prompt", Text("Prompt", "提示词"), Text("What is asked.", "问题或指令。"), required=False),
        Role("context", Text("Context", "上下文"), Text("Further input of the prompt.", "提示词的补充输入。"), False),
        Role("system", Text("system", "系统提示"), Text("How the model should behave.", "模型应如何表现。"), False),
        Role("response", Text("response", "回答"), Text("The answer to learn.", "要学习的回答。"), required=False),
    )
    sample = "persona"
    auto_class = "AutoModelForCausalLM"
    peft_type = "CAUSAL_LM"
    families = ("decoder",)
    metrics = ("perplexity", "bits_per_byte", "token_accuracy", "distinct_2", "answer_length")
    main_metric = "perplexity"
    talks = True

    def check(self, rows: Sequence[Row]) -> None:
        """Every training set needs at least one answer."""
        if not any(message["role"] == "assistant" for row in rows for message in row["messages"]):
            raise UserError(
                "data: no conversation has an answer (role assistant); map a column to response, or messages.",
                "data：没有任何对话包含回答（assistant 角色）；请把某一列指定为 response 或 messages。",
                field="data.roles",
            )

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """The conversation as the template writes it; labels only where the assistant speaks."""
        from workbench.models.conversation import spoken

        made, inexact, empty = Encoded(), 0, 0
        for index, row in enumerate(rows):
            talk = spoken(tokenizer, row["messages"], row.get("tools", ()))
            ids, marks = talk.ids[: section.max_length], talk.trained[: section.max_length]
            made.cut += len(talk.ids) > section.max_length
            if not any(marks[1:]):
                empty += 1
                continue
            labels = [token if mark else IGNORED for token, mark in zip(ids, marks, strict=True)]
            made.inputs.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
            made.kept.append(index)
            inexact += not talk.exact
        made.notes = _notes(inexact, empty, section.max_length)
        return made

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads on the right; padding is masked by position, whatever the padding token is."""
        return pad_right(tokenizer)

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """Per row: summed loss, answer tokens, answer tokens guessed right; and some answers in full."""
        encoded = self.encode(rows, judge.tokenizer, judge.section, judge.model)
        sums = judge.map(self, encoded.inputs, lambda batch: token_sums(batch, judge.model))
        asked = [rows[index] for index in encoded.kept[: judge.samples]]
        return {
            "nll": [item[0] for item in sums],
            "tokens": [item[1] for item in sums],
            "right": [item[2] for item in sums],
            "bytes": learned_bytes(encoded.inputs, judge.tokenizer),
            "kept": encoded.kept,
            "asked": [_question(row) for row in asked],
            "answers": judge.answer([_question(row)[0] for row in asked], [row.get("tools", ()) for row in asked]),
        }

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Over all answer tokens, long rows counting more than short ones; and what the sampled answers are like."""
        made = of_tokens(predictions)
        if predictions.get("answers"):
            given = {"predictions": predictions["answers"], "references": [wanted for _, wanted in predictions["asked"]]}  # fmt: skip
            made |= dict.fromkeys(self.metrics[3:], given)
        return made

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """The last question, the right answer, and the loss over it."""
        told = zip((_question(rows[index]) for index in predictions["kept"]), losses(predictions), strict=True)
        return [{"text": asked[-1]["content"] if asked else "", "reference": wanted, "answer": loss} for (asked, wanted), loss in told]  # fmt: skip

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """The same prompts answered before and after."""
        answers = zip(before["asked"], before["answers"], after["answers"], strict=True)
        return {
            "samples": [
                {"messages": messages, "reference": reference, "before": old, "after": new}
                for (messages, reference), old, new in answers
            ]
        }

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """Mean log-likelihood of a row's answer tokens."""
        return [-nll / count for nll, count in zip(predictions["nll"], predictions["tokens"], strict=True)]


def _question(row: Row) -> tuple[list[dict[str, Any]], str]:
    """The conversation up to the last answer, and that answer."""
    from workbench.models.conversation import call_text

    messages = list(row["messages"])
    last = max(index for index, message in enumerate(messages) if message["role"] == "assistant")
    return messages[:last], call_text(messages[last])


def _notes(inexact: int, empty: int, limit: int) -> list[Text]:
    notes = []
    if empty:
        notes.append(
            Text(
                f"{empty} rows left out: no answer within the first {limit} tokens.",
                f"略去 {empty} 行：前 {limit} 个词元内没有回答。",
            )
        )
    if inexact:
        notes.append(
            Text(
                f"In {inexact} rows a token lies across the border of an answer; prompt and answer were encoded apart.",
                f"有 {inexact} 行的词元跨越了回答的边界；提问与回答已分开编码。",
            )
        )
    return notes
