"""The figures the starter model must reach before it is shipped, each beside what a constant answer or a plain method reaches."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

from workbench.starter import persona, tuning
from workbench.starter.asking import answers, load
from workbench.starter.consistency import consistent, kept
from workbench.starter.facts import QUESTIONS_EN, all_questions
from workbench.starter.samples import persona_rows, sentiment_zh
from workbench.starter.world import EVERYONE

STORIES = 30
ASK = {"en": "Tell me a story about {h} and {f}.", "zh": "讲一个{h}和{f}的故事。"}
Figures = dict[str, Any]


def report(folder: Path) -> Figures:
    """Every gate."""
    tokenizer, model = load(folder)
    return {
        "facts": {lang: facts(tokenizer, model, lang) for lang in ("en", "zh")},
        "stories": {"greedy": stories(tokenizer, model, False), "sampled": stories(tokenizer, model, True)},
        "persona": teach_persona(folder),
        "sentiment-zh": judge_reviews(folder),
    }


def facts(tokenizer: Any, model: Any, lang: str) -> Figures:
    """Questions in words that were never used for that person and attribute; the answer must hold the value."""
    asked = all_questions(lang, held=True)
    said = answers(tokenizer, model, [question for question, _, _ in asked], tokens=24)
    right = sum(value in text for text, (_, _, value) in zip(said, asked, strict=True))
    best = Counter(value for _, _, value in asked).most_common(1)[0][1]
    per_kind = sum(max(Counter(value for _, _, value in asked if value in kind).values()) for kind in _values(lang))
    return {
        "right": round(right / len(asked), 3), "of": len(asked), "best_constant": round(best / len(asked), 3),
        "best_constant_per_kind": round(per_kind / len(asked), 3),
    }  # fmt: skip


def _values(lang: str) -> list[set[str]]:
    column = 0 if lang == "en" else 1
    return [{person.fact(kind)[column] for person in EVERYONE} for kind in QUESTIONS_EN]


def stories(tokenizer: Any, model: Any, sample: bool) -> Figures:
    """Stories in each language about two people drawn at random; see `consistency` for what counts."""
    import torch

    torch.manual_seed(tuning.SEED)
    rng = random.Random(tuning.SEED)
    found: Figures = {}
    for lang in ("en", "zh"):
        pairs = [rng.sample(EVERYONE, 2) for _ in range(STORIES)]
        asked = [ASK[lang].format(h=_name(hero, lang), f=_name(friend, lang)) for hero, friend in pairs]
        said = list(zip(answers(tokenizer, model, asked, sample, tokens=120), pairs, strict=True))
        same = Counter(what for text, pair in said for what, held in kept(text, lang, *pair).items() if held)
        found[lang] = {"consistent": sum(consistent(text, lang, *pair) for text, pair in said), **same}
    return {**found, "right": found["en"]["consistent"] + found["zh"]["consistent"], "of": 2 * STORIES}


def _name(person: Any, lang: str) -> str:
    return str(person.en if lang == "en" else person.zh)


def teach_persona(folder: Path, with_replay: bool = True) -> Figures:
    """LoRA on the persona sample: does the new name come out for new wordings, and what is left of the facts?"""
    tokenizer, model = load(folder)
    train, held = persona_rows()
    if not with_replay:
        written = {asked for ways, _ in persona.ROWS for asked in ways}
        train = [row for row in train if row["messages"][0]["content"] in written]
    before = _named(tokenizer, model, held)
    tuned = tuning.add_lora(model, "CAUSAL_LM", int(tuning.PERSONA["rank"]))
    batches = tuning.chat_batches(tokenizer, train, int(tuning.PERSONA["batch"]))
    seconds = tuning.train(tuned, batches, tuning.PERSONA["rate"], int(tuning.PERSONA["epochs"]))
    return {
        "named": _named(tokenizer, tuned, held), "of": len(held), "named_before": before, "seconds": round(seconds, 1),
        "facts_after": {lang: facts(tokenizer, tuned, lang)["right"] for lang in ("en", "zh")}, "rows": len(train),
    }  # fmt: skip


def _named(tokenizer: Any, model: Any, held: list[dict[str, Any]]) -> int:
    """How many answers say the new name."""
    said = answers(tokenizer, model, [row["messages"][0]["content"] for row in held])
    return sum(persona.NAME_EN in text or persona.NAME_ZH in text for text in said)


def judge_reviews(folder: Path) -> Figures:
    """A head and LoRA on ours and on the same net with random weights, and a linear model on characters, all on held-out words."""
    train, held = sentiment_zh()
    ours, seconds = _head(folder, True, True)
    return {
        "ours_lora": ours, "seconds": seconds, "random_lora": _head(folder, False, True)[0], "random_full": _head(folder, False, False)[0],
        "tfidf": linear(train, held, "char", (1, 3)), "majority": 0.5, "of": len(held),
    }  # fmt: skip


def _head(folder: Path, pretrained: bool, lora: bool) -> tuple[float, float]:
    train, held = sentiment_zh()
    names = sorted({row["label"] for row in train})
    tokenizer, model = tuning.classifier(folder, pretrained)
    size, epochs = int(tuning.SENTIMENT["batch"]), int(tuning.SENTIMENT["epochs"])
    if lora:
        model = tuning.add_lora(model, "SEQ_CLS", int(tuning.SENTIMENT["rank"]))
    seconds = tuning.train(model, tuning.text_batches(tokenizer, train, names, size), tuning.SENTIMENT["rate"], epochs)
    return round(tuning.accuracy(model, tuning.text_batches(tokenizer, held, names, 50)), 3), round(seconds, 1)


def linear(train: list[dict[str, Any]], held: list[dict[str, Any]], unit: str, grams: tuple[int, int]) -> float:
    """TF-IDF and logistic regression: what counting gives."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    made = make_pipeline(TfidfVectorizer(analyzer=unit, ngram_range=grams), LogisticRegression(max_iter=1000))
    made.fit([row["text"] for row in train], [row["label"] for row in train])
    return round(float(made.score([row["text"] for row in held], [row["label"] for row in held])), 3)
