"""Rows in another language, told by their script, and languages of one script by the small words and letters they use most.

What it does not know: languages without a list below, which count as the one they share most words with.
"""

from __future__ import annotations

import re
from collections import Counter
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
WORDS = {
    "en": "a the of and to in is it that was for you with on as are this be at not have but they from what his her which there we my your an will would can has had i so if do",
    "fr": "a le la les de des du et est un une que qui dans pour pas sur avec ce cette il elle je nous vous au aux mais plus ne se sont par son sa ses on en c d l j ai tout",
    "de": "der die das und ist nicht ein eine einen zu den dem mit von auf für ich sie wir es im auch sich des wie aber als war bei nur noch sehr oder hat haben kann so am",
    "es": "a el la los las de del y que en es un una por con para no se su lo como más pero al está muy me mi fue esta este son yo todo hay ya también qué cuando",
    "pt": "o a os as de do da dos das e que em é um uma por com para não se seu sua no na como mais mas ao está muito eu foi são você isso também ele ela já à",
    "it": "a il lo la gli le di del della e che in è un una per con non si sono da come più ma al molto mi questo questa ho anche ha nel alla era dei i c ci",
    "nl": "de het een en van is niet dat in op te zijn met voor ik je we er maar aan ook als om hij ze was heeft naar dit die bij wat nog deze heel",
    "id": "yang dan di ini itu dengan untuk tidak dari ke pada adalah saya anda dalam akan ada juga bisa sudah kami mereka sangat oleh atau karena lebih kita",
    "tr": "ve bir bu da de için çok ile ne ben sen o değil daha var gibi olarak ama en mi kadar sonra olan şey her biz ki yok",
    "vi": "là và của có không một được các cho tôi này với trong người những đã rất bạn thì khi đó như cũng từ để nhưng",
    "ru": "и в не на что я с он как это по но они мы к у за из о так же для его она был очень от бы меня вы все",
    "uk": "і в не на що я з він як це по але вони ми до у за із та так же для його вона був дуже від мене ви є й все",
}  # fmt: skip
LETTERS = {
    "vi": "ăđơưạảấầẩậắằặẹẻếềểễệịọốồổộớờợụủứừửữự",
    "de": "ßäöü",
    "es": "ñ¿¡",
    "pt": "ãõ",
    "tr": "ığşçöü",
    "fr": "œêç",
    "uk": "іїєґ",
    "ru": "ыэъё",
}
_KNOWN = {language: frozenset(words.split()) for language, words in WORDS.items()}
_WORD = re.compile(r"[^\W\d_]+")


class LanguageFilterSection(StepSection):
    """Which script stays."""

    kind: str = "language_filter"
    keep: str = knob(
        "zh",
        Text("Keep", "保留"),
        Text("Rows that are mostly in this script or language. Rows too short to tell the language by stay.", "以此文字或语言为主的行。太短而无法判断语言的行会保留。"),
        choices=(
            ("zh", Text("Chinese", "中文")), ("latin", Text("Latin letters (English …)", "拉丁字母（英文等）")), ("ja", Text("Japanese", "日文")),
            ("en", Text("English", "英文")), ("fr", Text("French", "法文")), ("de", Text("German", "德文")), ("es", Text("Spanish", "西班牙文")),
            ("pt", Text("Portuguese", "葡萄牙文")), ("it", Text("Italian", "意大利文")), ("nl", Text("Dutch", "荷兰文")),
            ("id", Text("Indonesian", "印尼文")), ("tr", Text("Turkish", "土耳其文")), ("vi", Text("Vietnamese", "越南文")),
            ("ru", Text("Russian", "俄文")), ("uk", Text("Ukrainian", "乌克兰文")),
            ("ko", Text("Korean", "韩文")), ("cyrillic", Text("Cyrillic", "西里尔字母")), ("arabic", Text("Arabic", "阿拉伯文")),
        ),
    )  # fmt: skip


@CLEANING.add
class LanguageFilter(Step):
    """Keep one script or language."""

    kind = "language_filter"
    order = 14
    label = Text("Language filter", "语言筛选")
    help = Text(
        "Keeps rows that are mostly in one script or language; rows without letters stay.",
        "保留以某种文字或语言为主的行；没有字母的行会保留。",
    )
    section = LanguageFilterSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """By the script most words are in, or their language."""
        columns, told = view.named(section), language if section.keep in WORDS else script

        def judged(row: Row) -> Row | Text:
            found = told(view.text_of(row, columns))
            return row if found in ("", section.keep) else Text(f"mostly {found}", f"主要是 {found}")

        return Outcome([judged(row) for row in rows])


def script(text: str) -> str:
    """The script of most words; "" without letters. Kana makes it Japanese, even among many Chinese characters."""
    counts = {name: len(pattern.findall(text)) for name, pattern in SCRIPTS.items()}
    if counts["ja"] * 4 >= counts["zh"] and counts["ja"]:
        counts["ja"] += counts.pop("zh")
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""


def language(text: str) -> str:
    """The language of a text in Latin or Cyrillic letters; its script where that is another one; "" when it cannot be told."""
    found = script(text)
    if found not in ("latin", "cyrillic"):
        return found
    said, letters = Counter(_WORD.findall(text.lower())), Counter(text.lower())
    mine = [name for name in WORDS if (name in ("ru", "uk")) == (found == "cyrillic")]
    score = {
        name: sum(said[word] for word in _KNOWN[name]) + sum(letters[letter] for letter in LETTERS.get(name, "")) / 2
        for name in mine
    }
    best, next_best = sorted(mine, key=lambda name: -score[name])[:2]
    return best if score[best] > score[next_best] else ""
