"""Masked language modelling: hidden words are guessed from both sides (Devlin et al., 2018, arXiv:1810.04805).

What it does not know: which words are worth hiding. Every token is as likely as any other.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.task import TASKS, Encoded, Role, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.tasks import IGNORED, pad_right

GUESSES = 5


class FillMaskSection(TaskSection):
    """How much is hidden."""

    kind: str = "fill-mask"
    mlm_probability: float = knob(
        0.15,
        Text("Hidden share", "遮盖比例"),
        Text(
            "Share of the tokens that are hidden and must be guessed; another choice every time. "
            "15 % is usual; more teaches more per row and makes it harder to guess. It costs nothing.",
            "被遮盖、需要猜出的词元比例；每次重新挑选。通常用 15%；更多则每行学得更多，也更难猜。不增加开销。",
        ),
        gt=0,
        lt=1,
        advanced=True,
        example="0.15",
    )


@TASKS.add
class FillMask(Task):
    """A vocabulary head over every position of an encoder."""

    kind = "fill-mask"
    order = 8
    label = Text("Fill mask (MLM)", "掩码填空（MLM）")
    help = Text(
        "Goes on with an encoder's pre-training on your texts: it guesses hidden words. Makes it know your field.",
        "用你的文本继续编码模型的预训练：猜被遮住的词，使它熟悉你的领域。",
    )
    section = FillMaskSection
    roles = (Role("text", Text("text", "文本"), Text("Texts to read.", "供阅读的文本。")),)
    sample = "stories"
    asks = ("text",)
    auto_class = "AutoModelForMaskedLM"
    peft_type = ""
    families = ("encoder",)
    metrics = ("masked_accuracy", "perplexity")
    main_metric = "masked_accuracy"

    def check(self, rows: Sequence[Row]) -> None:
        """Any text teaches."""

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Ids and, the same each time for the same text, which positions are hidden; the collator hides anew in training."""
        if tokenizer.mask_token_id is None:
            raise UserError(
                "task.kind: this model's tokenizer has no mask token; choose an encoder such as BERT or RoBERTa.",
                "task.kind：该模型的分词器没有掩码词元；请选择 BERT、RoBERTa 等编码模型。",
                field="task.kind",
            )
        made, special = Encoded(), set(tokenizer.all_special_ids)
        for index, row in enumerate(rows):
            whole = tokenizer(
                row["text"], split_special_tokens=True, truncation=True, max_length=section.max_length + 1
            )["input_ids"]
            ids = whole[: section.max_length]
            open_places = [place for place, token in enumerate(ids) if token not in special]
            if not open_places:
                continue
            made.cut += len(whole) > section.max_length
            dice = random.Random(f"{index} {len(ids)}")
            count = max(1, round(section.mlm_probability * len(open_places)))
            labels = [IGNORED] * len(ids)
            for place in dice.sample(open_places, count):
                labels[place] = ids[place]
            made.inputs.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels})
            made.kept.append(index)
        return made

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads; hides 8 of 10 chosen tokens behind the mask, swaps 1, leaves 1 (BERT's recipe), by torch's generator."""
        pad, special = pad_right(tokenizer), tokenizer.all_special_ids
        mask, size = tokenizer.mask_token_id, len(tokenizer)

        def hide(rows: list[dict[str, Any]]) -> dict[str, Any]:
            import torch

            batch = pad(rows)
            ids, chosen = batch["input_ids"], batch["labels"] != IGNORED
            share = chosen.sum() / batch["attention_mask"].sum()
            free = batch["attention_mask"].bool() & ~torch.isin(ids, torch.tensor(special))
            fresh = (torch.rand(ids.shape) < share) & free
            chosen = torch.where(fresh.any(), fresh, chosen)
            batch["labels"] = torch.where(chosen, ids, torch.full_like(ids, IGNORED))
            dice = torch.rand(ids.shape)
            batch["input_ids"] = torch.where(chosen & (dice < 0.8), torch.full_like(ids, mask), ids)
            swapped = chosen & (dice >= 0.8) & (dice < 0.9)
            batch["input_ids"] = torch.where(swapped, torch.randint(size, ids.shape), batch["input_ids"])
            return batch

        return hide

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """The same hidden positions before and after; summed loss, hidden tokens, right guesses, and the guesses."""
        encoded = self.encode(rows, judge.tokenizer, judge.section, judge.model)
        inputs = [_hidden(row, judge.tokenizer.mask_token_id) for row in encoded.inputs]
        found = judge.map(_Plain(self), inputs, lambda batch: _guesses(batch, judge.model))
        shown = [
            _spoken(row, guess, judge.tokenizer) for row, (_, _, _, guess) in zip(encoded.inputs, found, strict=True)
        ]
        sums = [[item[part] for item in found] for part in range(3)]
        return {"nll": sums[0], "tokens": sums[1], "right": sums[2], "shown": shown}

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The five likeliest words of every gap, written ___ or [MASK]."""
        return str(self.picture(fields, judge)["text"])

    def picture(self, fields: dict[str, str], judge: Any) -> dict[str, Any]:
        """The same with the words of every gap by themselves."""
        import torch

        tokenizer, gaps = judge.tokenizer, re.split(r"_{2,}|\[MASK\]|<mask>", fields["text"])
        whole = tokenizer(tokenizer.mask_token.join(gaps), truncation=True, return_tensors="pt").to(judge.device)
        with torch.inference_mode():
            shares = judge.model(**whole).logits[0].float().softmax(-1)
        places = (whole["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()
        found = []
        for place in places:
            top = shares[place].topk(GUESSES)
            pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
            found.append([[tokenizer.decode([token]).strip(), share] for token, share in pairs])
        lines = [" · ".join(f"{word} {share:.0%}" for word, share in gap) for gap in found]
        return {"text": "\n".join(lines) or "___ ?", "gaps": found}

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Over all hidden tokens."""
        tokens = predictions["tokens"]
        given = {"masked_accuracy": predictions["right"], "perplexity": predictions["nll"]}
        return {kind: {"predictions": given[kind], "references": tokens} for kind in self.metrics}

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Texts with gaps, the hidden words, and the guesses."""
        return list(predictions["shown"])

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """Share of a row's hidden tokens guessed right."""
        return [right / count for right, count in zip(predictions["right"], predictions["tokens"], strict=True)]


class _Plain:
    """The task with a collator that hides nothing: the positions are hidden already."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        return pad_right(tokenizer)


def _hidden(row: dict[str, Any], mask: int) -> dict[str, Any]:
    pairs = zip(row["input_ids"], row["labels"], strict=True)
    return {**row, "input_ids": [token if label == IGNORED else mask for token, label in pairs]}


def _guesses(batch: dict[str, Any], model: Any) -> list[tuple[float, int, int, list[int]]]:
    import torch

    labels = batch.pop("labels")
    logits = model(**batch).logits.float()
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    best, places = logits.argmax(-1), labels != IGNORED
    return [
        (float(losses[i].sum()), int(places[i].sum()), int((best[i] == labels[i]).sum()), best[i][places[i]].tolist())
        for i in range(len(labels))
    ]


def _spoken(row: dict[str, Any], guess: list[int], tokenizer: Any) -> dict[str, str]:
    hidden = [label for label in row["labels"] if label != IGNORED]
    gaps = _hidden(row, tokenizer.mask_token_id)["input_ids"]
    words = [" · ".join(tokenizer.decode([token]).strip() for token in tokens) for tokens in (hidden, guess)]
    return {"text": tokenizer.decode(gaps).strip(), "reference": words[0], "answer": words[1]}
