"""Short stories that keep their who, what and where from the first sentence to the last, in both languages."""

from __future__ import annotations

import random

from workbench.starter.world import EVERYONE, Person

OBJECTS = (
    ("kite", "风筝"), ("book", "书"), ("lamp", "灯"), ("hat", "帽子"), ("boat", "小船"), ("letter", "信"), ("key", "钥匙"), ("drum", "鼓"),
    ("basket", "篮子"), ("ball", "球"), ("cup", "杯子"), ("bell", "铃铛"),
)  # fmt: skip
PLACES = (
    ("the park", "公园"), ("the market", "市场"), ("the harbour", "港口"), ("the school", "学校"), ("the beach", "海滩"), ("the garden", "花园"),
    ("the library", "图书馆"), ("the bridge", "桥边"), ("the farm", "农场"), ("the theatre", "剧院"),
)  # fmt: skip
COLOURS = (
    ("red", "红色"),
    ("blue", "蓝色"),
    ("green", "绿色"),
    ("yellow", "黄色"),
    ("white", "白色"),
    ("brown", "棕色"),
)
DAYS = tuple(
    zip(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), "一二三四五六日", strict=True)
)
WEATHER = (("sunny", "晴朗"), ("windy", "刮风"), ("rainy", "下雨"), ("cold", "寒冷"), ("warm", "温暖"))
PLOTS = ("lost", "gift", "help", "share")


def story(rng: random.Random, lang: str, people: tuple[Person, Person] | None = None) -> str:
    """One story of four or five sentences."""
    words = setting(rng, lang, people)
    return told(rng, lang, rng.choice(PLOTS), words)


def setting(rng: random.Random, lang: str, people: tuple[Person, Person] | None = None) -> dict[str, str]:
    """Who, what, where and when, in the words of a language; h is the hero, f the friend."""
    hero, friend = people or tuple(rng.sample(EVERYONE, 2))
    pick = {
        "o": rng.choice(OBJECTS), "p": rng.choice(PLACES), "c": rng.choice(COLOURS), "d": rng.choice(DAYS), "w": rng.choice(WEATHER),
    }  # fmt: skip
    column = 0 if lang == "en" else 1
    he = hero.he
    return {
        "h": hero.en if lang == "en" else hero.zh, "f": friend.en if lang == "en" else friend.zh,
        "he": he if lang == "en" else {"he": "他", "she": "她"}[he], "his": "his" if he == "he" else "her",
        "He": he.capitalize(), "him": "him" if he == "he" else "her", **{key: value[column] for key, value in pick.items()},
    }  # fmt: skip


def told(rng: random.Random, lang: str, plot: str, words: dict[str, str]) -> str:
    """The sentences of a plot."""
    lines = (EN if lang == "en" else ZH)[plot]
    return (" " if lang == "en" else "").join(rng.choice(options) for options in lines).format(**words)


EN = {
    "lost": (
        ("It was a {w} {d}.", "One {w} {d}, {h} went out.", "On {d} it was {w}."),
        ("{h} lost a {c} {o} at {p}.", "{h} could not find the {c} {o} at {p}."),
        ("{He} asked {f} for help.", "{He} told {f} about it."),
        ("{f} looked everywhere and found the {c} {o}.", "{f} found the {o} under a bench at {p}."),
        ("{h} thanked {f} and was happy.", '"Thank you, {f}!" said {h}.', "{h} smiled and took the {c} {o} home."),
    ),
    "gift": (
        ("It was {f}'s birthday.", "On {d} it was {f}'s birthday."),
        ("{h} wanted to give {f} a {o}.", "{h} thought about a gift and chose a {o}."),
        ("{He} bought a {c} {o} at {p}.", "At {p} {he} found a {c} {o}."),
        ("{f} opened the box and saw the {c} {o}.", "{f} laughed when {he} brought the {c} {o}."),
        ('"I love this {o}, {h}!" said {f}.', "{f} thanked {h} for the {o}."),
    ),
    "help": (
        ("One {w} {d}, {h} was at {p}.", "{h} was at {p} on a {w} {d}."),
        ("The {c} {o} was broken.", "{h} saw that the {c} {o} was broken."),
        ("{He} did not know what to do.", "{He} was sad."),
        ("{f} came to {p} and mended the {o}.", "Then {f} came and helped {him}."),
        ("{h} and {f} were happy with the {c} {o}.", "Now the {c} {o} was like new, and {h} thanked {f}."),
    ),
    "share": (
        ("{h} and {f} met at {p} on {d}.", "On a {w} {d}, {h} met {f} at {p}."),
        ("{h} had a {c} {o}.", "{h} brought a {c} {o}."),
        ("{f} had no {o}.", "{f} liked the {o} very much."),
        ("So {h} shared the {c} {o} with {f}.", "{h} let {f} play with the {c} {o}."),
        ("They played at {p} until the evening.", "{h} and {f} had a good day at {p}."),
    ),
}
ZH = {
    "lost": (
        ("星期{d}，天气{w}。", "那是一个{w}的星期{d}。"),
        ("{h}在{p}丢了一个{c}的{o}。", "{h}在{p}找不到{c}的{o}了。"),
        ("{he}请{f}帮忙。", "{he}把这件事告诉了{f}。"),
        ("{f}到处找，找到了{c}的{o}。", "{f}在{p}的椅子下面找到了{o}。"),
        ("{h}谢谢{f}，很开心。", "“谢谢你，{f}！”{h}说。", "{h}笑了，带着{c}的{o}回家了。"),
    ),
    "gift": (
        ("今天是{f}的生日。", "星期{d}是{f}的生日。"),
        ("{h}想送{f}一个{o}。", "{h}想了想，决定送一个{o}。"),
        ("{he}在{p}买了一个{c}的{o}。", "{he}在{p}找到一个{c}的{o}。"),
        ("{f}打开盒子，看见了{c}的{o}。", "{f}看到{c}的{o}，笑了。"),
        ("“我喜欢这个{o}，{h}！”{f}说。", "{f}谢谢{h}送的{o}。"),
    ),
    "help": (
        ("一个{w}的星期{d}，{h}在{p}。", "星期{d}，{h}来到{p}。"),
        ("{c}的{o}坏了。", "{h}发现{c}的{o}坏了。"),
        ("{he}不知道怎么办。", "{he}有点难过。"),
        ("{f}来到{p}，修好了{o}。", "后来{f}来帮{he}修好了{o}。"),
        ("{h}和{f}看着{c}的{o}，都很高兴。", "{c}的{o}又像新的一样，{h}谢谢{f}。"),
    ),
    "share": (
        ("星期{d}，{h}和{f}在{p}见面。", "一个{w}的星期{d}，{h}在{p}遇见{f}。"),
        ("{h}有一个{c}的{o}。", "{h}带来了一个{c}的{o}。"),
        ("{f}没有{o}。", "{f}很喜欢这个{o}。"),
        ("{h}和{f}一起玩{c}的{o}。", "{h}把{c}的{o}分给{f}玩。"),
        ("他们在{p}玩到晚上。", "{h}和{f}在{p}过了开心的一天。"),
    ),
}
