"""Words that shall not be there: swearing, advertising, boilerplate. The list is the person's own, or one of two short ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View, mended

LISTS = {
    "none": "",
    "boilerplate": "click here; read more; all rights reserved; subscribe to our newsletter; sign up for our newsletter; follow us on; "
    "share this article; accept all cookies; this site uses cookies; terms and conditions apply; skip to content; "
    "点击这里; 点击此处; 阅读原文; 关注公众号; 扫码关注; 扫描二维码; 长按识别; 版权所有; 转载请注明; 未经授权; 免责声明; 责任编辑; 更多精彩内容",
    "swearing": "damn; crap; bastard; bullshit; shit; fuck; fucking; asshole; bitch; 他妈的; 妈的; 狗屁; 混蛋; 王八蛋; 傻逼; 滚蛋",
}
"""Short lists to begin with, in two languages."""


class WordListSection(StepSection):
    """The words, and what becomes of rows that have one."""

    kind: str = "word_list"
    words: str = knob(
        "",
        Text("Words", "词语"),
        Text("Separated by line breaks or semicolons; case makes no difference.", "用换行或分号隔开；不区分大小写。"),
        example="click here; 关注公众号",
    )
    listed: str = knob(
        "none",
        Text("Ready-made list", "现成词表"),
        Text(
            "Added to your own words. Short: look at what it finds.", "与自己的词语一起使用。内容不多，请查看找到的行。"
        ),
        choices=(
            ("none", Text("none", "无")),
            ("boilerplate", Text("boilerplate of web pages", "网页套话")),
            ("swearing", Text("swearing", "脏话")),
        ),
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
        "Finds your own list of words, or a short ready-made one: swearing, advertising, boilerplate.",
        "按自己的词表或现成的短词表查找：脏话、广告、套话。",
    )
    section = WordListSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Whole words where letters have borders; anywhere in Chinese."""
        columns, pattern = view.named(section), pattern_of(f"{section.words};{LISTS[section.listed]}")
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
            "words: the list is empty; write at least one word, or choose a ready-made list.",
            "words：词表是空的；请至少写一个词，或选择现成词表。",
            field="words",
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
