"""What the model will really see: rows of a recipe token by token, what is learned, what is cut; and what to mend.

In a process of its own (see workbench.engine.ask): tokenizers are never loaded by the page.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from workbench.core.recipe import Recipe, parse
from workbench.core.task import TASKS, Encoded, Row, Task, learned
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine.ask import Answer, Question, answer, ask
from workbench.engine.material import gather, sample
from workbench.models import catalog
from workbench.models.facts import facts, read_config

LOOKED_AT = 2000
"""Rows behind the figures: a seeded sample, so that a million rows answer as fast."""
WHOLE = 131072
CUT_LIMIT = 0.05
SHOWN = 600
"""Tokens shown of one row at most."""


def inspect_rows(workspace: Workspace, recipe: Recipe, rows: int = 3, first: int = 0) -> Answer:
    """{"rows": [{"tokens", "total", "learned", "cut"}], "figures": {…}, "warnings": [{"en", "zh", "mend"}]}."""
    return ask("inspect", workspace, {"recipe": recipe.dump(), "rows": rows, "first": first})


def look(workspace: Workspace, question: Question) -> Answer:
    """The answer, made here."""
    from workbench.models.chat_template import ensure_chat_template
    from workbench.models.loading import load_tokenizer

    recipe = parse(question["recipe"])
    task = TASKS.get(recipe.task.kind)
    material = gather(workspace, recipe)
    task.check(material.train)
    folder = catalog.here(workspace, recipe.model.id, recipe.model.revision)
    tokenizer = load_tokenizer(folder)
    wanted = str(getattr(recipe.task, "chat_template", ""))
    bare = bool(wanted) and ensure_chat_template(tokenizer, wanted) and wanted == "auto"
    hollow = stand_in(folder, task, material.train)
    rows = sample(material.train, LOOKED_AT, recipe.training.seed)
    cut = task.encode(rows, tokenizer, recipe.task, hollow)
    whole = task.encode(rows, tokenizer, unlimited(recipe.task), hollow)
    figures = _figures(whole, cut, len(rows), hollow)
    context = facts(folder).context_length
    first, count = int(question.get("first", 0)), int(question["rows"])
    picked = material.train[first : first + count]
    return {
        "rows": [_row(row, task, tokenizer, recipe.task, hollow) for row in picked],
        "figures": figures,
        "warnings": _warnings(figures, recipe, context, bare),
        "special": _named(tokenizer),
    }


def stand_in(folder: Any, task: Task, rows: list[Row]) -> Any:
    """A model that has a configuration and no weights: encoding asks for labels and architecture only."""
    from workbench.models.loading import load_config

    config = load_config(folder, **task.model_options(rows))
    paired = task.head(read_config(folder)) == "AutoModelForSeq2SeqLM"
    return SimpleNamespace(config=config, paired=paired)


def _row(row: Row, task: Task, tokenizer: Any, section: Any, model: Any) -> Answer:
    """One row whole, each token marked: learned, cut, or the name of the special token that it is."""
    wide = task.encode([row], tokenizer, unlimited(section), model).inputs
    narrow = task.encode([row], tokenizer, section, model).inputs
    made: Answer = {"tokens": [], "total": 0, "learned": 0, "cut": 0}
    for place, (ids, marks) in enumerate(_sides(wide[0], model) if wide else []):
        gone = _gone(ids, _sides(narrow[0], model)[place][0] if narrow else [])
        kept = [mark and i not in gone for i, mark in enumerate(marks)]
        special = _special(tokenizer)
        made["tokens"] += [
            {"text": text, "id": ids[i], "learned": kept[i], "cut": i in gone, "special": ids[i] in special}
            for i, text in enumerate(_pieces(ids[:SHOWN], tokenizer))
        ]
        for name, count in (("total", len(ids)), ("learned", sum(kept)), ("cut", len(gone))):
            made[name] += count
    return made


def unlimited(section: Any) -> Any:
    """The section with room for everything."""
    lengths = {"max_length", "max_target_length"} & set(type(section).model_fields)
    return section.model_copy(update=dict.fromkeys(lengths, WHOLE))


def _sides(inputs: dict[str, Any], model: Any) -> list[tuple[list[int], list[bool]]]:
    """Ids and whether each is learned: of the input, and of an encoder-decoder's target, which lies beside it."""
    ids, labels = inputs["input_ids"], inputs.get("labels")
    if model.paired and isinstance(labels, list):
        return [(ids, [False] * len(ids)), (labels, [True] * len(labels))]
    return [(ids, learned(inputs))]


def _special(tokenizer: Any) -> set[int]:
    """Ids of control tokens: those with a part of their own, and those a template writes."""
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return {*tokenizer.all_special_ids, *(index for index, token in added.items() if token.special)}


def _gone(whole: list[int], kept: list[int]) -> set[int]:
    """Positions that the maximum length removed: what lies between the common beginning and the common end."""
    if len(kept) >= len(whole):
        return set()
    start = next((i for i, (a, b) in enumerate(zip(whole, kept, strict=False)) if a != b), len(kept))
    return set(range(start, len(whole) - (len(kept) - start)))


def _pieces(ids: list[int], tokenizer: Any) -> list[str]:
    """The text of every token; half a character is shown with its other half."""
    told, pieces, start = "", [], 0
    for count in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[start:count]).rstrip("\ufffd")
        pieces.append(text[len(told) :])
        told = text
        if count - start >= 64 and pieces[-1]:  # decoding from the first token each time would be quadratic
            start, told = count, ""
    return pieces


def _figures(whole: Encoded, cut: Encoded, rows: int, model: Any) -> dict[str, Any]:
    lengths = sorted(len(item["input_ids"]) for item in whole.inputs)
    answers = sorted(len(_sides(item, model)[1][0]) for item in whole.inputs) if model.paired else []
    before = {index: _count(item, model) for index, item in zip(whole.kept, whole.inputs, strict=True)}
    after = dict.fromkeys(before, 0)
    for index, item in zip(cut.kept, cut.inputs, strict=True):
        after[index] = after.get(index, 0) + _count(item, model)
    answered = [index for index, count in before.items() if count]
    shortened = sum(after[index] < before[index] for index in answered)
    return {
        "rows": rows,
        "left_out": rows - len(set(cut.kept)),
        "tokens_median": _at(lengths, 0.5),
        "tokens_p95": _at(lengths, 0.95),
        "tokens_p99": _at(lengths, 0.99),
        "answer_p99": _at(answers, 0.99),
        "tokens_longest": lengths[-1] if lengths else 0,
        "rows_cut": cut.cut,
        "answers": len(answered),
        "answers_cut": shortened,
        "learned_share": round(sum(after.values()) / max(1, sum(len(item["input_ids"]) for item in cut.inputs)), 4),
    }


def _count(inputs: dict[str, Any], model: Any) -> int:
    return sum(sum(marks) for _, marks in _sides(inputs, model))


def _at(ordered: list[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0


def _warnings(figures: dict[str, Any], recipe: Recipe, context: int | None, bare: bool) -> list[dict[str, Any]]:
    limit, found = recipe.task.max_length, []
    room = min(-(-figures["tokens_p99"] // 8) * 8, context or WHOLE)
    mend = {"task.max_length": room} if room > limit else None
    if figures["left_out"]:
        found.append(_warning(Text(
            f"{figures['left_out']} of {figures['rows']} rows have nothing to learn within {limit} tokens and are left out.",
            f"{figures['rows']} 行中有 {figures['left_out']} 行在前 {limit} 个词元内没有可学习的内容，会被略去。",
        ), mend))  # fmt: skip
    elif figures["answers_cut"] > CUT_LIMIT * max(1, figures["answers"]):
        share = figures["answers_cut"] / figures["answers"]
        if figures["answer_p99"]:  # an encoder-decoder's answers have a limit of their own
            limit = recipe.task.max_target_length  # type: ignore[attr-defined]
            mend = {"task.max_target_length": -(-figures["answer_p99"] // 8) * 8 + 8}
        found.append(_warning(Text(
            f"{share:.0%} of the answers are cut at {limit} tokens: the model would learn to stop in mid-sentence.",
            f"{share:.0%} 的回答在 {limit} 个词元处被截断：模型会学着话说一半。",
        ), mend))  # fmt: skip
    elif not figures["answers"] and figures["rows_cut"] > CUT_LIMIT * figures["rows"]:
        share = figures["rows_cut"] / figures["rows"]
        found.append(_warning(Text(
            f"{share:.0%} of the rows are cut at {limit} tokens.", f"{share:.0%} 的行在 {limit} 个词元处被截断。"
        ), mend))  # fmt: skip
    if context and limit > context:
        found.append(_warning(Text(
            f"The model reads at most {context} tokens at once; the maximum length of {limit} is above that.",
            f"模型一次最多读 {context} 个词元；当前最大长度 {limit} 超出了。",
        ), {"task.max_length": context}))  # fmt: skip
    if bare:
        found.append(_warning(Text(
            "This model brings no chat template. Plain words are used (System: / User: / Assistant:), in training and in Chat alike; settle on them, or choose ChatML under Advanced.",
            "该模型没有自带对话模板。训练和对话都会使用简单文字（System: / User: / Assistant:）；可就此确定，或在“高级”中改选 ChatML。",
        ), {"task.chat_template": "plain"}))  # fmt: skip
    return found


def _warning(text: Text, mend: dict[str, Any] | None) -> dict[str, Any]:
    return {"en": text.en, "zh": text.zh, "mend": mend}


def _named(tokenizer: Any) -> dict[str, str]:
    """Special tokens by their part: {"bos_token": "<s>", …}."""
    return {name: str(value) for name, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}


if __name__ == "__main__":
    sys.exit(answer(look))
