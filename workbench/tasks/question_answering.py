"""Extractive question answering: the answer is a piece of the given text, as in SQuAD 1.1 and 2.0; long texts by stride.

What it does not know: answers that are not in the text word for word. Where a question may have none, the model says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from workbench.core.errors import Unusable, UserError
from workbench.core.knob import knob
from workbench.core.metric import METRICS
from workbench.core.task import TASKS, Encoded, Role, Row, Task, TaskSection
from workbench.core.text import Text
from workbench.metrics.answers import chinese
from workbench.tasks import pad_right

BEST = 20
"""Starts and ends looked at per window."""


class QuestionAnsweringSection(TaskSection):
    """Windows over long texts."""

    kind: str = "question-answering"
    max_length: int = knob(
        384,
        Text("Maximum length", "最大长度"),
        Text(
            "Question and text together; a longer text is read in overlapping windows. "
            "Longer windows cut fewer answers off, and memory and time grow with them.",
            "问题与文本合计；更长的文本分成重叠的窗口阅读。窗口越长，被截断的答案越少，内存和用时也越多。",
        ),
        ge=16,
        le=131072,
        example="384",
    )
    doc_stride: int = knob(
        128,
        Text("Overlap of windows", "窗口重叠"),
        Text(
            "Tokens that neighbouring windows share, so that no answer falls between two. "
            "Raise it where answers are long; more windows then take more time.",
            "相邻窗口共有的词元数，避免答案落在两窗之间。答案较长时调大；窗口变多，用时也更长。",
        ),
        ge=0,
        le=8192,
        advanced=True,
        example="128",
    )
    max_answer_length: int = knob(
        30,
        Text("Longest answer", "最长答案"),
        Text(
            "Answers of more tokens are not considered. "
            "Raise it where right answers are longer; a high limit lets rambling ones win.",
            "更长的答案不予考虑（词元数）。正确答案更长时调大；太大会让冗长的答案胜出。",
        ),
        ge=1,
        le=1024,
        advanced=True,
        example="30",
    )


@TASKS.add
class QuestionAnswering(Task):
    """Two scores per position: does the answer begin here, does it end here."""

    kind = "question-answering"
    order = 4
    label = Text("Question answering", "抽取式问答")
    help = Text(
        "Teaches a model to mark the answer to a question inside a text, or to say that there is none.",
        "让模型在一段文字里标出问题的答案，或指出没有答案。",
    )
    section = QuestionAnsweringSection
    roles = (
        Role("question", Text("question", "问题"), Text("What is asked.", "所提的问题。"), names="question query 问题 提问"),
        Role("context", Text("text", "文本"), Text("Where the answer stands.", "答案所在的文字。"), names="context passage paragraph text 上下文 文本 段落 原文"),
        Role("answers", Text("answers", "答案"), Text("The answer in the text's own words, or SQuAD's {text, answer_start}.", "原文中的答案，或 SQuAD 的 {text, answer_start}。"), names="answers answer 答案", looks="any"),
    )  # fmt: skip
    sample = "story-questions"
    asks = ("question", "context")
    auto_class = "AutoModelForQuestionAnswering"
    peft_type = "QUESTION_ANS"
    headless = ("gemma", "gemma2", "gemma3_text", "pegasus", "marian")
    metrics = ("answer_f1", "exact_match", "cmrc_f1", "cmrc_exact_match")
    main_metric = "answer_f1"
    label_names = ("start_positions", "end_positions")

    def prepare(self, row: Row) -> Row:
        """Right answers with their places; none is an answer, too, when the dataset says so with an empty list."""
        found = _answers(row["answers"], row["context"])
        if found is None:
            raise Unusable("the answer does not stand in the text", "答案不在原文中")
        return {"question": row["question"], "context": row["context"], "answers": found}

    def check(self, rows: Sequence[Row]) -> None:
        """Some question must have an answer."""
        if not any(row["answers"] for row in rows):
            raise UserError(
                "data: no question has an answer; map a column to answers.",
                "data：没有任何问题有答案；请把某一列指定为 answers。",
                field="data.roles",
            )

    def encode(self, rows: Sequence[Row], tokenizer: Any, section: Any, model: Any) -> Encoded:
        """Windows of question and text; one without the answer in it points at its first position."""
        made = Encoded()
        for index, row in enumerate(rows):
            windows = _windows(row, tokenizer, section)
            made.cut += len(windows) > 1
            for window in windows:
                start, end = _span(window, row["answers"][0] if row["answers"] else None)
                made.inputs.append({**window["inputs"], "start_positions": start, "end_positions": end})
                made.kept.append(index)
        return made

    def collator(self, tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """Pads on the right."""
        return pad_right(tokenizer)

    def predict(self, rows: Sequence[Row], judge: Any) -> dict[str, Any]:
        """The best span of all windows of a row, or nothing where no answer scores higher."""
        windows = [
            (index, window)
            for index, row in enumerate(rows)
            for window in _windows(row, judge.tokenizer, judge.section)
        ]
        inputs = [{**window["inputs"]} for _, window in windows]

        def ask(batch: dict[str, Any]) -> list[Any]:
            made = judge.model(**batch)
            return list(zip(made.start_logits.float().tolist(), made.end_logits.float().tolist(), strict=True))

        found = judge.map(self, inputs, ask)
        best: list[tuple[float, str]] = [(float("-inf"), "")] * len(rows)
        nothing = [float("inf")] * len(rows)
        for (index, window), (starts, ends) in zip(windows, found, strict=True):
            nothing[index] = min(nothing[index], starts[0] + ends[0])
            best[index] = max(best[index], _best(window, starts, ends, judge.section, rows[index]["context"]))
        may_be_none = any(not row["answers"] for row in rows)
        return {
            "answers": [
                "" if may_be_none and none > top[0] else top[1] for top, none in zip(best, nothing, strict=True)
            ]
        }

    def attempt(self, fields: dict[str, str], judge: Any) -> str:
        """The answer, or a dash where the text has none."""
        row = {"question": fields["question"], "context": fields.get("context", ""), "answers": []}
        return str(self.predict([row], judge)["answers"][0]) or "–"

    def picture(self, fields: dict[str, str], judge: Any) -> dict[str, Any]:
        """The text with the answer marked, where it first stands."""
        text, answer = fields.get("context", ""), self.attempt(fields, judge)
        start = text.find(answer)
        if start < 0 or answer == "–":
            return {"text": answer, "pieces": [[text, ""]] if text else []}
        pieces = [[text[:start], ""], [answer, " "], [text[start + len(answer) :], ""]]
        return {"text": answer, "pieces": [piece for piece in pieces if piece[0]]}

    def inputs(self, rows: Sequence[Row], predictions: Any) -> dict[str, dict[str, Any]]:
        """Against the best of a row's right answers; by CMRC's rules too, and first, where they are Chinese."""
        wanted = [[answer["text"] for answer in row["answers"]] for row in rows]
        given = {"predictions": predictions["answers"], "references": wanted}
        fitting = [*self.metrics[2:], *self.metrics[:2]] if chinese(wanted) else self.metrics[:2]
        return dict.fromkeys(fitting, given)

    def headline(self, scores: dict[str, float]) -> str:
        """F1 in the words of the answers' language."""
        return "cmrc_f1" if "cmrc_f1" in scores else self.main_metric

    def shown(self, rows: Sequence[Row], predictions: Any) -> list[dict[str, Any]]:
        """Question and text, right answer, answer."""
        return [
            {"text": f"{row['question']}\n{row['context']}", "answer": said or "–",
             "reference": " / ".join(dict.fromkeys(answer["text"] for answer in row["answers"])) or "–"}
            for row, said in zip(rows, predictions["answers"], strict=True)
        ]  # fmt: skip

    def units(self, rows: Sequence[Row], predictions: Any) -> list[Any]:
        """Questions about one text are no independent draws."""
        return [row["context"] for row in rows]

    def gains(self, rows: Sequence[Row], predictions: Any) -> list[float]:
        """F1 of every row."""
        given = self.inputs(rows, predictions)
        main = "cmrc_f1" if "cmrc_f1" in given else self.main_metric
        made = METRICS.get(main).sums(**given[main])
        return [] if made is None else [float(value) for value in made.rows[:, 0]]


def _answers(value: Any, context: str) -> list[dict[str, Any]] | None:
    """[{"text", "start"}]; an empty list when there is none, None when it cannot be found."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            value = value.strip()
    if isinstance(value, dict):
        texts, starts = value.get("text", []), value.get("answer_start", [])
        texts, starts = (
            (texts if isinstance(texts, list) else [texts]),
            (starts if isinstance(starts, list) else [starts]),
        )
        value = [
            {"text": text, "answer_start": start}
            for text, start in zip(texts, [*starts, *[-1] * len(texts)], strict=False)
        ]
    items = value if isinstance(value, list) else [value]
    found = [_placed(item, context) for item in items if item not in ("", None)]
    return None if None in found else [item for item in found if item]


def _placed(item: Any, context: str) -> dict[str, Any] | None:
    text = str(item.get("text", "")) if isinstance(item, dict) else str(item).strip()
    start = item.get("answer_start", -1) if isinstance(item, dict) else -1
    if not isinstance(start, int) or context[start : start + len(text)] != text or start < 0:
        start = context.find(text)
    return {"text": text, "start": start} if text and start >= 0 else None


def _windows(row: Row, tokenizer: Any, section: Any) -> list[dict[str, Any]]:
    """Overlapping windows: the model's inputs, and for every position the characters of the text it stands for."""
    ids = tokenizer(row["question"], add_special_tokens=False, split_special_tokens=True)["input_ids"]
    half = section.max_length // 2
    asked = row["question"] if len(ids) <= half else tokenizer.decode(ids[:half])
    room = section.max_length - min(len(ids), half) - 4
    made = tokenizer(
        asked, row["context"], truncation="only_second", max_length=section.max_length, return_offsets_mapping=True,
        return_overflowing_tokens=True, split_special_tokens=True, stride=max(0, min(section.doc_stride, room // 2)),
    )  # fmt: skip
    windows = []
    for number, offsets in enumerate(made["offset_mapping"]):
        second = made.sequence_ids(number)
        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in made]
        windows.append(
            {
                "inputs": {name: made[name][number] for name in names},
                "places": [tuple(place) if part == 1 else None for place, part in zip(offsets, second, strict=True)],
            }
        )
    return windows


def _span(window: dict[str, Any], answer: dict[str, Any] | None) -> tuple[int, int]:
    """First and last position of an answer that lies wholly in the window, else (0, 0)."""
    if answer is None:
        return 0, 0
    start, end = answer["start"], answer["start"] + len(answer["text"])
    inside = [i for i, place in enumerate(window["places"]) if place and place[0] < end and place[1] > start]
    if not inside or window["places"][inside[0]][0] > start or window["places"][inside[-1]][1] < end:
        return 0, 0
    return inside[0], inside[-1]


def _best(
    window: dict[str, Any], starts: list[float], ends: list[float], section: Any, context: str
) -> tuple[float, str]:
    """The likeliest span of a window and its words."""
    places = window["places"]
    able = [index for index, place in enumerate(places) if place]
    first = sorted(able, key=lambda index: -starts[index])[:BEST]
    last = sorted(able, key=lambda index: -ends[index])[:BEST]
    best = (float("-inf"), "")
    for a in first:
        for b in last:
            if a <= b < a + section.max_answer_length and starts[a] + ends[b] > best[0]:
                best = (starts[a] + ends[b], context[places[a][0] : places[b][1]].strip())
    return best
