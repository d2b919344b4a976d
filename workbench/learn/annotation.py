"""4.1 Annotation: two people label the same rows; how far they agree beyond chance (Cohen's κ), in a table that can be moved or in the
workspace's own labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, grid, heat, lines, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import labels, library
from workbench.data.history import History

TABLE = ""
MANY = 20
"""Rows labelled by hand that count as having done it."""
ANSWERS = {"yes": Text("yes", "是"), "no": Text("no", "否")}
Pairs = list[tuple[str, str]]


def _cell(default: int, label: Text, help: Text) -> Any:
    return knob(default, label, help, ge=0, le=100)


class Settings(Section):
    """Whose labels, or the four cells of a table."""

    whose: str = knob(
        TABLE, Text("Whose labels", "谁的标签"), Text("The table below, or two people who labelled rows of yours.", "下面的表格，或标注过你数据的两个人。")
    )  # fmt: skip
    both_yes: int = _cell(20, Text("Both say yes", "都说“是”"), Text("Rows.", "行数。"))
    only_first: int = _cell(5, Text("Only the first says yes", "只有甲说“是”"), Text("Rows.", "行数。"))
    only_second: int = _cell(10, Text("Only the second says yes", "只有乙说“是”"), Text("Rows.", "行数。"))
    both_no: int = _cell(15, Text("Both say no", "都说“否”"), Text("Rows.", "行数。"))


def table(knobs: Any) -> Pairs:
    """The rows of the four cells."""
    cells = {("yes", "yes"): knobs.both_yes, ("yes", "no"): knobs.only_first, ("no", "yes"): knobs.only_second, ("no", "no"): knobs.both_no}  # fmt: skip
    return [pair for pair, count in cells.items() for _ in range(count)]


def given(workspace: Workspace, name: str) -> dict[str, dict[int, str]]:
    """Person → row → label, of a dataset's log."""
    found: dict[str, dict[int, str]] = {}
    for row, who, value, _ in labels.standing(History(workspace, name).log.line()):
        found.setdefault(who, {})[row] = _word(value)
    return found


def _word(value: dict[str, Any]) -> str:
    plain = next(iter(value.values())) if len(value) == 1 else value
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, sort_keys=True)


def twice(workspace: Workspace) -> Iterator[tuple[str, str, str, Pairs]]:
    """(dataset, one person, another, their pairs) wherever two people labelled the same rows."""
    for dataset in library.all_datasets(workspace):
        people = given(workspace, dataset.name)
        names = list(people)
        for place, one in enumerate(names):
            for other in names[place + 1 :]:
                if both := sorted(people[one].keys() & people[other].keys()):
                    yield dataset.name, one, other, [(people[one][row], people[other][row]) for row in both]


def chance(pairs: Pairs) -> float:
    """How often two who answer as often as these, but blindly, would agree."""
    words = {word for pair in pairs for word in pair}
    return sum(sum(a == word for a, _ in pairs) * sum(b == word for _, b in pairs) for word in words) / len(pairs) ** 2


@LABS.add
class Annotation(Lab):
    """See the module."""

    kind = "annotation"
    stop = "4.1"
    order = 67
    label = Text("Annotation and agreement", "标注与一致性")
    idea = (
        Text(
            "A label is somebody's judgement. Let two people label the same rows: where they differ, the question is unclear, the row is hard, "
            "or somebody slipped. No model can be better than the labels it is judged by.",
            "标签是某个人的判断。让两个人标注相同的行：不一致的地方，要么规则不清，要么这行太难，要么有人看错。模型的得分不会好过评判它的标签。",
        ),
        Text(
            "Agreement alone flatters: two who nearly always say “no” agree by chance. Cohen's κ takes that away: "
            "(agreement − chance) ÷ (1 − chance).",
            "只看一致率会被美化：两个几乎总说“否”的人，碰巧也会一致。科恩 κ 把这部分去掉：（一致率 − 偶然一致）÷（1 − 偶然一致）。",
        ),
    )
    guess = Guess(
        Text("Two people agree on 90 of 100 rows. That is …", "两个人在 100 行里有 90 行一致。这说明……"),
        (
            Choice(
                Text("very good agreement", "一致性很好"),
                Text(
                    "Not when both say “no” 95 times: blind guessing agrees as often. Move the table to 0, 5, 5, 90.",
                    "如果两人都说了 95 次“否”，瞎猜也能这样。把表格调成 0、5、5、90 看看。",
                ),
            ),
            Choice(
                Text("anything: it depends on how often each label is given", "说明不了什么：要看各标签出现得多不多"),
                Text(
                    "Yes. With 50 and 50 it is κ = 0.8, with 5 and 95 it may be below 0.",
                    "对。五五开时 κ = 0.8，5 比 95 时可能小于 0。",
                ),
                right=True,
            ),
            Choice(
                Text("10 wrong labels", "有 10 个标签错了"),
                Text(
                    "Two may also agree and both be wrong. Disagreement shows what is unclear, not who is right.",
                    "两人也可能一致地错。不一致只说明哪里不清楚，不说明谁对。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(
        Text("Agree on 90 %, worth nothing", "90% 一致，却毫无价值"),
        {"whose": TABLE, "both_yes": 0, "only_first": 5, "only_second": 5, "both_no": 90},
    )
    source = "Cohen, A Coefficient of Agreement for Nominal Scales, 1960"

    def choices(self, workspace: Workspace) -> dict[str, list[tuple[Text | str, str]]]:
        own = [(f"{name}: {one} · {other}", json.dumps([name, one, other])) for name, one, other, _ in twice(workspace)]
        return {"whose": [(Text("the table below", "下面的表格"), TABLE), *own]}

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        names, pairs = self._pairs(knobs, workspace)
        if not pairs:
            raise UserError(
                "The table is empty; give a cell some rows.", "表格是空的；请给某一格填入行数。", field="both_yes"
            )
        same, by_chance, found = sum(a == b for a, b in pairs) / len(pairs), chance(pairs), labels.kappa(pairs)
        words = sorted({word for pair in pairs for word in pair}, reverse=True)[:12]
        shown = [ANSWERS.get(word, Text(word, word)) if not knobs.whose else Text(word, word) for word in words]
        counts = [[sum(pair == (a, b) for pair in pairs) for b in words] for a in words]
        return [
            _said(same, by_chance, found),
            heat(
                Text("Who said what", "谁说了什么"), counts, shown, shown, (names[1], names[0]), written=True, form="d"
            ),
            _curve(same, by_chance),
            grid(
                [Text("step", "步骤"), Text("number", "数值")],
                [
                    [Text("rows", "行数"), len(pairs)],
                    [Text("agreement", "一致率"), f"{same:.4f}"],
                    [Text("agreement by chance", "偶然一致"), f"{by_chance:.4f}"],
                    ["κ", f"({same:.4f} − {by_chance:.4f}) ÷ (1 − {by_chance:.4f}) = {found:.4f}"],
                ],
            ),
        ]

    def _pairs(self, knobs: Any, workspace: Workspace) -> tuple[tuple[Text, Text], Pairs]:
        for name, one, other, pairs in twice(workspace) if knobs.whose else ():
            if json.dumps([name, one, other]) == knobs.whose:
                return (Text(one, one), Text(other, other)), pairs
        return (Text("the first", "甲"), Text("the second", "乙")), table(knobs)

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        found = [table(self.section(**each)) for each in touched]
        return any(pairs and labels.kappa(pairs) < 0.2 for pairs in found) and len(found) >= 2

    def real(self, workspace: Workspace) -> Real:
        return Real(Text("Label rows of your own", "标注你自己的行"), "data")

    def done(self, workspace: Workspace) -> Trace | None:
        for dataset in library.all_datasets(workspace):
            rows = {row for each in given(workspace, dataset.name).values() for row in each}
            if len(rows) >= MANY:
                return Trace(
                    Text(f"{len(rows)} rows of “{dataset.name}” labelled", f"“{dataset.name}”已标注 {len(rows)} 行"),
                    "data",
                )
        return None


def _said(same: float, by_chance: float, found: float) -> Picture:
    en, zh = _judged(found)
    text = Text(
        f"They agree on {same:.0%} of the rows, by chance they would on {by_chance:.0%}: κ = {found:.2f}, {en}.",
        f"两人在 {same:.0%} 的行上一致，碰巧也会有 {by_chance:.0%}：κ = {found:.2f}，{zh}。",
    )
    return told(text, "good" if found >= 0.6 else "plain")


def _judged(found: float) -> Text:
    """Roughly, as Landis & Koch (1977) named it; a habit, not a law."""
    if found < 0.2:
        return Text("hardly better than chance", "几乎不比偶然强")
    if found < 0.6:
        return Text("moderate: sharpen the rules", "一般：规则还要写得更清楚")
    return Text("substantial" if found < 0.8 else "nearly perfect", "较好" if found < 0.8 else "几乎完全一致")


def _curve(same: float, by_chance: float) -> Picture:
    """κ at this agreement, whatever chance alone would give."""
    xs = [place / 50 for place in range(49)]
    ours = Text("this table", "当前表格")
    here = (by_chance, (same - by_chance) / (1 - by_chance)) if by_chance < 1 else (1.0, 1.0)
    return lines(
        Text(f"κ when {same:.0%} agree", f"一致率为 {same:.0%} 时的 κ"),
        {"κ": (xs, [max(-1.0, (same - x) / (1 - x)) for x in xs]), ours: ([here[0]], [max(-1.0, here[1])])},
        Text("agreement by chance", "偶然一致"),
        Text("κ", "κ"),
        points=[ours.en],
    )
