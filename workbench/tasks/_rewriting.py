"""What summarization and translation share: a text in, a text out, by an encoder-decoder or by a causal model with a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from workbench.core.errors import UserError
from workbench.core.family import family
from workbench.core.knob import knob
from workbench.core.task import Encoded, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.tasks import IGNORED, pad_right


class RewritingSection(TaskSection):
    """Lengths of both sides, and what a causal model is told."""

    max_target_length: int = knob(
        128,
        Text("Maximum answer length", "最大输出长度"),
        Text(
            "Longer reference texts are cut at this many tokens. "
            "Raise it where summaries are long; it costs memory and time.",
            "更长的参考文本会在此处截断（词元数）。摘要较长时调大；会多占内存和时间。",
        ),
        ge=4,
        le=131072,
        example="128",
    )


class Rewriting(Task):
    """A sequence-to-sequence task. Subclasses name the two roles, the metrics and the usual prompt."""

    auto_class = "AutoModelForSeq2SeqLM"
    peft_type = "SEQ_2_SEQ_LM"
    families = ("pair", "decoder")
    source: ClassVar[str]
    target: ClassVar[str]

    def head(self, config: dict[str, Any]) -> str:
        """An encoder-decoder, or a causal model."""
        return self.auto_class if family(config) == "pair" else "AutoModelForCausalLM"

    def peft_kind(self, model: Any) -> str:
        """By what was loaded."""
        return self.peft_type if getattr(model.config, "is_encoder_decoder", False) else "CAUSAL_LM"

    def check(self, rows: Sequence[Row]) -> None:
        """There must be texts and what they become."""
        if not any(row[self.target].strip() for row in rows):
            raise UserError(
                f"data: no row has a {self.target}; map a column to {self.target}.",
                f"data：没有任何行有 {self.target}；请把某一列指定为 {self.target}。",
                field="data.roles",
            )

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """For an encoder-decoder source ids and target labels; for a causal model both in one line, loss on the target."""
        made, paired = Encoded(), bool(getattr(model.config, "is_encoder_decoder", False))
        for index, row in enumerate(rows):
            target = tokenizer(text_target=row[self.target], add_special_tokens=False, split_special_tokens=True)[
                "input_ids"
            ]
            made.cut += len(target) >= section.max_target_length
            target = _ended(target[: section.max_target_length - 1], tokenizer)
            source, cut = self._source(row, tokenizer, section, paired)
            made.cut += cut
            ids = source if paired else [*source, *target]
            labels = target if paired else [*[IGNORED] * len(source), *target]
            made.inputs.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
            made.kept.append(index)
        return made

    def _source(self, row: Row, tokenizer: Any, section: Any, paired: bool) -> tuple[list[int], bool]:
        """Ids of the prompt with its text, the text cut so that the end of the prompt stays."""
        before, _, after = section.prompt.partition("{text}")
        after = after or ("" if paired else "\n")  # what tells a causal model that its turn has come
        tail = tokenizer(after, add_special_tokens=False, split_special_tokens=True)["input_ids"] if after else []
        ids = tokenizer(before + row[self.source], add_special_tokens=False, split_special_tokens=True)["input_ids"]
        room = max(1, section.max_length - len(tail) - 1)
        whole = [*ids[:room], *tail]
        if paired:
            return _ended(whole, tokenizer), len(ids) > room
        start = [tokenizer.bos_token_id] if getattr(tokenizer, "add_bos_token", False) else []
        return [*start, *whole], len(ids) > room

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Source and target padded each to its own longest."""
        return pad_right(tokenizer)

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """Greedy answers to the first rows (evaluation.generated of them)."""
        paired = bool(getattr(judge.model.config, "is_encoder_decoder", False))
        asked = list(rows)[: judge.generated]
        prompts = [self._source(row, judge.tokenizer, judge.section, paired)[0] for row in asked]
        return {"answers": judge.generate(prompts)}

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The text the model makes of it."""
        return str(self.predict([{**fields, self.target: ""}], judge)["answers"][0]) or "–"

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Over the answered rows."""
        answers = predictions["answers"]
        wanted = [row[self.target] for row in rows[: len(answers)]]
        return {kind: {"predictions": answers, "references": wanted} for kind in self.metrics}

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Text, reference, answer."""
        pairs = zip(rows, predictions["answers"], strict=False)
        return [{"text": row[self.source], "reference": row[self.target], "answer": said} for row, said in pairs]


def _ended(ids: list[int], tokenizer: Any) -> list[int]:
    """With the end that tells a model to stop."""
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    return ids if end is None else [*ids, end]
