"""Spaces: one where there are many, none at the ends, no invisible characters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, StepSection, TextStep

INVISIBLE = re.compile("[\u200b\u200c\u2060\ufeff\u00ad\u202a-\u202e\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Zero-width and control characters. The zero-width joiner stays: it holds emoji together."""
SPACES = re.compile(r"[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")


class WhitespaceSection(StepSection):
    """What to do with line breaks and with spaces inside Chinese."""

    kind: str = "whitespace"
    join_lines: bool = knob(
        False,
        Text("Join lines", "合并换行"),
        Text("Line breaks become spaces.", "把换行变成空格。"),
    )
    between_han: bool = knob(
        False,
        Text("No spaces between Chinese characters", "去掉汉字之间的空格"),
        Text("For text that was split into words or came out of a PDF.", "适用于分过词或从 PDF 得到的文本。"),
    )


@CLEANING.add
class Whitespace(TextStep):
    """Tidy spaces."""

    kind = "whitespace"
    order = 2
    label = Text("Tidy spaces", "整理空白")
    help = Text(
        "One space where there are many, none at the ends, no invisible characters, at most one blank line.",
        "多个空格并为一个，去掉首尾空白和不可见字符，空行最多一行。",
    )
    section = WhitespaceSection

    def mender(self, section: Any) -> Callable[[str], str]:
        """Line by line."""

        def mend(text: str) -> str:
            lines = [
                SPACES.sub(" ", line).strip() for line in INVISIBLE.sub("", text.replace("\r\n", "\n")).split("\n")
            ]
            made = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
            if section.join_lines:
                made = re.sub(r"\s*\n\s*", " ", made)
            return BETWEEN_HAN.sub("", made) if section.between_han else made

        return mend
