"""Reviews whose judgement stays the same from the first sentence to the last; openings and endings say nothing about it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from workbench.starter.words import BAD_EN, BAD_ZH, GOOD_EN, GOOD_ZH, THINGS_EN, THINGS_ZH

OPEN_ZH = (
    "上周去的。",
    "朋友推荐的。",
    "第一次来。",
    "买了一个月了。",
    "周末和家人一起。",
    "看了两遍。",
    "随便选的。",
    "",
)
END_ZH = ("写给大家参考。", "就说这些。", "以上是我的感受。", "供参考。", "")
OPEN_EN = (
    "We went last week.",
    "A friend told me about it.",
    "It was my first time.",
    "I have had it for a month.",
    "I came with my family.",
    "",
)
END_EN = ("That is my view.", "Just so you know.", "This is what I saw.", "So much for today.", "")
SAY_ZH = (
    "{t}很{a}",
    "{t}非常{a}",
    "{t}真{a}",
    "{t}特别{a}",
    "{t}有点{a}",
    "觉得{t}{a}",
    "{t}挺{a}的",
    "{t}让人觉得{a}",
)
SAY_EN = (
    "the {t} was {a}",
    "the {t} is really {a}",
    "I found the {t} {a}",
    "the {t} felt {a}",
    "what a {a} {t}",
    "the {t} seemed very {a}",
    "a {a} {t}",
)
TWIST_ZH = ("虽然{t}{b}，但是总的来说{a}", "{t}是{b}了些，不过整体{a}")
TWIST_EN = ("the {t} was {b}, but all in all it was {a}", "although the {t} was {b}, the whole was {a}")


def review(
    rng: random.Random, lang: str, positive: bool, words: tuple[Sequence[str], Sequence[str]] | None = None
) -> str:
    """One review. `words` = (good, bad) may narrow the opinion words (samples hold some out)."""
    good, bad = words or ((GOOD_ZH, BAD_ZH) if lang == "zh" else (GOOD_EN, BAD_EN))
    same, other = (good, bad) if positive else (bad, good)
    topic, things = rng.choice(list((THINGS_ZH if lang == "zh" else THINGS_EN).items()))
    parts = [_say(rng, lang, thing, rng.choice(same)) for thing in rng.sample(things, rng.randint(1, 3))]
    if rng.random() < 0.25:
        twist = rng.choice(TWIST_ZH if lang == "zh" else TWIST_EN)
        parts.append(twist.format(t=rng.choice(things), b=rng.choice(other), a=rng.choice(same)))
    return _chinese(rng, topic, parts) if lang == "zh" else _english(rng, topic, parts)


def _say(rng: random.Random, lang: str, thing: str, word: str) -> str:
    return rng.choice(SAY_ZH if lang == "zh" else SAY_EN).format(t=thing, a=word)


def _chinese(rng: random.Random, topic: str, parts: list[str]) -> str:
    start = rng.choice((f"这{topic}：", f"说说这{topic}。", "")) if topic else ""
    return rng.choice(OPEN_ZH) + start + "，".join(parts) + "。" + rng.choice(END_ZH)


def _english(rng: random.Random, topic: str, parts: list[str]) -> str:
    sentences = [part[0].upper() + part[1:] + "." for part in parts]
    start = rng.choice((f"About this {topic}.", f"The {topic}:", ""))
    return " ".join(piece for piece in (rng.choice(OPEN_EN), start, *sentences, rng.choice(END_EN)) if piece)
