"""The training text: an endless seeded stream of documents and conversations."""

from __future__ import annotations

import random
from collections.abc import Iterator

from workbench.starter.chats import Chat, chat, story_chat
from workbench.starter.facts import ANSWERS_EN, ANSWERS_ZH, question
from workbench.starter.reviews import review
from workbench.starter.stories import story
from workbench.starter.world import EVERYONE

SEED = 20260


def stream(seed: int = SEED, stories: float = 0.0) -> Iterator[str | Chat]:
    """Documents (str) and conversations, two to three. `stories` is a share of extra ones, told or asked for."""
    rng = random.Random(seed)
    while True:
        if stories and rng.random() < stories:
            yield story(rng, rng.choice(("en", "zh"))) if rng.random() < 0.3 else story_chat(rng)
        else:
            yield chat(rng) if rng.random() < 0.66 else document(rng)


def document(rng: random.Random) -> str:
    """A story, a portrait of a person, or one or two reviews."""
    lang, kind = rng.choice(("en", "zh")), rng.random()
    if kind < 0.35:
        return story(rng, lang)
    if kind < 0.5:
        return portrait(rng, lang)
    return review(rng, lang, rng.random() < 0.5)


def portrait(rng: random.Random, lang: str) -> str:
    """What is true of one person, in any order."""
    person = rng.choice(EVERYONE)
    attributes = list(ANSWERS_EN if lang == "en" else ANSWERS_ZH)
    rng.shuffle(attributes)
    return (" " if lang == "en" else "").join(question(person, attribute, 0, lang)[1] for attribute in attributes[:4])
