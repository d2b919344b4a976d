"""Rows in another language, told by their script: Chinese, or a language in Latin letters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View

SCRIPTS = {
    "zh": re.compile("[\u3400-\u9fff\U00020000-\U0002fa1f]"),
    "ja": re.compile("[\u3041-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "latin": re.compile("[A-Za-z\u00c0-\u024f]+"),
    "cyrillic": re.compile("[\u0400-\u04ff]+"),
    "arabic": re.compile("[\u0600-\u06ff]+"),
}
"""A Chinese character weighs as much as a word of letters."""


class LanguageFilterSection(StepSection):
    """Which script stays."""

    kind: str = "language_filter"
    keep: str = knob(
        "zh",
        Text("Keep", "保留"),
        Text("Rows that are mostly in this script. Languages in Latin letters are not told apart.", "以此文字为主的行。不区分同用拉丁字母的语言。"),
        choices=(
            ("zh", Text("Chinese", "中文")), ("latin", Text("Latin letters (English …)", "拉丁字母（英文等）")), ("ja", Text("Japanese", "日文")),
            ("ko", Text("Korean", "韩文")), ("cyrillic", Text("Cyrillic", "西里尔字母")), ("arabic", Text("Arabic", "阿拉伯文")),
        ),
    )  # fmt: skip


@CLEANING.add
class LanguageFilter(Step):
    """Keep one script."""

    kind = "language_filter"
    order = 14
    label = Text("Language filter", "语言筛选")
    help = Text(
        "Keeps rows that are mostly in one script; rows without letters stay.",
        "保留以某种文字为主的行；没有字母的行会保留。",
    )
    section = LanguageFilterSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the script most words are in."""
        columns = view.named(section)

        def judged(row: Row) -> Row | Text:
            found = script(view.text_of(row, columns))
            return row if found in ("", section.keep) else Text(f"mostly {found}", f"主要是 {found}")

        return Outcome([judged(row) for row in rows])


def script(text: str) -> str:
    """The script of most words; "" without letters. Kana makes it Japanese, even among many Chinese characters."""
    counts = {name: len(pattern.findall(text)) for name, pattern in SCRIPTS.items()}
    if counts["ja"] * 4 >= counts["zh"] and counts["ja"]:
        counts["ja"] += counts.pop("zh")
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""
