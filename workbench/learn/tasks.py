"""4.2 Tasks: one text, and what it becomes for each task: inputs, labels, head; and what a model makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workbench.core.errors import Unusable, UserError, shorten
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Named, Numbers, Picture, bars, grid, strip, told
from workbench.core.run import find as find_run
from workbench.core.task import TASKS, Row, Task, learned
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.learn import _models, _offered
from workbench.learn._seen import finished
from workbench.models import catalog
from workbench.models.facts import read_config

NUMBERS = 12
"""Numbers shown of a list."""
FIRST = "text-classification"
Filler = Callable[[str, str], Any]
FILLED: dict[str, Filler] = {
    "text": lambda text, answer: text,
    "context": lambda text, answer: text,
    "source": lambda text, answer: text,
    "prompt": lambda text, answer: text,
    "label": lambda text, answer: answer,
    "summary": lambda text, answer: answer,
    "target": lambda text, answer: answer,
    "chosen": lambda text, answer: answer,
    "answers": lambda text, answer: [answer],
    "messages": lambda text, answer: [{"role": "user", "content": text}, {"role": "assistant", "content": answer}],
    "tokens": lambda text, answer: text.split(),
    "tags": lambda text, answer: ["B-ANSWER" if word.strip(".,!?") in answer.split() else "O" for word in text.split()],
}
"""What a role holds, made from the text and the answer; other roles come from the task's own sample."""


class Settings(Section):
    """A text, what is to be learned of it, and for which task."""

    text: str = knob(
        "Rose found the green letter under a bench at the garden.",
        Text("Text", "文字"),
        Text("Any short text.", "任意短文。"),
    )
    answer: str = knob(
        "the green letter",
        Text("What is to be learned", "要学的答案"),
        Text(
            "Label, answer, summary, reply: the same words for all tasks.",
            "标签、答案、摘要、回复：各任务都用同样的词。",
        ),
    )
    task: str = knob(FIRST, Text("Task", "任务"), Text("What a model is to do with it.", "让模型拿它做什么。"))
    run: str = knob(
        "", Text("Model", "模型"), Text("A starter, or a finished run of yours.", "入门模型，或你已完成的训练任务。")
    )


def row_of(task: Task, text: str, answer: str, sample: Row) -> Row:
    """A row of the task that holds the text and the answer, in the form that training wants; UserError says why it cannot be."""
    needed = {role.name for role in task.roles if role.required} or {"messages"}
    needed |= {task.one_of[0]} if task.one_of else set()
    row = {name: FILLED[name](text, answer) if name in FILLED else sample.get(name, "") for name in needed}
    try:
        return task.prepare(row)
    except Unusable as error:
        raise UserError(
            f"{task.label.en}: {error.reason.en}. Change the text or the answer.", f"{task.label.zh}：{error.reason.zh}。请修改文字或答案。", field="answer"
        ) from error  # fmt: skip


def encoded(workspace: Workspace, task: Task, text: str, answer: str) -> tuple[dict[str, Any], list[str], str]:
    """(inputs and labels as they are trained on, the tokens in words, the model they are for)."""
    from workbench.engine.inspect import stand_in

    name = starter(task)
    rows = sample_rows(workspace, task)
    row = row_of(task, text, answer, rows[0])
    tokenizer = _talking(workspace, name)
    hollow = stand_in(catalog.here(workspace, name), task, [row, *rows])
    made = task.encode([row], tokenizer, task.section(kind=task.kind), hollow).inputs
    if not made:
        raise UserError(
            "There is nothing to learn in this row; give an answer.",
            "这一行没有可学习的内容；请给出答案。",
            field="answer",
        )
    return made[0], [tokenizer.decode([each]) for each in made[0]["input_ids"]], name


def starter(task: Task) -> str:
    """The starter model that suits the task; the encoder where both do."""
    both = (_models.ENCODER, _models.DECODER)
    return next(name for name in both if task.suits(read_config(_folder(name))) is None)


def _folder(name: str) -> Any:
    return next(each.folder for each in catalog.STARTERS if each.kind == name)


def sample_rows(workspace: Workspace, task: Task) -> list[Row]:
    """A few rows of the sample that shows the task."""
    return library.find(workspace, task.sample).convert(task).rows[:60]


def _talking(workspace: Workspace, name: str) -> Any:
    from workbench.models.chat_template import ensure_chat_template

    words = _models.tokenizer(workspace, name)
    ensure_chat_template(words)
    return words


@LABS.add
class Tasks(Lab):
    """See the module."""

    kind = "tasks"
    stop = "4.2"
    order = 70
    label = Text("One text, many tasks", "一段文字，多种任务")
    idea = (
        Text(
            "A task decides three things: what of a row the model reads, what it is to say (the labels), and which head says it. "
            "The body of the model is the same for all.",
            "任务决定三件事：模型读一行中的什么，应当说什么（标签），由哪个头来说。模型的主体对所有任务都一样。",
        ),
        Text(
            "Classification has one label per text; question answering two places in it; summary, translation and chat learn the tokens of the answer and "
            "read the rest with label −100.",
            "分类是每段文字一个标签；抽取式问答是文中的两个位置；摘要、翻译和对话学习答案的词元，其余部分只读，标签为 −100。",
        ),
    )
    guess = Guess(
        Text(
            "The same encoder learns classification, then question answering. What is different?",
            "同一个编码模型先学分类，再学抽取式问答。有什么不同？",
        ),
        (
            Choice(
                Text("the whole model: each task has its own", "整个模型：每种任务各有各的模型"),
                Text("The body, millions of numbers, is the same file. Only the last layer is new.", "主体有几百万个参数，是同一个文件，只有最后一层是新的。"),
            ),
            Choice(
                Text("a small head and the labels", "一个小小的头，和标签"),
                Text("Yes: one number per label, or two per token.", "对：每个标签一个数，或每个词元两个数。"),
                right=True,
            ),
            Choice(
                Text("the tokenizer", "分词器"),
                Text("It belongs to the model and stays as it is.", "分词器属于模型，不会变。"),
            ),
        ),
    )  # fmt: skip
    section = Settings
    breaks = Break(
        Text("An answer that stands there twice", "答案在文中出现两次"),
        {
            "task": "question-answering",
            "answer": "the garden",
            "text": "Rose was at the garden. A boat is behind the garden.",
        },
    )
    far = True
    source = "Devlin et al., arXiv:1810.04805 (one body, many heads); Raffel et al., arXiv:1910.10683"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        kinds: list[tuple[Text | str, str]] = [(task.label, task.kind) for task in TASKS.all()]
        return {"task": kinds, "run": [(Text("starter model", "入门模型"), ""), *_offered.runs(workspace, lambda run: True)]}  # fmt: skip

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        task = TASKS.get(knobs.task)
        if not knobs.text.strip() or not knobs.answer.strip():
            raise UserError("Type a text and an answer first.", "请先输入文字和答案。", field="text")
        inputs, tokens, name = encoded(workspace, task, knobs.text, knobs.answer)
        marks = learned(inputs)
        return [
            *_answered(workspace, task, knobs),
            strip(list(zip(tokens, marks, strict=True)), _legend(name, marks)),
            _compared(workspace, knobs),
            _fields(inputs),
        ]

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["task"] for each in touched}) >= 3

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Train a second task", "再训练一种任务"), "train", preset="story-questions")

    def done(self, workspace: Workspace) -> Trace | None:
        newest: dict[str, str] = {}
        for run in finished(workspace):
            newest.setdefault(run.recipe.task.kind, run.id)
        if len(newest) < 2:
            return None
        names = [_short(TASKS.get(kind).label) for kind in newest]
        text = Text(", ".join(name.en for name in names), "、".join(name.zh for name in names))
        return Trace(text, "runs", next(iter(newest.values())))


def _legend(name: str, marks: list[bool]) -> Text:
    if not any(marks):
        return Text(
            f"{name} reads {len(marks)} tokens and learns one answer for the whole text",
            f"{name} 读 {len(marks)} 个词元，为整段文字学一个答案",
        )
    return Text(
        f"{name} reads {len(marks)} tokens; {sum(marks)} of them are learned (marked)",
        f"{name} 读 {len(marks)} 个词元，其中 {sum(marks)} 个要学（已标出）",
    )


def _short(label: Text) -> Text:
    """Without what stands in brackets."""
    return Text(label.en.partition(" (")[0], label.zh.partition("（")[0])


def _fields(inputs: dict[str, Any]) -> Picture:
    """Every input of the model by name, as numbers."""
    rows = [[name, len(value) if isinstance(value, list) else 1, _numbers(value)] for name, value in inputs.items()]
    columns: list[Named] = [Text("input", "输入"), Text("numbers", "个数"), Text("values", "数值")]
    return grid(columns, rows, Text("What training is given", "训练得到的输入"))


def _numbers(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return ", ".join(map(str, value[:NUMBERS])) + (" …" if len(value) > NUMBERS else "")


def _compared(workspace: Workspace, knobs: Any) -> Picture:
    """Tokens read and learned by every task that can take the text."""
    counts = dict(_counts(workspace, knobs))
    read, taught = Text("tokens read", "读入的词元"), Text("tokens learned", "要学的词元")
    series: dict[Named, Numbers] = {
        read: [count[0] for count in counts.values()],
        taught: [count[1] for count in counts.values()],
    }
    names = [_short(TASKS.get(kind).label) for kind in counts]
    return bars(
        Text("The same row in every task", "同一行在各任务中"), names, series, Text("tokens", "词元数"), form="d"
    )


def _counts(workspace: Workspace, knobs: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    for task in TASKS.all():
        try:
            inputs, tokens, _ = encoded(workspace, task, knobs.text, knobs.answer)
        except UserError:
            continue
        yield task.kind, (len(tokens), sum(learned(inputs)))


def _answered(workspace: Workspace, task: Task, knobs: Any) -> list[Picture]:
    """What the chosen run, or the starter with its head as it is, makes of the text."""
    from workbench.engine.evaluation import Judge

    run = find_run(workspace, knobs.run) if knobs.run else None
    if run is not None and run.recipe.task.kind != task.kind:
        text = Text(f"{run.id} learned {run.recipe.task.kind}; the starter answers.", f"{run.id} 学的是 {run.recipe.task.kind}，这里由入门模型回答。")  # fmt: skip
        return [told(text), *_answered(workspace, task, knobs.model_copy(update={"run": ""}))]
    section = run.recipe.task if run else task.section(kind=task.kind)
    pair = _models.tuned(workspace, run) if run else (_models.model(workspace, starter(task), task.kind), _talking(workspace, starter(task)))  # fmt: skip
    judge = Judge(*pair, section, max_new_tokens=16)
    said = _attempt(task, knobs, judge)
    fresh = bool(getattr(pair[0], "fresh_parameters", ())) and run is None
    more = (" (a head nobody has trained: chance)", "（头还没有训练过，全凭运气）") if fresh else ("", "")
    return (
        [told(Text(f"Answer: {said}{more[0]}", f"回答：{said}{more[1]}"), "bad" if fresh else "plain")] if said else []
    )


def _attempt(task: Task, knobs: Any, judge: Any) -> str:
    """The model's answer in words; "" where a task asks a person nothing."""
    if task.talks:
        return shorten(judge.answer([[{"role": "user", "content": knobs.text}]])[0], 160)
    if not task.asks:
        return ""
    blank = judge.tokenizer.mask_token
    text = knobs.text.replace(knobs.answer, "___", 1) if task.kind == "fill-mask" and blank else knobs.text
    fields = dict.fromkeys(task.asks[:1], text)
    if "context" in task.asks:
        fields = {"question": "What?", "context": knobs.text}
    if "chosen" in task.asks:
        fields["chosen"] = knobs.answer
    return shorten(task.attempt(fields, judge), 160)
