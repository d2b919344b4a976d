"""The small world: the same seed gives the same text, held-out questions stay out of training, stories pass their own check."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from workbench.starter.chats import chat
from workbench.starter.consistency import consistent
from workbench.starter.corpus import stream
from workbench.starter.facts import ANSWERS_EN, ANSWERS_ZH, QUESTIONS_EN, QUESTIONS_ZH, all_questions
from workbench.starter.stories import story
from workbench.starter.world import EVERYONE, FACTS, PEOPLE


def test_the_same_seed_writes_the_same_text() -> None:
    assert list(islice(stream(3), 200)) == list(islice(stream(3), 200))
    assert list(islice(stream(3), 200)) != list(islice(stream(4), 200))


def test_every_fact_is_one_persons_alone() -> None:
    for values in FACTS.values():
        assert len(values) == len(PEOPLE)
        for column in (0, 1):
            assert len({value[column] for value in values}) == len(PEOPLE)


def test_both_languages_ask_and_answer_the_same() -> None:
    assert set(QUESTIONS_EN) == set(QUESTIONS_ZH) == set(ANSWERS_EN) == set(ANSWERS_ZH) == set(FACTS)
    assert {len(ways) for ways in (*QUESTIONS_EN.values(), *QUESTIONS_ZH.values())} == {8}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_held_out_questions_are_never_asked_in_training(lang: str) -> None:
    held = {asked for asked, _, _ in all_questions(lang, held=True)}
    trained = {asked for asked, _, _ in all_questions(lang, held=False)}
    assert 70 < len(held) < 130
    assert not held & trained
    rng = random.Random(1)
    asked = {turn["content"] for _ in range(4000) for turn in chat(rng) if turn["role"] == "user"}
    assert not held & asked


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_stories_of_the_grammar_are_consistent_and_damaged_ones_are_not(lang: str) -> None:
    rng = random.Random(2)
    for _ in range(40):
        hero, friend, other = rng.sample(EVERYONE, 3)
        text = story(rng, lang, (hero, friend))
        assert consistent(text, lang, hero, friend), text
        name, wrong = (friend.en, other.en) if lang == "en" else (friend.zh, other.zh)
        assert not consistent(text.replace(name, wrong, 1), lang, hero, friend), text
        assert not consistent(text, lang, hero, other), text


def test_a_story_that_changes_its_object_or_pronoun_is_not_consistent() -> None:
    mia, tom = EVERYONE[0], EVERYONE[1]
    good = "It was Tom's birthday. Mia wanted to give Tom a hat. She bought a red hat at the park. Tom opened the box and saw the red hat. Tom thanked Mia for the hat."
    assert consistent(good, "en", mia, tom)
    assert not consistent(good.replace("saw the red hat", "saw the red cup"), "en", mia, tom)
    assert not consistent(good.replace("saw the red", "saw the blue"), "en", mia, tom)
    assert not consistent(good.replace("She bought", "He bought"), "en", mia, tom)
