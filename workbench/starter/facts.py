"""Questions about the people, many ways to ask each, in both languages."""

from __future__ import annotations

from workbench.starter.world import EVERYONE, Person, held_out

QUESTIONS_EN: dict[str, tuple[str, ...]] = {
    "job": ("What is {n}'s job?", "What does {n} do for a living?", "What work does {n} do?", "Tell me what {n}'s job is.",
            "Do you know what job {n} has?", "What kind of work is {n}'s?", "{n}'s job?", "Can you say what {n} works as?"),
    "home": ("Where does {n} live?", "Where is {n}'s home?", "Do you know where {n} lives?", "Tell me where {n} lives.",
             "In what place does {n} live?", "Where can I find {n}'s house?", "{n}'s home?", "Can you say where {n}'s home is?"),
    "pet": ("What pet does {n} have?", "What animal does {n} keep?", "Does {n} have a pet?", "Tell me about {n}'s pet.",
            "Which animal lives with {n}?", "Do you know {n}'s pet?", "{n}'s pet?", "Can you say what pet {n} keeps?"),
    "food": ("What does {n} like to eat?", "What is {n}'s favourite food?", "Which food does {n} love?", "Tell me {n}'s favourite food.",
             "What food makes {n} happy?", "Do you know what {n} likes to eat?", "{n}'s favourite food?", "Can you say what food {n} loves?"),
    "colour": ("What is {n}'s favourite colour?", "Which colour does {n} like?", "What colour does {n} love most?", "Tell me {n}'s favourite colour.",
               "Do you know which colour {n} likes?", "Which colour is {n}'s favourite?", "{n}'s favourite colour?", "Can you say what colour {n} likes?"),
    "hobby": ("What does {n} like to do?", "What is {n}'s hobby?", "What does {n} do for fun?", "Tell me {n}'s hobby.",
              "Do you know what {n} enjoys?", "How does {n} spend free time?", "{n}'s hobby?", "Can you say what {n} does for fun?"),
}  # fmt: skip
ANSWERS_EN = {
    "job": "{n} is a {v}.", "home": "{n} lives {v}.", "pet": "{n} has a {v}.", "food": "{n} likes {v}.",
    "colour": "{n}'s favourite colour is {v}.", "hobby": "{n} likes {v}.",
}  # fmt: skip
QUESTIONS_ZH: dict[str, tuple[str, ...]] = {
    "job": ("{n}是做什么的？", "{n}的工作是什么？", "{n}做什么工作？", "告诉我{n}的工作。", "你知道{n}是做什么的吗？", "{n}的职业是什么？", "{n}的工作呢？", "请问{n}做什么工作？"),
    "home": ("{n}住在哪里？", "{n}的家在哪儿？", "你知道{n}住在哪里吗？", "告诉我{n}住在哪儿。", "{n}家在什么地方？", "在哪里能找到{n}的家？", "{n}的家呢？", "请问{n}住在什么地方？"),
    "pet": ("{n}养了什么宠物？", "{n}有什么动物？", "{n}养宠物吗？", "告诉我{n}的宠物。", "什么动物和{n}住在一起？", "你知道{n}的宠物吗？", "{n}的宠物呢？", "请问{n}养什么？"),
    "food": ("{n}喜欢吃什么？", "{n}最爱的食物是什么？", "{n}爱吃什么？", "告诉我{n}爱吃什么。", "什么食物让{n}开心？", "你知道{n}喜欢吃什么吗？", "{n}爱吃的呢？", "请问{n}最喜欢吃什么？"),
    "colour": ("{n}喜欢什么颜色？", "{n}最喜欢的颜色是什么？", "{n}爱什么颜色？", "告诉我{n}喜欢的颜色。", "你知道{n}喜欢哪种颜色吗？", "哪种颜色是{n}最爱的？", "{n}喜欢的颜色呢？", "请问{n}最爱什么颜色？"),
    "hobby": ("{n}喜欢做什么？", "{n}的爱好是什么？", "{n}有空的时候做什么？", "告诉我{n}的爱好。", "你知道{n}喜欢做什么吗？", "{n}平时怎么玩？", "{n}的爱好呢？", "请问{n}的爱好是什么？"),
}  # fmt: skip
ANSWERS_ZH = {
    "job": "{n}是{v}。", "home": "{n}住在{v}。", "pet": "{n}养了{v}。", "food": "{n}喜欢吃{v}。",
    "colour": "{n}最喜欢的颜色是{v}。", "hobby": "{n}喜欢{v}。",
}  # fmt: skip


def question(person: Person, attribute: str, which: int, lang: str) -> tuple[str, str, str]:
    """(question, answer, the value that the answer must contain)."""
    english = lang == "en"
    asked = (QUESTIONS_EN if english else QUESTIONS_ZH)[attribute][which]
    said = (ANSWERS_EN if english else ANSWERS_ZH)[attribute]
    name, value = (person.en, person.fact(attribute)[0]) if english else (person.zh, person.fact(attribute)[1])
    if english and attribute == "job" and value[0] in "aeiou":
        said = said.replace(" a ", " an ")
    return asked.format(n=name), said.format(n=name, v=value), value


def all_questions(lang: str, held: bool) -> list[tuple[str, str, str]]:
    """Every question that is (or is not) held out of training, chosen by hash of (person, attribute, way of asking)."""
    return [
        question(person, attribute, which, lang)
        for person in EVERYONE
        for attribute in QUESTIONS_EN
        for which in range(8)
        if held_out(person.index, attribute, which, lang) == held
    ]
