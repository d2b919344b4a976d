"""Words that shall not be there: swearing, advertising, boilerplate. The list is the person's own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View, mended


class WordListSection(StepSection):
    """The words, and what becomes of rows that have one."""

    kind: str = "word_list"
    words: str = knob(
        "",
        Text("Words", "词语"),
        Text("Separated by line breaks or semicolons; case makes no difference.", "用换行或分号隔开；不区分大小写。"),
        example="click here; 关注公众号",
    )
    action: str = knob(
        "drop",
        Text("Do", "处理方式"),
        Text("With rows that have one of them.", "对含有这些词的行。"),
        choices=(("drop", Text("drop the row", "去掉该行")), ("mask", Text("put *** in its place", "替换为 ***")), ("cut", Text("cut the words out", "删去这些词"))),
    )  # fmt: skip


@CLEANING.add
class WordList(Step):
    """Drop or mask listed words."""

    kind = "word_list"
    order = 9
    label = Text("Word list", "词表过滤")
    help = Text(
        "Finds your own list of words: swearing, advertising, boilerplate.", "按自己的词表查找：脏话、广告、套话。"
    )
    section = WordListSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Whole words where letters have borders; anywhere in Chinese."""
        columns, pattern = view.named(section), pattern_of(section.words)
        instead = "***" if section.action == "mask" else ""

        def judged(row: Row) -> Row | Text:
            found = pattern.search(view.text_of(row, columns))
            if found is None:
                return row
            if section.action == "drop":
                return Text(f"has “{found[0]}”", f"含有“{found[0]}”")
            return {**row, **{name: mended(row.get(name), lambda text: pattern.sub(instead, text)) for name in columns}}

        return Outcome([judged(row) for row in rows])


def pattern_of(words: str) -> re.Pattern[str]:
    """The words as one pattern; UserError for an empty list."""
    listed = [unicodedata.normalize("NFC", word.strip()) for word in re.split(r"[\n;；]", words) if word.strip()]
    if not listed:
        raise UserError(
            "words: the list is empty; write at least one word.", "words：词表是空的；请至少写一个词。", field="words"
        )
    ends = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])")
    return re.compile(
        "|".join(
            (ends[0] if word[0].isascii() and word[0].isalnum() else "")
            + re.escape(word)
            + (ends[1] if word[-1].isascii() and word[-1].isalnum() else "")
            for word in sorted(listed, key=len, reverse=True)
        ),
        re.IGNORECASE,
    )
