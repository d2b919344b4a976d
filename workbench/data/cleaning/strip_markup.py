"""HTML and Markdown → the text a reader would see."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, StepSection, TextStep

TAG = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
COMMENT = re.compile(r"<!--(?:(?!<!--|-->).)*-->", re.S)
LONE = re.compile(r"<(?!/?[a-z][^<>]*>|(?:!doctype|!\[cdata\[|\?)[^<>]*>)", re.I)
"""A < that opens nothing: html.parser would look for its end again and again."""
BLOCKS = {"p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"}
HIDDEN = {"script", "style", "head", "noscript", "template"}
TARGET = r"\((?:[^()\n]|\([^()\n]*\))*\)"
MARKDOWN = (
    (re.compile(r"!\[([^\[\]]*)\]" + TARGET), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]" + TARGET), r"\1"),
    (re.compile(r"^ {0,3}#{1,6} +", re.M), ""),
    (re.compile(r"^ {0,3}> ?", re.M), ""),
    (re.compile(r"^ {0,3}(?:```|~~~).*$\n?", re.M), ""),
    (re.compile(r"(\*\*|__)(?=\S)((?:(?!\1).)+)(?<=\S)\1"), r"\2"),
    (re.compile(r"`([^`\n]+)`"), r"\1"),
)
"""Pattern → what stays. None reads on past the next mark of its kind, so that a text of nothing but marks takes no time."""


class StripMarkupSection(StepSection):
    """Which marks are taken away."""

    kind: str = "strip_markup"
    html: bool = knob(True, Text("HTML", "HTML"), Text("Tags and entities.", "标签与实体。"))
    markdown: bool = knob(
        False, Text("Markdown", "Markdown"), Text("Headings, links, emphasis, fences.", "标题、链接、强调、代码围栏。")
    )


@CLEANING.add
class StripMarkup(TextStep):
    """Take marks away."""

    kind = "strip_markup"
    order = 3
    label = Text("Strip HTML and Markdown", "去除 HTML 与 Markdown")
    help = Text(
        "Only the words a reader would see stay. A lone < in a text is no tag and stays.",
        "只留下读者看得到的文字。文中单独的 < 不是标签，会保留。",
    )
    section = StripMarkupSection

    def mender(self, section: Any) -> Callable[[str], str]:
        """HTML first, because Markdown may hold some."""

        def mend(text: str) -> str:
            made = plain(text) if section.html and TAG.search(text) else text
            for pattern, kept in MARKDOWN if section.markdown else ():
                made = pattern.sub(kept, made)
            return made

        return mend


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.hidden += tag in HIDDEN
        if tag in BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in HIDDEN and self.hidden > 0
        if tag in BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(data)


def plain(text: str) -> str:
    """The words of an HTML text, a line for each block; the text itself where its marks are broken beyond reading."""
    reader = _Words()
    try:
        reader.feed(LONE.sub("&lt;", COMMENT.sub("", text)))
        reader.close()
    except (AssertionError, ValueError):  # what html.parser says to “<![x]>”
        return text
    lines = (line.strip() for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)
