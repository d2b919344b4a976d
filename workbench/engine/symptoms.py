"""Causes that are no crash: labels that are wrong in number, a conversation written in a form the model was never taught.

Each has one change that mends it where the run's own evidence says which; else the choice is the person's, and is offered as one.
"""

from __future__ import annotations

import re
from typing import Any

from workbench.core.errors import shorten
from workbench.core.text import Text
from workbench.engine.casebook import Evidence, Finding

MISFIT = re.compile(r"Target (\d+) is out of bounds|device-side assert triggered|Assertion `t >= 0 && t < n_classes`")


def unknown_labels(seen: Evidence) -> Finding | None:
    """Held-out rows with labels that no training row has: there are too few labels to learn."""
    told = _facts(seen, "labels")
    if not told.get("unseen_rows"):
        return None
    names, rows, held = ", ".join(shorten(each, 20) for each in told["unseen"]), told["unseen_rows"], told["heldout"]
    en = f"{rows} of {held} held-out rows have labels that none of the {told['rows']} training rows has ({names}): they can only be answered wrongly."  # fmt: skip
    zh = f"{held} 行留出数据中有 {rows} 行的标签（{names}）在 {told['rows']} 行训练数据中从未出现，只能答错。"
    if told.get("whole"):
        return Finding("labels_unknown", Text(f"{en} The rows left out by “training rows at most” have them: use all.", f"{zh}被“训练行数上限”略去的行里有这些标签：请使用全部数据。"), {"data.max_rows": 0})  # fmt: skip
    return Finding("labels_unknown", Text(f"{en} No setting of the recipe can mend that: they are in held-out rows only. On the Data page, merge spellings (step “rename labels”) or divide the rows anew.", f"{zh}配方中没有可以修正的设置：这些标签只存在于留出数据中。请在“数据”页合并不同写法（“重命名标签”步骤），或重新划分。"))  # fmt: skip


def many_labels(seen: Evidence) -> Finding | None:
    """Nearly as many labels as rows: the column holds numbers or texts, not labels."""
    told = _facts(seen, "labels")
    if not told.get("many"):
        return None
    roles = dict(told.get("roles") or {})
    column = next((name for name, role in roles.items() if role == "label"), "")
    en, zh = f"The column “{shorten(column, 30)}” has {told['count']} different labels in {told['rows']} rows", f"列“{shorten(column, 30)}”在 {told['rows']} 行中有 {told['count']} 种标签"  # fmt: skip
    if told.get("numbers"):
        return Finding("labels_many", Text(f"{en}, and all of them are numbers: predict the number instead of a label.", f"{zh}，且全是数字：应预测数值，而不是标签。"), {"data.roles": {**roles, column: "score"}})  # fmt: skip
    others = [name for name in told.get("columns") or [] if isinstance(name, str)]
    choices = tuple((Text(f"“{shorten(name, 30)}” is the label", f"以“{shorten(name, 30)}”为标签"), {"data.roles": _swapped(roles, column, name)}) for name in others)  # fmt: skip
    if choices:
        return Finding("labels_many", Text(f"{en}: hardly a label. Which column is, only you can say; these have few different values.", f"{zh}，不像标签。哪一列才是标签只有你知道；以下各列取值较少。"), choices=choices)  # fmt: skip
    return Finding("labels_many", Text(f"{en}: hardly a label, and no other column looks like one. If the texts are answers to be written, choose the task “chat”; else merge labels on the Data page.", f"{zh}，不像标签，其他列也不像。如果这些文字是要生成的回答，请改用“对话”任务；否则请在“数据”页合并标签。"))  # fmt: skip


def _swapped(roles: dict[str, str], old: str, new: str) -> dict[str, str]:
    return {**{name: role for name, role in roles.items() if name != old}, new: "label"}


def misfit(seen: Evidence) -> Finding | None:
    """The model's head has fewer outputs than there are labels."""
    found = MISFIT.search(seen.said) if seen.failed else None
    if found is None:
        return None
    count = _facts(seen, "labels").get("count")
    en = f"A row has label number {found[1]}" if found[1] else "A row has a label"
    zh = f"某一行的标签编号为 {found[1]}" if found[1] else "某一行的标签"
    there = (f" ({count} labels)", f"（{count} 种标签）") if count else ("", "")
    return Finding("labels_misfit", Text(f"{en} that the model's head{there[0]} has no output for. The head is made from the labels of the training rows, so that no setting mends it: look for a label that is empty or oddly written on the Data page.", f"{zh}超出了模型任务头的输出{there[1]}。任务头由训练数据的标签生成，没有可修正的设置：请在“数据”页查找空白或写法异常的标签。"))  # fmt: skip


def no_template(seen: Evidence) -> Finding | None:
    """The model brought no chat template, and nobody has said which form to take."""
    if getattr(seen.recipe.task, "chat_template", "") != "auto" or not _told_bare(seen):
        return None
    if _facts(seen, "template").get("markers"):
        return Finding("no_template", Text("This model brings no chat template, so plain words were used; but it has ChatML's markers (<|im_start|>, <|im_end|>) as tokens of its own: it was most likely taught in that form.", "该模型没有自带对话模板，因此使用了简单文字；但它的词表里有 ChatML 的标记（<|im_start|>、<|im_end|>），很可能就是用这种格式训练的。"), {"task.chat_template": "chatml"})  # fmt: skip
    return Finding("no_template", Text("This model brings no chat template and nothing in it says which form it was taught in; plain words were used (System: / User: / Assistant:). Which form to take is yours to say.", "该模型没有自带对话模板，也看不出它学过哪种格式；本次使用了简单文字（System: / User: / Assistant:）。采用哪种格式由你决定。"), choices=FORMS)  # fmt: skip


FORMS: tuple[tuple[Text, dict[str, Any]], ...] = (
    (Text("Plain words, for good", "就用简单文字"), {"task.chat_template": "plain"}),
    (Text("ChatML", "ChatML"), {"task.chat_template": "chatml"}),
)


def _told_bare(seen: Evidence) -> bool:
    """Runs of older releases said it in a note only."""
    notes = (str(event.get("en", "")) for event in seen.events if event.kind == "note")
    return any(event.kind == "template" for event in seen.events) or any("brings no chat template" in note for note in notes)  # fmt: skip


def _facts(seen: Evidence, kind: str) -> dict[str, Any]:
    return next((event.facts for event in reversed(seen.events) if event.kind == kind), {})
