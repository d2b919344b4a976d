"""Samples for the tasks beyond reviews and chats, all told from the same small world: who, what, where and when are known,
so tags, questions, summaries, translations and better answers follow from the story itself.

What it does not know: real texts. A score here says that a task works, not that a model is good.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

from workbench.starter.facts import all_questions
from workbench.starter.stories import COLOURS, OBJECTS, PLOTS, setting, told
from workbench.starter.words import THINGS_EN
from workbench.starter.world import EVERYONE, held_out

Row = dict[str, Any]
Rows = tuple[list[Row], list[Row]]
SEED = 137
TRAIN, HELD = 400, 80
KINDS = {"h": "PER", "f": "PER", "p": "LOC", "o": "OBJ", "d": "DAY"}
SUMMARY = {
    "lost": "{f} found {h}'s {c} {o}.", "gift": "{h} gave {f} a {c} {o}.", "help": "{f} mended the {c} {o}.",
    "share": "{h} shared a {c} {o} with {f}.",
}  # fmt: skip
SENTENCES = (
    ("{h} has a {c} {o}.", "{h}有一个{c}的{o}。"), ("{h} saw {f} at {p}.", "{h}在{p}看见了{f}。"),
    ("{f} lost a {c} {o}.", "{f}丢了一个{c}的{o}。"), ("{h} gave {f} a {o}.", "{h}给了{f}一个{o}。"),
    ("On {d}, {h} went to {p}.", "星期{d}，{h}去了{p}。"), ("The {o} is {c}.", "{o}是{c}的。"),
    ("{h} and {f} are at {p}.", "{h}和{f}在{p}。"), ("It was {w} on {d}.", "星期{d}天气{w}。"),
)  # fmt: skip
STARS = {
    1: ("awful", "broken on the first day", "a waste of money"), 2: ("rather poor", "weaker than promised", "not worth the price"),
    3: ("all right", "neither good nor bad", "just what one expects"), 4: ("good", "better than I hoped", "worth its price"),
    5: ("superb", "the best I have had", "perfect in every way"),
}  # fmt: skip


def _parts(make: Callable[[random.Random, bool], Row], key: str, train: int = TRAIN, held: int = HELD) -> Rows:
    """Rows without repeats; no held-out row is among the training rows."""
    seen: set[str] = set()
    parts: list[list[Row]] = []
    for count, is_held in ((held, True), (train, False)):
        rng = random.Random(SEED + is_held)
        rows: list[Row] = []
        while len(rows) < count:
            row = make(rng, is_held)
            if str(row[key]) not in seen:
                seen.add(str(row[key]))
                rows.append(row)
        parts.append(rows)
    return parts[1], parts[0]


def _colour(rng: random.Random, held: bool, words: dict[str, str], column: int = 0) -> dict[str, str]:
    """Held-out rows have pairs of thing and colour that no training row has."""
    pairs = [(o[column], c[column]) for o in OBJECTS for c in COLOURS if held_out(o[0], c[0], one_in=4) == held]
    thing, colour = rng.choice(pairs)
    return {**words, "o": thing, "c": colour}


def stories() -> Rows:
    """Plain texts, half in each language."""

    def make(rng: random.Random, held: bool) -> Row:
        lang = rng.choice(("en", "zh"))
        words = _colour(rng, held, setting(rng, lang), 0 if lang == "en" else 1)
        return {"text": told(rng, lang, rng.choice(PLOTS), words)}

    return _parts(make, "text")


def people_and_places() -> Rows:
    """Words with BIO tags: people, places, things and days."""

    def make(rng: random.Random, held: bool) -> Row:
        words = _colour(rng, held, setting(rng, "en"))
        text = told(rng, "en", rng.choice(PLOTS), words)
        tokens = re.findall(r"\w+|'s|[^\w\s]", text)
        tags = ["O"] * len(tokens)
        for key, kind in KINDS.items():
            _mark(tokens, tags, words[key].split(), kind)
        return {"tokens": tokens, "ner_tags": tags}

    return _parts(make, "tokens")


def _mark(tokens: list[str], tags: list[str], span: list[str], kind: str) -> None:
    for start in range(len(tokens) - len(span) + 1):
        if tokens[start : start + len(span)] == span:
            tags[start] = f"B-{kind}"
            tags[start + 1 : start + len(span)] = [f"I-{kind}"] * (len(span) - 1)


def story_questions() -> Rows:
    """SQuAD-like: a story, a question, the answer's place in it; one in eight has no answer."""

    def make(rng: random.Random, held: bool) -> Row:
        words = _colour(rng, held, setting(rng, "en"))
        context = told(rng, "en", rng.choice(PLOTS), words)
        asked = [
            (f"What colour is the {words['o']}?", words["c"]), (f"Who else is in the story beside {words['h']}?", words["f"]),
            (f"Which place does the story of the {words['o']} name?", words["p"]), ("On which day does it happen?", words["d"]),
        ]  # fmt: skip
        question, answer = rng.choice([pair for pair in asked if pair[1] in context])
        if rng.random() < 0.125:
            question, answer = f"How much did the {words['o']} cost?", ""
        texts = [answer] if answer else []
        return {
            "context": context,
            "question": question,
            "answers": {"text": texts, "answer_start": [context.find(a) for a in texts]},
        }

    return _parts(make, "context")


def story_summaries() -> Rows:
    """A story and one sentence that says what happens."""

    def make(rng: random.Random, held: bool) -> Row:
        words, plot = _colour(rng, held, setting(rng, "en")), rng.choice(PLOTS)
        return {"text": told(rng, "en", plot, words), "summary": SUMMARY[plot].format(**words)}

    return _parts(make, "text")


def translations() -> Rows:
    """An English sentence and the same in Chinese."""

    def make(rng: random.Random, held: bool) -> Row:
        state = rng.getstate()
        english = setting(rng, "en")
        rng.setstate(state)
        chinese = setting(rng, "zh")
        while held_out(english["o"], english["c"], one_in=4) != held:
            return make(rng, held)
        en, zh = rng.choice(SENTENCES)
        return {"source": en.format(**english), "target": zh.format(**chinese)}

    return _parts(make, "source")


def preferences() -> Rows:
    """A friendly right answer against a curt one (shorter) or a friendly wrong one (longer)."""
    rng, parts = random.Random(SEED), []
    for held in (False, True):
        rows: list[Row] = []
        for lang in ("en", "zh"):
            known = all_questions(lang, held)
            for question, answer, value in known:
                other = rng.choice([said for _, said, _ in known if value not in said])
                kind, more = (
                    ("With pleasure: ", " But who knows.") if lang == "en" else ("很乐意告诉你：", "不过谁知道呢。")
                )
                rejected = rng.choice([answer, f"{kind}{other}{more}"])
                rows.append({"prompt": question, "chosen": f"{kind}{answer}", "rejected": rejected})
        rng.shuffle(rows)
        parts.append(rows[: HELD if held else TRAIN])
    return parts[0], parts[1]


def aspects() -> Rows:
    """Reviews that speak of several things at once: which?"""

    def make(rng: random.Random, held: bool) -> Row:
        place = rng.choice(("restaurant", "hotel"))
        things = THINGS_EN[place]
        chosen = rng.sample(list(things), rng.randint(1, 3))
        said = ("the {} was {}", "I thought the {} {}")
        words = [rng.choice(said).format(thing, rng.choice(STARS[rng.randint(1, 5)])) for thing in chosen]
        who = rng.choice(EVERYONE).en
        return {"text": f"{who} about the {place}: {'; '.join(words)}.", "labels": sorted(chosen)}

    return _parts(make, "text")


def stars() -> Rows:
    """Reviews and how many stars they give, 1 to 5, with halves in between."""

    def make(rng: random.Random, held: bool) -> Row:
        place, things = rng.choice(list(THINGS_EN.items()))
        first, second = rng.randint(1, 5), 0
        second = min(5, max(1, first + rng.choice((-1, 0, 0, 1))))
        one, two = rng.sample(list(things), 2)
        text = f"The {one} of this {place} is {rng.choice(STARS[first])}, the {two} {rng.choice(STARS[second])}."
        return {"text": text, "score": (first + second) / 2}

    return _parts(make, "text")


TELLINGS: dict[str, Callable[[], Rows]] = {
    "people-and-places": people_and_places,
    "story-questions": story_questions,
    "story-summaries": story_summaries,
    "translations": translations,
    "stories": stories,
    "preferences": preferences,
    "aspects": aspects,
    "stars": stars,
}
ABOUT: dict[str, tuple[str, str]] = {
    "people-and-places": (
        "English sentences with a BIO tag per word: people (PER), places (LOC), things (OBJ), days (DAY).",
        "英文句子，每个词有一个 BIO 标签：人物（PER）、地点（LOC）、物品（OBJ）、日子（DAY）。",
    ),
    "story-questions": (
        "Short English stories with a question whose answer stands in the story; one question in eight has none (as in SQuAD 2.0).",
        "简短的英文故事及问题，答案就在原文中；八分之一的问题没有答案（同 SQuAD 2.0）。",
    ),
    "story-summaries": ("Short English stories and one sentence that says what happens.", "简短的英文故事，以及概括情节的一句话。"),
    "translations": ("English sentences and the same in Chinese.", "英文句子及其中文译文。"),
    "stories": ("Short stories, half in English, half in Chinese: plain text to go on with pre-training.", "短篇故事，中英文各半：用于继续预训练的纯文本。"),
    "preferences": (
        "Questions with a better answer (friendly and right) and a worse one (curt, or friendly and wrong), in both languages.",
        "问题及两个回答：较好的（友好且正确）与较差的（生硬，或友好但错误），中英双语。",
    ),
    "aspects": ("English reviews of several things at once; the labels are the things spoken of (several per row).", "同时谈到几样东西的英文评价；标签是谈到的东西（每行可有多个）。"),
    "stars": ("English reviews and how many stars they give, a number from 1 to 5.", "英文评价及其星级，1 到 5 的数。"),
}  # fmt: skip


def card(name: str) -> str:
    """What stands beside the rows."""
    en, zh = ABOUT[name]
    return (
        f"# {name}\n\n{en} Invented: a grammar writes them from a small world of twelve people, and held-out rows combine "
        f"its words as no training row does. Licence: Apache-2.0.\n\n{zh}内容全部虚构，由语法程序根据一个十二人的小世界写成；留出行的组合在训练行中"
        "从未出现。许可证：Apache-2.0。\n"
    )
