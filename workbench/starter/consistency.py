"""Whether a story keeps its who, what and where: it must be one that the grammar could have written.

Strict on purpose: a sentence borrowed from another plot counts as a fault even where a reader would let it pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from workbench.starter.stories import COLOURS, DAYS, EN, OBJECTS, PLACES, WEATHER, ZH
from workbench.starter.world import EVERYONE, Person

Pairs = Sequence[tuple[str, str]]


def consistent(text: str, lang: str, hero: Person, friend: Person) -> bool:
    """The two people asked for, one object, one colour, one place, the right pronouns, one plot, from start to end."""
    column = 0 if lang == "en" else 1
    choices = [_mentioned(table, column, text) for table in (OBJECTS, PLACES, COLOURS)]
    plots = (EN if lang == "en" else ZH).values()
    return any(
        _pattern(lines, lang, _words(lang, people, *values)).fullmatch(text)
        for people in ((hero, friend), (friend, hero))
        for values in product(*choices)
        for lines in plots
    )


def kept(text: str, lang: str, hero: Person, friend: Person) -> dict[str, bool]:
    """What stayed the same, one thing at a time: nobody but the two asked for, and not two objects, colours or places."""
    column = 0 if lang == "en" else 1
    names = {(person.en, person.zh)[column] for person in EVERYONE}
    named = {name for name in names if _has(text, name, lang)}
    same = {
        "object": len({pair[column] for pair in OBJECTS if _has(text.replace("图书馆", ""), pair[column], lang)}) == 1,
        "colour": len({pair[column] for pair in COLOURS if _has(text, pair[column], lang)}) == 1,
        "place": len({pair[column] for pair in PLACES if _has(text, pair[column], lang)}) == 1,
    }
    return {"people": named == {(person.en, person.zh)[column] for person in (hero, friend)}, **same}


def _has(text: str, word: str, lang: str) -> bool:
    return re.search(rf"\b{word}\b" if lang == "en" else word, text) is not None


def _mentioned(table: Pairs, column: int, text: str) -> list[str]:
    """The words of the table that the text has; any one if it has none, as a short story need not name everything."""
    return [pair[column] for pair in table if pair[column] in text] or [table[0][column]]


def _words(lang: str, people: tuple[Person, Person], thing: str, place: str, colour: str) -> dict[str, str]:
    hero, friend = people
    column, she = (0 if lang == "en" else 1), hero.he == "she"
    he = hero.he if lang == "en" else ("她" if she else "他")
    fixed = {
        "h": (hero.en, hero.zh)[column], "f": (friend.en, friend.zh)[column], "he": he, "He": he.capitalize(),
        "him": "her" if she else "him", "his": "her" if she else "his", "o": thing, "p": place, "c": colour,
    }  # fmt: skip
    days, weather = ("|".join(pair[column] for pair in table) for table in (DAYS, WEATHER))
    return {**{key: re.escape(word) for key, word in fixed.items()}, "d": f"(?:{days})", "w": f"(?:{weather})"}


def _pattern(lines: Sequence[Sequence[str]], lang: str, words: dict[str, str]) -> re.Pattern[str]:
    sentences = ("(?:" + "|".join(_fill(option, words) for option in options) + ")" for options in lines)
    return re.compile((" " if lang == "en" else "").join(sentences))


def _fill(option: str, words: dict[str, str]) -> str:
    """The template as a pattern: its own text literally, its slots as patterns."""
    parts = re.split(r"\{(\w+)\}", option)
    return "".join(words[part] if place % 2 else re.escape(part) for place, part in enumerate(parts))
