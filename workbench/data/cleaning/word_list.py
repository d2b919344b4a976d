"""Words that shall not be there: swearing, boilerplate, an assistant's refusals. The person's own list, a ready-made one, or both."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

from workbench import ASSETS
from workbench.core import yamls
from workbench.core.errors import UserError
from workbench.core.knob import knob
from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, StepSection, TextStep, View

HAN = "\u3400-\u9fff"
LETTER = "A-Za-z0-9\u00c0-\u024f"
"""Letters that have borders between words."""
LONGEST_LINE = 60
Span = tuple[int, int]
STOP = re.compile(r"[。！？!?…]+[”’」』\"'）)]*|\n|\.(?=\s)")
"""Where a sentence ends."""
_ALPHANUMERIC = re.compile(f"[{LETTER}]")
_SEAM = re.compile(rf"(?<=[{HAN}]) *(?=[{LETTER}])|(?<=[{LETTER}]) *(?=[{HAN}])")
_EDGE = re.compile(r"^[^\w(){}=;#$`'\"]+|[^\w(){}=;#$`'\"]+$")
"""Arrows, brackets and dots around a line; not what makes code of it."""
_LOOSE = {"\0": r"\s*", " ": r"\s+", "'": "['’]", "’": "['’]", "，": r"[，,]\s*", ",": r"[，,]\s*"}


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
            "English and Chinese, simplified and traditional; added to your own words. Look at what it finds before you keep it.",
            "含英文与简繁中文，与自己的词语一起使用。保留之前请先看看找到的行。",
        ),
        choices=(
            ("none", Text("none", "无")),
            ("boilerplate", Text("boilerplate of web pages", "网页套话")),
            ("refusals", Text("an assistant's refusals (“As an AI language model …”)", "助手的拒答与自述（“作为 AI 语言模型……”）")),
            ("swearing", Text("swearing", "脏话")),
        ),
    )  # fmt: skip
    action: str = knob(
        "drop",
        Text("Do", "处理方式"),
        Text("With rows that have one of them.", "对含有这些词的行。"),
        choices=(
            ("drop", Text("drop the row", "去掉该行")),
            ("sentence", Text("cut out the sentence it stands in", "删去所在的句子")),
            ("mask", Text("put *** in its place", "替换为 ***")),
            ("cut", Text("cut the words out", "删去这些词")),
        ),
    )


@CLEANING.add
class WordList(TextStep):
    """Drop or mask listed words."""

    kind = "word_list"
    order = 9
    label = Text("Word list", "词表过滤")
    help = Text(
        "Finds your own list of words, or a ready-made one: boilerplate of web pages, an assistant's refusals, swearing. Whole words in English; in Chinese anywhere.",
        "按自己的词表或现成词表查找：网页套话、助手的拒答、脏话。英文按整词匹配，中文不限位置。",
    )
    section = WordListSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Rows go, or their words do; a row of which no word is left goes, too."""
        if section.action != "drop":
            return super().apply(rows, section, view)
        columns, finder = view.named(section), finder_of(section.words, section.listed)

        def judged(row: Row) -> Row | Text:
            text = view.text_of(row, columns)
            found = finder.spans(text)
            return _why(text[slice(*found[0])]) if found else row

        return Outcome([judged(row) for row in rows])

    def mender(self, section: Any) -> Callable[[str], str]:
        """What is found is cut out or masked, or its sentence is cut out."""
        finder = finder_of(section.words, section.listed)
        if section.action == "sentence":
            return lambda text: without_sentences(text, finder.spans(text))
        instead = "***" if section.action == "mask" else ""
        return lambda text: replaced(text, finder.spans(text), instead)


def _why(words: str) -> Text:
    return Text(f"has “{words}”", f"含有“{words}”")


def replaced(text: str, spans: Sequence[Span], instead: str) -> str:
    """The text with something else in these places."""
    for start, end in reversed(spans):
        text = text[:start] + instead + text[end:]
    return text


def without_sentences(text: str, spans: Sequence[Span]) -> str:
    """The text without the sentences in which these places lie; the text itself when there are none."""
    if not spans:
        return text
    ends = [0, *(stop.end() for stop in STOP.finditer(text)), len(text)]
    kept = [text[a:b] for a, b in pairwise(ends) if not any(start < b and a < end for start, end in spans)]
    return "".join(kept).strip()


@dataclass(frozen=True)
class Entry:
    """A phrase: what a text must hold for it to be looked for at all (its longest word, then the others), its pattern, and whether it
    counts."""

    key: str
    others: tuple[str, ...]
    pattern: str
    counts: bool = True


@dataclass(frozen=True)
class Finder:
    """Phrases wherever they stand (outside innocent ones), and `lines` where they are a line of their own.

    One pattern of all phrases would take milliseconds a text; so those whose letters are in it are found first, by plain search.
    """

    entries: tuple[Entry, ...]
    lines: frozenset[str]

    def spans(self, text: str) -> list[Span]:
        """Where something stands, in order, none over another."""
        lowered = text.lower()
        near = [entry for entry in self.entries if entry.key in lowered]
        near = [entry for entry in near if all(other in lowered for other in entry.others)]
        found = sorted([*_phrases(tuple(near), text), *self._lines(text)])
        return [span for place, span in enumerate(found) if not place or span[0] >= max(e for _, e in found[:place])]

    def _lines(self, text: str) -> Iterator[Span]:
        for line in re.finditer(r"[^\n]+", text) if self.lines else ():
            if len(line[0]) <= LONGEST_LINE and _bare(line[0]) in self.lines:
                yield line.span()


def _phrases(near: tuple[Entry, ...], text: str) -> Iterator[Span]:
    if any(entry.counts for entry in near):
        yield from (found.span() for found in _compiled(near).finditer(text) if found.lastgroup == "hit")


@lru_cache(maxsize=500)
def _compiled(near: tuple[Entry, ...]) -> re.Pattern[str]:
    """Innocent phrases first: what lies in one is passed over with it."""
    hit, innocent = ("|".join(sorted({each.pattern for each in near if each.counts is counts}, key=len, reverse=True)) for counts in (True, False))  # fmt: skip
    return re.compile(f"{innocent}{'|' if innocent else ''}(?P<hit>{hit})", re.IGNORECASE)


@lru_cache(maxsize=8)
def finder_of(words: str, listed: str = "none") -> Finder:
    """Own words and a ready-made list together; UserError for an empty list."""
    own = [unicodedata.normalize("NFC", word.strip()) for word in re.split(r"[\n;；]", words) if word.strip()]
    if not own and listed == "none":
        raise UserError(
            "words: the list is empty; write at least one word, or choose a ready-made list.",
            "words：词表是空的；请至少写一个词，或选择现成词表。",
            field="words",
        )
    phrases, innocent = [*own, *ready(listed, "phrases")], ready(listed, "innocent")
    entries = (*map(_entry, phrases), *(replace(_entry(phrase), counts=False) for phrase in innocent))
    return Finder(entries, frozenset(map(_bare, ready(listed, "lines"))))


def ready(listed: str, part: str) -> list[str]:
    """The entries of a part of a ready-made list, in every language."""
    if listed == "none":
        return []
    found = yamls.read(ASSETS / "words" / f"{listed}.yaml").get(part) or {}
    return [word for words in found.values() for word in words]


def _bare(line: str) -> str:
    """A line without what stands around its words."""
    return " ".join(_EDGE.sub("", line.lower()).split())


def _entry(word: str) -> Entry:
    """Letters have borders; spaces between scripts and after commas may be there or not."""
    free, word = word.startswith("|"), " ".join(word.removeprefix("|").split())
    begin = f"(?<![{LETTER}])" if _ALPHANUMERIC.match(word[0]) else ""
    end = f"(?![{LETTER}])" if _ALPHANUMERIC.match(word[-1]) else ""
    joined = _SEAM.sub("\0", word)
    body = "".join(_LOOSE.get(char) or re.escape(char) for char in joined)
    key, *others = sorted(re.split(f"[{re.escape(''.join(_LOOSE))}]+", joined.lower()), key=len, reverse=True)
    return Entry(key, tuple(filter(None, others)), (f"(?<![{HAN}])" if free else begin) + body + end)
