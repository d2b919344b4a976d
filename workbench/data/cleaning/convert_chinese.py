"""Traditional and simplified Chinese, by OpenCC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, StepSection, TextStep


class ConvertChineseSection(StepSection):
    """In which direction."""

    kind: str = "convert_chinese"
    to: str = knob(
        "t2s",
        Text("Into", "转换为"),
        Text("Characters, or words as they are used in a place too.", "按字转换，或同时转换当地用词。"),
        choices=(
            ("t2s", Text("simplified", "简体")), ("s2t", Text("traditional", "繁体")), ("s2twp", Text("traditional, Taiwan's words", "繁体（台湾用词）")),
            ("tw2sp", Text("simplified, from Taiwan's words", "简体（由台湾用词转）")),
        ),
    )  # fmt: skip


@CLEANING.add
class ConvertChinese(TextStep):
    """简繁转换."""

    kind = "convert_chinese"
    order = 5
    label = Text("Traditional ↔ simplified Chinese", "简繁转换")
    help = Text("Converts Chinese characters; everything else stays.", "转换汉字，其余不变。")
    section = ConvertChineseSection

    def mender(self, section: Any) -> Callable[[str], str]:
        """One converter for all rows."""
        import opencc

        converter = opencc.OpenCC(section.to)
        return lambda text: text if text.isascii() else str(converter.convert(text))
