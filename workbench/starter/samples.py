"""The sample datasets: made from the grammar by a fixed seed, so that the files on disk can be made again byte for byte.

What it does not know: real reviews. These are invented, and regular enough to be learned in a minute.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench import ASSETS
from workbench.core.files import atomic
from workbench.starter import persona, reviews
from workbench.starter.cards import CARDS
from workbench.starter.chats import Chat, chat, turn
from workbench.starter.english import Writer
from workbench.starter.fitting import fitting
from workbench.starter.tellings import TELLINGS, card
from workbench.starter.words import BAD_ZH, GOOD_ZH, THINGS_ZH
from workbench.starter.world import MODEL_NAME, held_out

Row = dict[str, Any]
SEED = 71
TRAIN, HELD, REPLAY = 900, 200, 60
LABELS_EN = {True: "positive", False: "negative"}
LABELS_ZH = {True: "正面", False: "负面"}
OPEN_ZH = (*reviews.OPEN_ZH, "下雨天去的。", "等了很久才写。", "")
# "有点" is left out: it goes with complaints only, and would give the label away.
SAY_ZH = tuple(text for text in reviews.SAY_ZH if "有点" not in text)


def words_zh(positive: bool, held: bool, topic: str | None = None) -> list[str]:
    """The Chinese opinion words of one side that are (or are not) kept for the held-out rows: half and half."""
    every = fitting(topic, positive) if topic else (GOOD_ZH if positive else BAD_ZH)
    return [word for word in every if held_out("sentiment-zh", word, one_in=2) == held]


def review_en(rng: random.Random, positive: bool, held: bool) -> str:
    """One English review."""
    return Writer(rng, positive, held).review()[0]


def review_zh(rng: random.Random, positive: bool, held: bool) -> str:
    """One Chinese review, in the wording that the starter model has seen."""
    topic, things = rng.choice(list(THINGS_ZH.items()))
    same, other = words_zh(positive, held, topic), words_zh(not positive, held, topic)
    chosen = rng.sample(things, rng.randint(1, 3))
    parts = [rng.choice(SAY_ZH).format(t=thing, a=rng.choice(same)) for thing in chosen]
    if rng.random() < 0.25:
        twist = rng.choice(reviews.TWIST_ZH)
        parts.append(twist.format(t=rng.choice(things), b=rng.choice(other), a=rng.choice(same)))
    start = rng.choice((f"说说这{topic}。", f"这次说的是{topic}。", ""))
    # It ends in the judgement: the head of a causal model reads the state of the last token, and nothing but that.
    return rng.choice(OPEN_ZH) + start + "，".join(parts) + "。"


def _reviews(write: Callable[[random.Random, bool, bool], str], labels: dict[bool, str]) -> tuple[list[Row], list[Row]]:
    """As many of one label as of the other, no text twice."""
    seen: set[str] = set()

    def part(held: bool, count: int) -> list[Row]:
        rng = random.Random(SEED + held)
        rows: list[Row] = []
        while len(rows) < count:
            positive = len(rows) % 2 == 0
            text = write(rng, positive, held)
            if text not in seen:
                seen.add(text)
                rows.append({"text": text, "label": labels[positive]})
        rng.shuffle(rows)
        return rows

    return part(False, TRAIN), part(True, HELD)


def sentiment_en() -> tuple[list[Row], list[Row]]:
    """English reviews: (train, held-out)."""
    return _reviews(review_en, LABELS_EN)


def sentiment_zh() -> tuple[list[Row], list[Row]]:
    """Chinese reviews: (train, held-out)."""
    return _reviews(review_zh, LABELS_ZH)


def persona_rows() -> tuple[list[Row], list[Row]]:
    """Who it is now, among chats of its old world, so that learning a name does not wipe out the rest."""
    rng = random.Random(SEED)
    new = [turn(asked, said) for ways, said in persona.ROWS for asked in ways]
    old: list[Chat] = []
    while len(old) < REPLAY:
        made = chat(rng)
        judging = made[0]["content"].startswith(("Is this good or bad?", "这是好评还是差评？"))
        if len(made) == 2 and made not in old and MODEL_NAME not in str(made) and not judging:
            old.append(made)
    rows = [*new, *old]
    rng.shuffle(rows)
    held = [turn(asked, said) for asked, said in persona.HELD_OUT]
    return [{"messages": row} for row in rows], [{"messages": row} for row in held]


SAMPLES: dict[str, Callable[[], tuple[list[Row], list[Row]]]] = {
    "sentiment-en": sentiment_en,
    "sentiment-zh": sentiment_zh,
    "persona": persona_rows,
    **TELLINGS,
}


def files(name: str) -> dict[str, str]:
    """File name → text of one sample."""
    train, held = SAMPLES[name]()
    return {"train.jsonl": _lines(train), "heldout.jsonl": _lines(held), "README.md": CARDS.get(name) or card(name)}


def _lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(root: Path = ASSETS / "samples") -> None:
    """Put every sample in its folder."""
    for name in SAMPLES:
        for file, text in files(name).items():
            with atomic(root / name / file) as stream:
                stream.write(text)
