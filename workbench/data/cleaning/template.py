"""A column made of others: "{title}: {body}"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View, new_name, spoken

FIELD = re.compile(r"\{([^{}]+)\}")


class TemplateSection(StepSection):
    """The text and where it goes."""

    kind: str = "template"
    template: str = knob(
        "",
        Text("Template", "模板"),
        Text("{name} is the text of that column.", "{name} 表示名为 name 的列的文字。"),
        example="{title}: {text}",
    )
    into: str = knob(
        "",
        Text("Into column", "写入列"),
        Text("A column that is there, whose text is replaced, or a new one.", "已有的列（文字会被替换），或新的列。"),
        example="text",
    )


@CLEANING.add
class Template(Step):
    """Combine columns."""

    kind = "template"
    order = 8
    label = Text("Combine columns", "组合各列")
    help = Text("Writes one column from a template of others.", "按模板把几列组合写入一列。")
    section = TemplateSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Only names of columns are looked up: nothing is computed."""
        into = new_name(section.into)
        for name in FIELD.findall(section.template):
            view.check(name)
        if not section.template.strip():
            raise UserError(
                "template: write what the column shall hold, for instance {title}: {text}.",
                "template：请填写列的内容，例如 {title}: {text}。",
                field="template",
            )

        def written(row: Row) -> Row | Text:
            text = FIELD.sub(lambda found: spoken(row.get(found[1])), section.template)
            return row if row.get(into) == text else {**row, into: text}

        return Outcome([written(row) for row in rows], columns=() if into in view.columns else (into,))
