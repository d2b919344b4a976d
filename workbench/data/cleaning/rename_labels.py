"""Labels under other names, by a list the person writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View
from workbench.data.values import as_text


class RenameLabelsSection(StepSection):
    """Old and new names."""

    kind: str = "rename_labels"
    names: str = knob(
        "",
        Text("Old = new", "旧名 = 新名"),
        Text(
            "One pair a line, or separated by semicolons: 0 = negative; 1 = positive.",
            "每行一对，或用分号隔开：0 = 负面；1 = 正面。",
        ),
        example="0 = negative; 1 = positive",
    )


@CLEANING.add
class RenameLabels(Step):
    """Other names for labels."""

    kind = "rename_labels"
    order = 20
    label = Text("Rename labels", "重命名标签")
    help = Text(
        "Gives labels other names; two labels with the same new name become one.", "给标签改名；新名相同的标签会合并。"
    )
    section = RenameLabelsSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the whole label."""
        label, names = view.column("label"), pairs(section.names)

        def renamed(row: Row) -> Row | Text:
            old = as_text(row.get(label)).strip()
            return {**row, label: names[old]} if old in names and names[old] != row.get(label) else row

        return Outcome([renamed(row) for row in rows])

    def pandas(self, section: Any, view: View) -> str:
        """One replacement."""
        label = view.column("label")
        return f"df[{label!r}] = df[{label!r}].map(lambda name: {pairs(section.names)!r}.get(str(name).strip(), name))"


def pairs(text: str) -> dict[str, str]:
    """Old name → new name; UserError for what is no pair."""
    made = {}
    for part in text.replace("；", ";").replace("\n", ";").split(";"):
        if not part.strip():
            continue
        old, sign, new = part.replace("＝", "=").partition("=")
        if not sign or not old.strip() or not new.strip():
            raise UserError(
                f"names: “{shorten(part.strip())}” is no pair; write old = new, for instance 0 = negative.",
                f"names：“{shorten(part.strip())}”不是一对名称；请写成 旧名 = 新名，例如 0 = 负面。",
                field="names",
            )
        made[old.strip()] = new.strip()
    return made
