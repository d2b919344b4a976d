"""Continued pre-training of a causal language model on plain text: every token is learned, texts laid end to end in blocks.

What it does not know: instructions. A model that should answer wants the task `chat`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.task import TASKS, Encoded, Role, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.tasks import pad_right, token_sums
from workbench.tasks._language import learned_bytes, losses, of_tokens


class TextGenerationSection(TaskSection):
    """How texts become rows."""

    kind: str = "text-generation"
    blocks: bool = knob(
        True,
        Text("Blocks", "拼接成块"),
        Text(
            "Texts are laid end to end and cut into blocks of the maximum length: no padding, nothing lost. Off: one text per row.",
            "把文本首尾相接，再切成最大长度的块：没有填充，也不丢内容。关闭则每段文本一行。",
        ),
        advanced=True,
    )


@TASKS.add
class TextGeneration(Task):
    """A causal language model that goes on as your texts do."""

    kind = "text-generation"
    order = 7
    label = Text("Text generation (continued pre-training)", "文本生成（继续预训练）")
    help = Text(
        "Goes on with a language model's pre-training on your texts: their style, words and facts.",
        "用你的文本继续语言模型的预训练：学习其中的文风、用词和知识。",
    )
    section = TextGenerationSection
    roles = (Role("text", Text("text", "文本"), Text("Texts to read.", "供阅读的文本。")),)
    sample = "stories"
    asks = ("text",)
    auto_class = "AutoModelForCausalLM"
    peft_type = "CAUSAL_LM"
    families = ("decoder",)
    metrics = ("perplexity", "bits_per_byte", "token_accuracy", "distinct_2")
    main_metric = "perplexity"

    def check(self, rows: Sequence[Row]) -> None:
        """Any text teaches."""

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Every text closed by the end token; in blocks, the last one shorter. A block belongs to the row it begins in."""
        made, size, owner = Encoded(), section.max_length, 0
        held: list[int] = []
        for index, row in enumerate(rows):
            ids = self._closed(row["text"], tokenizer)
            if not section.blocks:
                made.cut += len(ids) > size
                self._add(made, ids[:size], index)
                continue
            owner = owner if held else index
            held += ids
            while len(held) >= size:
                self._add(made, held[:size], owner)
                held, owner = held[size:], index
        if held:
            self._add(made, held, owner)
        return made

    def _closed(self, text: str, tokenizer: Any) -> list[int]:
        ids = list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])
        start = [tokenizer.bos_token_id] if getattr(tokenizer, "add_bos_token", False) else []
        end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        return [*start, *ids, *end]

    def _add(self, made: Encoded, ids: list[int], index: int) -> None:
        if len(ids) > 1:
            made.inputs.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": list(ids)})
            made.kept.append(index)

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads on the right."""
        return pad_right(tokenizer)

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """Per block: summed loss, tokens, right ones; and how some texts go on after their first half."""
        encoded = self.encode(rows, judge.tokenizer, judge.section, judge.model)
        sums = judge.map(self, encoded.inputs, lambda batch: token_sums(batch, judge.model))
        starts = [_halved(row["text"], judge.tokenizer) for row in rows[: judge.samples]]
        ids = [
            judge.tokenizer(start, add_special_tokens=False, split_special_tokens=True)["input_ids"]
            for start, _ in starts
        ]
        return {
            "nll": [item[0] for item in sums], "tokens": [item[1] for item in sums], "right": [item[2] for item in sums],
            "bytes": learned_bytes(encoded.inputs, judge.tokenizer), "kept": encoded.kept,
            "texts": [judge.tokenizer.decode(row["input_ids"], skip_special_tokens=True) for row in encoded.inputs],
            "starts": starts, "answers": judge.generate(ids),
        }  # fmt: skip

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The text, and how it goes on."""
        ids = judge.tokenizer(fields["text"], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return f"{fields['text']} … {judge.generate([ids])[0]}"

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Over all tokens; and how varied the continuations are."""
        made = of_tokens(predictions)
        if predictions.get("answers"):
            rest = [rest for _, rest in predictions["starts"]]
            made["distinct_2"] = {"predictions": predictions["answers"], "references": rest}
        return made

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Blocks, and the loss over each."""
        told = zip(predictions["texts"], losses(predictions), strict=True)
        return [{"text": text, "reference": "", "answer": loss} for text, loss in told]

    def units(self, rows: Sequence[Row], predictions: Any) -> list[Any] | None:
        """Blocks of one text."""
        return predictions.get("kept")

    def details(self, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
        """Beginnings, and how they go on."""
        sides = zip(after["starts"], before["answers"], after["answers"], strict=True)
        return {
            "samples": [
                {"messages": [{"role": "user", "content": start}], "reference": rest, "before": old, "after": new}
                for (start, rest), old, new in sides
            ]
        }

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """Mean log-likelihood of a block's tokens."""
        return [-nll / count for nll, count in zip(predictions["nll"], predictions["tokens"], strict=True)]


def _halved(text: str, tokenizer: Any) -> tuple[str, str]:
    """A text's first half in words of the tokenizer, and the rest."""
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    start = str(tokenizer.decode(ids[: max(1, len(ids) // 2)])).rstrip("\ufffd")
    return start, text[len(start) :].strip()
