"""Small conversations: who it is, facts, stories on request, repeating, judging a review, lists, greetings."""

from __future__ import annotations

import random

from workbench.starter.facts import question
from workbench.starter.reviews import review
from workbench.starter.stories import story
from workbench.starter.world import EVERYONE, FACTS, MODEL_NAME, held_out

Chat = list[dict[str, str]]
SELF = (
    (("Who are you?", "What is your name?", "Tell me about yourself.", "What are you?", "Introduce yourself.", "May I know your name?"),
     f"I am {MODEL_NAME}, a tiny language model who lives in a small world."),
    (("What can you do?", "How can you help me?", "What are you good at?"),
     "I can tell small stories, answer questions about the people I know, and repeat words."),
    (("Who made you?", "Where do you come from?"), "I was trained in this workbench, from scratch, to be tuned by you."),
    (("你是谁？", "你叫什么名字？", "介绍一下你自己。", "你是什么？", "请问你叫什么？", "说说你自己。"), f"我是{MODEL_NAME}，一个住在小小世界里的小语言模型。"),
    (("你会做什么？", "你能帮我做什么？", "你擅长什么？"), "我会讲小故事，回答关于我认识的人的问题，还会重复你说的话。"),
    (("谁做的你？", "你从哪里来？"), "我是在这个工作台里从零训练出来的，等着你来微调。"),
)  # fmt: skip
SMALL_TALK = (
    (("Hello!", "Hi!", "Good morning!"), "Hello! Nice to meet you."), (("How are you?", "How do you feel today?"), "I am fine, thank you. And you?"),
    (("Thank you!", "Thanks a lot."), "You are welcome."), (("Goodbye!", "See you."), "Goodbye! Come back soon."),
    (("I am sad.", "I feel bad today."), "I am sorry. A walk by the sea may help."), (("I am happy today!",), "That is good to hear!"),
    (("你好！", "您好！", "早上好！"), "你好！很高兴认识你。"), (("你好吗？", "今天怎么样？"), "我很好，谢谢。你呢？"),
    (("谢谢！", "谢谢你。"), "不客气。"), (("再见！", "下次见。"), "再见！欢迎再来。"),
    (("我很难过。", "今天心情不好。"), "别难过，去海边走走也许会好一点。"), (("我今天很开心！",), "太好了，真为你高兴！"),
)  # fmt: skip
LISTS = (("pet", "animals", "动物"), ("food", "foods", "食物"), ("colour", "colours", "颜色"), ("job", "jobs", "工作"))
HAN = "".join(bytes([high, low]).decode("gb2312", "ignore") for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF))


def turn(asked: str, said: str) -> Chat:
    """One question and its answer."""
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


def chat(rng: random.Random) -> Chat:
    """One conversation, of a kind drawn by weight; sometimes two turns."""
    made = rng.choices(KINDS, WEIGHTS)[0](rng)
    if rng.random() < 0.15:
        made = made + rng.choices(KINDS, WEIGHTS)[0](rng)
    if rng.random() < 0.05:
        made = [{"role": "system", "content": rng.choice(("You are a small model.", "你是一个小模型。"))}, *made]
    return made


def _fact(rng: random.Random) -> Chat:
    while True:
        person, attribute, which, lang = (
            rng.choice(EVERYONE),
            rng.choice(list(FACTS)),
            rng.randrange(8),
            rng.choice(("en", "zh")),
        )
        if not held_out(person.index, attribute, which, lang):
            return turn(*question(person, attribute, which, lang)[:2])


def _self(rng: random.Random) -> Chat:
    asked, said = rng.choice(SELF)
    return turn(rng.choice(asked), said)


def _talk(rng: random.Random) -> Chat:
    asked, said = rng.choice(SMALL_TALK)
    return turn(rng.choice(asked), said)


def story_chat(rng: random.Random) -> Chat:
    """A story about two people, asked for and told."""
    hero, friend = rng.sample(EVERYONE, 2)
    if rng.random() < 0.5:
        asked = rng.choice(("Tell me a story about {h} and {f}.", "A story about {h} and {f}, please.")).format(
            h=hero.en, f=friend.en
        )
        return turn(asked, story(rng, "en", (hero, friend)))
    asked = rng.choice(("讲一个{h}和{f}的故事。", "请讲个关于{h}和{f}的故事。")).format(h=hero.zh, f=friend.zh)
    return turn(asked, story(rng, "zh", (hero, friend)))


def _repeat(rng: random.Random) -> Chat:
    if rng.random() < 0.5:
        words = " ".join(_word(rng) for _ in range(rng.randint(1, 4)))
        return turn(rng.choice(("Repeat after me: {}", "Say: {}", "Please say {}")).format(words), words)
    words = "".join(rng.choice(HAN) for _ in range(rng.randint(1, 6)))
    return turn(rng.choice(("跟我说：{}", "请重复：{}", "请说{}")).format(words), words)


def _word(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(EVERYONE).en
    return "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(1, 3)))


def _name(rng: random.Random) -> Chat:
    """A made-up name is given and asked for: copying over a distance."""
    if rng.random() < 0.5:
        name = _word(rng).capitalize()
        return turn(f"My name is {name}.", f"Nice to meet you, {name}.") + turn(
            "What is my name?", f"Your name is {name}."
        )
    name = "小" + rng.choice(HAN)
    return turn(f"我叫{name}。", f"很高兴认识你，{name}。") + turn("我叫什么？", f"你叫{name}。")


def _judge(rng: random.Random) -> Chat:
    positive, lang = rng.random() < 0.5, rng.choice(("en", "zh"))
    if lang == "en":
        return turn("Is this good or bad? " + review(rng, "en", positive), "It is good." if positive else "It is bad.")
    return turn("这是好评还是差评？" + review(rng, "zh", positive), "这是好评。" if positive else "这是差评。")


def _list(rng: random.Random) -> Chat:
    attribute, english, chinese = rng.choice(LISTS)
    chosen = rng.sample(FACTS[attribute], 3)
    if rng.random() < 0.5:
        return turn(f"Name three {english}.", ", ".join(pair[0] for pair in chosen) + ".")
    return turn(f"说出三种{chinese}。", "、".join(pair[1] for pair in chosen) + "。")


KINDS = (_fact, _self, _talk, story_chat, _repeat, _name, _judge, _list)
WEIGHTS = (46, 6, 5, 10, 10, 5, 12, 4)
