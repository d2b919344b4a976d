"""The samples on disk are what the generator writes, and nothing in them gives the answer away."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import product
from typing import Any

import pytest

import workbench
from workbench.starter import english, persona, samples
from workbench.starter.facts import all_questions
from workbench.starter.opinions import BAD, BAD_SAYINGS, GOOD, GOOD_SAYINGS, THINGS, sayings, words
from workbench.starter.words import BAD_ZH, GOOD_ZH

REVIEWS = ("sentiment-en", "sentiment-zh")


@lru_cache
def rows(name: str, part: str) -> list[dict[str, Any]]:
    path = workbench.ASSETS / "samples" / name / f"{part}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
def test_the_files_are_what_the_generator_writes(name: str) -> None:
    for file, text in samples.files(name).items():
        assert (workbench.ASSETS / "samples" / name / file).read_bytes() == text.encode(), file


@pytest.mark.parametrize(("name", "part"), list(product(REVIEWS, ("train", "heldout"))))
def test_labels_are_balanced_and_texts_are_unique(name: str, part: str) -> None:
    counts = Counter(row["label"] for row in rows(name, part))
    assert len(counts) == 2
    assert len(set(counts.values())) == 1
    assert len({row["text"] for row in rows(name, part)}) == len(rows(name, part))


@pytest.mark.parametrize("name", REVIEWS)
def test_no_opening_or_closing_gives_the_label_away(name: str) -> None:
    opinions = {
        *GOOD_SAYINGS,
        *BAD_SAYINGS,
        *(word for table in (GOOD, BAD) for part in table.values() for word in part),
        *GOOD_ZH,
        *BAD_ZH,
    }
    labels: dict[str, list[str]] = defaultdict(list)
    for row in rows(name, "train"):
        sentences = re.findall(r"[^.!?。！？]+[.!?。！？]", row["text"])
        for sentence in {sentences[0].strip(), sentences[-1].strip()}:
            if not any(word in sentence for word in opinions):
                labels[sentence].append(row["label"])
    common = {sentence: found for sentence, found in labels.items() if len(found) >= 15}
    assert len(common) >= 8
    for sentence, found in common.items():
        assert max(Counter(found).values()) / len(found) < 0.8, sentence


def test_english_held_out_words_and_patterns_are_not_in_training_rows() -> None:
    train = " ".join(row["text"] for row in rows("sentiment-en", "train"))
    for positive in (True, False):
        held = {word for domain in THINGS for word in words(positive, domain, True)} | set(sayings(positive, True))
        assert len(held) > 30
        assert not [word for word in held if re.search(rf"\b{re.escape(word.rstrip('.'))}\b", train)]
    for pair in (english.SAY, english.DENY, english.TURN):
        assert not set(pair[0]) & set(pair[1])


def test_english_has_as_many_words_on_either_side() -> None:
    good, bad = (
        sum(map(len, table.values())) + len(said) for table, said in ((GOOD, GOOD_SAYINGS), (BAD, BAD_SAYINGS))
    )
    assert good == bad >= 120
    every = [word for table in (GOOD, BAD) for part in table.values() for word in part]
    assert len(every) == len(set(every))


def test_chinese_held_out_words_are_not_in_training_rows_and_the_other_way_round() -> None:
    assert min(len(GOOD_ZH), len(BAD_ZH)) >= 60
    assert not set(GOOD_ZH) & set(BAD_ZH)
    for part, held in (("train", True), ("heldout", False)):
        text = " ".join(row["text"] for row in rows("sentiment-zh", part))
        for positive in (True, False):
            assert not [word for word in samples.words_zh(positive, held) if word in text]


def test_persona_answers_say_the_name_and_held_out_questions_are_new() -> None:
    asked = {row["messages"][0]["content"] for row in rows("persona", "train")}
    assert len(rows("persona", "heldout")) == 16
    for row in rows("persona", "heldout"):
        question, answer = (turn["content"] for turn in row["messages"])
        assert question not in asked
        assert persona.NAME_EN in answer or persona.NAME_ZH in answer
    for ways, said in persona.ROWS:
        assert set(ways) <= asked
        assert persona.NAME_EN in said or persona.NAME_ZH in said


def test_persona_replay_holds_no_question_kept_for_the_gates() -> None:
    asked = {row["messages"][0]["content"] for row in rows("persona", "train")}
    assert not asked & {question for lang in ("en", "zh") for question, _, _ in all_questions(lang, held=True)}
