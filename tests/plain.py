"""Fine-tuning as a plain script does it: transformers' Trainer, its collators, and the public metrics; nothing of the workbench.

What the workbench finds out must equal this, at the same rows, seed and settings.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from metrics import squad
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)  # fmt: skip

SEED = 42
Row = dict[str, Any]


def trained(model: Any, rows: tuple[Sequence[Row], Sequence[Row]], collate: Any, settings: dict[str, Any]) -> Trainer:
    """After training on the first rows, with a look at the loss of the others after every epoch (a look draws a random number)."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, seed=SEED, per_device_train_batch_size=16, per_device_eval_batch_size=16, warmup_steps=0.1,
            lr_scheduler_type="linear", use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True, optim="adamw_torch_fused",
            remove_unused_columns=False, logging_strategy="no", eval_strategy="epoch", prediction_loss_only=True, **settings,
        )  # fmt: skip
        trainer = Trainer(
            model=model, args=arguments, train_dataset=list(rows[0]), eval_dataset=list(rows[1]), data_collator=collate
        )
        trainer.train()
    return trainer


def logits(trainer: Trainer, rows: Sequence[Row], collate: Any) -> list[Any]:
    """Of every row, one by one, without padding."""
    trainer.model.eval()
    with torch.no_grad():
        made = [trainer.model(**{k: v for k, v in collate([row]).items() if "label" not in k and "positions" not in k}) for row in rows]  # fmt: skip
    return [each.logits[0].numpy() if "logits" in each else (each.start_logits[0], each.end_logits[0]) for each in made]


def classification(folder: Path, train: Sequence[Row], held: Sequence[Row], settings: dict[str, Any]) -> dict[str, float]:  # fmt: skip
    """Texts or pairs with a label each."""
    from sklearn import metrics

    set_seed(SEED)
    tokenizer, labels = AutoTokenizer.from_pretrained(folder), sorted({row["label"] for row in train})
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=len(labels))

    def encoded(row: Row) -> Row:
        return {**tokenizer(row["text"], row.get("text_pair"), truncation=True, max_length=128), "labels": labels.index(row["label"])}  # fmt: skip

    collate = DataCollatorWithPadding(tokenizer)
    found = np.array(logits(trained(model, ([encoded(row) for row in train], [encoded(row) for row in held]), collate, settings), [encoded(row) for row in held], collate))  # fmt: skip
    chances = np.exp(found) / np.exp(found).sum(-1, keepdims=True)
    said, right = [labels[place] for place in found.argmax(-1)], [row["label"] for row in held]
    return {
        "accuracy": metrics.accuracy_score(right, said), "mcc": metrics.matthews_corrcoef(right, said),
        "f1": metrics.f1_score(right, said, labels=labels, average="macro", zero_division=0),
        "f1_weighted": metrics.f1_score(right, said, labels=labels, average="weighted", zero_division=0),
        "roc_auc": metrics.roc_auc_score([label == labels[1] for label in right], chances[:, 1]),
    }  # fmt: skip


def regression(folder: Path, train: Sequence[Row], held: Sequence[Row], settings: dict[str, Any]) -> dict[str, float]:
    """Pairs with a number each."""
    from scipy.stats import pearsonr, spearmanr

    set_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, problem_type="regression")

    def encoded(row: Row) -> Row:
        return {**tokenizer(row["text"], row["text_pair"], truncation=True, max_length=128), "labels": float(row["score"])}  # fmt: skip

    collate = DataCollatorWithPadding(tokenizer)
    found = logits(trained(model, ([encoded(row) for row in train], [encoded(row) for row in held]), collate, settings), [encoded(row) for row in held], collate)  # fmt: skip
    said, right = [float(each[0]) for each in found], [float(row["score"]) for row in held]
    return {"pearson": pearsonr(said, right)[0], "spearman": spearmanr(said, right)[0], "mean_absolute_error": float(np.abs(np.array(said) - right).mean())}  # fmt: skip


def tagging(folder: Path, train: Sequence[Row], held: Sequence[Row], settings: dict[str, Any]) -> dict[str, float]:
    """Words with a tag each, learned at a word's first token."""
    import seqeval.metrics
    from seqeval.scheme import IOB2

    set_seed(SEED)
    tokenizer, known = AutoTokenizer.from_pretrained(folder), {tag for row in train for tag in row["tags"]}
    tags = ["O", *sorted(known - {"O"})]
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=len(tags))

    def encoded(row: Row) -> Row:
        made = tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=128)
        words, labels, before = made.word_ids(), [], None
        for word in words:
            first = word is not None and word != before
            labels.append(tags.index(row["tags"][word]) if first and row["tags"][word] in tags else -100)
            before = word
        return {**made, "labels": labels}

    collate = DataCollatorForTokenClassification(tokenizer)
    trainer = trained(model, ([encoded(row) for row in train], [encoded(row) for row in held]), collate, settings)
    said = []
    for row, found in zip(held, logits(trainer, [encoded(row) for row in held], collate), strict=True):
        words = tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=128).word_ids()
        first = {word: place for place, word in reversed(list(enumerate(words))) if word is not None}
        said.append([tags[found[first[word]].argmax()] if word in first else "O" for word in range(len(row["tokens"]))])
    right = [row["tags"] for row in held]
    return {
        "entity_f1": seqeval.metrics.f1_score(right, said), "entity_precision": seqeval.metrics.precision_score(right, said, zero_division=0),
        "entity_recall": seqeval.metrics.recall_score(right, said), "entity_f1_strict": seqeval.metrics.f1_score(right, said, mode="strict", scheme=IOB2),
    }  # fmt: skip


def answering(folder: Path, train: Sequence[Row], held: Sequence[Row], settings: dict[str, Any]) -> dict[str, float]:
    """Questions answered by a piece of a text, read in windows."""
    set_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForQuestionAnswering.from_pretrained(folder)
    sides = [[window for row in side for window in windows(tokenizer, row)] for side in (train, held)]
    plain = [[{name: value for name, value in row.items() if name != "places"} for row in side] for side in sides]
    padded = DataCollatorWithPadding(tokenizer)
    trainer, said = trained(model, (plain[0], plain[1]), padded, settings), []
    for row in held:
        parts, best = windows(tokenizer, row), (-np.inf, "")
        for part, (starts, ends) in zip(parts, logits(trainer, [{k: part[k] for k in ("input_ids", "attention_mask", "token_type_ids")} for part in parts], padded), strict=True):  # fmt: skip
            best = max(best, span(part["places"], starts.tolist(), ends.tolist(), row["context"]))
        said.append(best[1])
    right = [[answer["text"] for answer in row["answers"]] for row in held]
    scores = squad.version_one(said, right)
    return {"exact_match": scores["exact"], "answer_f1": scores["f1"]}


def windows(tokenizer: Any, row: Row) -> list[Row]:
    """Overlapping pieces of the text with the question before each; where the answer is, or (0, 0)."""
    made = tokenizer(row["question"], row["context"], truncation="only_second", max_length=256, stride=64, return_overflowing_tokens=True, return_offsets_mapping=True)  # fmt: skip
    answer, found = row["answers"][0], []
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    for number, offsets in enumerate(made["offset_mapping"]):
        places = [tuple(place) if part == 1 else None for place, part in zip(offsets, made.sequence_ids(number), strict=True)]  # fmt: skip
        inside = [index for index, place in enumerate(places) if place and place[0] < end and place[1] > start]
        whole = bool(inside) and places[inside[0]][0] <= start and places[inside[-1]][1] >= end  # type: ignore[index]
        at = (inside[0], inside[-1]) if whole else (0, 0)
        names = ("input_ids", "token_type_ids", "attention_mask")
        found.append({**{name: made[name][number] for name in names}, "start_positions": at[0], "end_positions": at[1], "places": places})  # fmt: skip
    return found


def span(places: list[Any], starts: list[float], ends: list[float], context: str) -> tuple[float, str]:
    """The best of the twenty likeliest starts and ends."""
    able = [index for index, place in enumerate(places) if place]
    best = (-np.inf, "")
    for a in sorted(able, key=lambda index: -starts[index])[:20]:
        for b in sorted(able, key=lambda index: -ends[index])[:20]:
            if a <= b < a + 30 and starts[a] + ends[b] > best[0]:
                best = (starts[a] + ends[b], context[places[a][0] : places[b][1]].strip())
    return best
