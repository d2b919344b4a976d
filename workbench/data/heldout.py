"""Which rows are held out: by chance, by label alike, in groups that stay together, by time; told in a column `split`.

Rows that a dataset holds out by itself stay held out, with their own mark; only those drawn here are drawn anew by a later split.
Copies of one text stay on one side, or the held-out rows would be known from training.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.core.errors import UserError
from workbench.core.text import Text
from workbench.data import nearby
from workbench.data.dataset import SPLIT
from workbench.data.moments import moments
from workbench.data.split import copies, in_groups, split
from workbench.data.step import Row, View
from workbench.data.values import as_text

WAYS = {
    "stratified": Text("Every label alike", "各标签按比例"),
    "random": Text("By chance", "随机"),
    "grouped": Text("Groups stay together", "同组放在同一侧"),
    "time": Text("The latest rows are held out", "留出最新的行"),
}
SHARE, FEWEST, MOST = 0.05, 16, 2000
"""The usual held-out part: 5 %, but at least 16 rows and at most 2,000."""
ALIKE = 0.8
DRAWN = "heldout"
"""The mark of rows held out here; a dataset's own are called validation, test …"""


def usual(rows: int) -> int:
    """How many rows are held out when nobody says how many: never more than half."""
    return max(1, min(max(FEWEST, min(MOST, round(rows * SHARE))), rows // 2))


@dataclass(frozen=True)
class Held:
    """Rows with their mark; `value` is the wish with the number of rows held out."""

    rows: list[Row | Text]
    value: dict[str, Any]
    columns: tuple[str, ...]
    roles: dict[str, str]


def hold_out(rows: Sequence[Row], view: View, wish: Mapping[str, Any]) -> Held:
    """`wish`: way, by (the column that groups rows, or tells their time; for groups it may be empty: then texts that are nearly the
    same stay together), share (0 is the usual part), seed. UserError when it cannot be done."""
    way, by, share, seed = wish["way"], str(wish["by"]), float(wish["share"]), int(wish["seed"])
    if way not in WAYS or not 0 <= share <= 0.5 or len(rows) < 2:
        raise UserError(
            f"A way to split ({', '.join(WAYS)}), a share from 0 to 0.5 and at least two rows are needed.",
            f"需要划分方式（{'、'.join(WAYS)}）、0 到 0.5 的比例，以及至少两行数据。",
            field="split",
        )
    if by:
        view.check(by)
    own = _own(rows, view)
    free = [place for place in range(len(rows)) if place not in own]
    if len(free) < 2:
        raise UserError(
            "Fewer than two rows are not held out already; nothing is left to split. Take the role split from its column first.",
            "未留出的行不足两行，无法再划分。请先取消该列的 split 角色。",
            field="split",
        )
    wanted = max(1, round(len(free) * share)) if share else usual(len(free))
    drawn = {free[place] for place in _held([rows[place] for place in free], view, way, by, (wanted, seed))}
    marks = {**dict.fromkeys(drawn, DRAWN), **own}
    marked: list[Row | Text] = [{**row, SPLIT: marks.get(place, "train")} for place, row in enumerate(rows)]
    others = {column: role for column, role in view.roles.items() if role != SPLIT}
    value = {"way": way, "by": by, "share": share, "seed": seed, "heldout": len(marks)}
    return Held(marked, value, (SPLIT,), {**others, SPLIT: SPLIT})


def _own(rows: Sequence[Row], view: View) -> dict[int, str]:
    """Place → mark of the rows that were held out before, and not by us."""
    column = next((name for name, role in view.roles.items() if role == SPLIT), None)
    found = {place: as_text(row.get(column)) for place, row in enumerate(rows) if column and view.held(row)}
    return {place: mark for place, mark in found.items() if mark != DRAWN}


def _held(rows: Sequence[Row], view: View, way: str, by: str, how: tuple[int, int]) -> set[int]:
    wanted, seed = how
    if way == "time":
        if not by:
            raise UserError("Say which column tells the time.", "请指明表示时间的列。", field="by")
        times = moments([row.get(by) for row in rows], by)
        return set(sorted(range(len(rows)), key=lambda place: times[place])[-wanted:])
    texts = [view.text_of(row) for row in rows]
    if way == "grouped":
        names = [as_text(row.get(by)) for row in rows] if by else _alike(texts)
        return _groups(names, wanted, seed)
    label = (
        next((column for column, role in view.roles.items() if role == "label"), None) if way == "stratified" else None
    )
    labels = [as_text(row.get(label)) if label else "" for row in rows]
    groups = copies(texts)
    if len(groups) < len(rows):
        return in_groups(groups, labels, wanted, seed)
    places: list[Row] = [{"place": place, "label": name} for place, name in enumerate(labels)]
    return {row["place"] for row in split(places, wanted / len(rows), seed, "label" if label else None)[1]}


def _alike(texts: Sequence[str]) -> list[str]:
    names = [f"one-{place}" for place in range(len(texts))]
    for number, group in enumerate(nearby.groups(texts, ALIKE)):
        for place in group:
            names[place] = f"group-{number}"
    return names


def _groups(names: Sequence[str], wanted: int, seed: int) -> set[int]:
    """Whole groups in a shuffled order, as long as they fit; at least the smallest one."""
    members: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        members.setdefault(name, []).append(place)
    if len(members) < 2:
        raise UserError("All rows are in one group; choose another column.", "所有行同属一组；请换一列。", field="by")
    order = sorted(members)
    random.Random(seed).shuffle(order)
    held: set[int] = set()
    for name in order:
        if len(held) + len(members[name]) <= wanted:
            held |= set(members[name])
    smallest = sorted(order, key=lambda name: len(members[name]))[0]
    return held or set(members[smallest])
