"""2.2 Byte-pair encoding by hand: the most frequent pair of neighbours becomes one piece, again and again."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Any, NamedTuple

from workbench.core.errors import UserError
from workbench.core.knob import Section, knob
from workbench.core.lab import LABS, Break, Choice, Guess, Lab, Real, Trace
from workbench.core.picture import Picture, bars, grid, told
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.learn._seen import run_that, trained

MOST_WORDS, LONGEST = 40, 30
Words = dict[tuple[str, ...], int]
"""Pieces of a word → how often it occurs."""


class Merge(NamedTuple):
    """One step: the pair, how often it occurs."""

    pair: tuple[str, str]
    times: int


class Settings(Section):
    """A corpus of a few words."""

    words: str = knob(
        "hug10 pug5 pun12 bun4 hugs5",
        Text("Words and how often", "词与出现次数"),
        Text(
            "A word and its count, separated by spaces; Chinese works too.", "词后面紧跟次数，用空格隔开；中文也可以。"
        ),
        example="hug10 pug5",
    )
    merges: int = knob(3, Text("Merges", "合并次数"), Text("How many pairs are joined.", "合并多少对。"), ge=0, le=30)
    fresh: str = knob(
        "bug", Text("A new word", "新词"), Text("How would it be cut now?", "现在会怎样切开它？")
    )  # fmt: skip


def corpus(text: str) -> Words:
    """`hug10 pug5` → {("h", "u", "g"): 10, …}; a word without a number counts once."""
    found: Words = {}
    for item in text.split():
        match = re.fullmatch(r"(.*?\D)(\d*)", item)
        if match is None or len(match[1]) > LONGEST:
            raise UserError(
                f"“{item[:LONGEST]}” is no word with a count; write for instance hug10.",
                f"“{item[:LONGEST]}”不是带次数的词；请写成例如 hug10。",
                field="words",
            )
        word = tuple(match[1].rstrip(":：="))
        found[word] = found.get(word, 0) + int(match[2] or 1)
    if not 0 < len(found) <= MOST_WORDS:
        raise UserError(
            f"Give 1 to {MOST_WORDS} different words.", f"请给出 1 到 {MOST_WORDS} 个不同的词。", field="words"
        )
    return found


def pairs(words: Words) -> Counter[tuple[str, str]]:
    """How often every pair of neighbours occurs."""
    counted: Counter[tuple[str, str]] = Counter()
    for word, count in words.items():
        for pair in itertools.pairwise(word):
            counted[pair] += count
    return counted


def join(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """The word with the pair as one piece, from left to right."""
    made: list[str] = []
    for piece in word:
        if made and (made[-1], piece) == pair:
            made[-1] += piece
        else:
            made.append(piece)
    return tuple(made)


def merge(words: Words, limit: int) -> tuple[list[Merge], list[Words]]:
    """The merges in order (of equal pairs the one met first), and the corpus after 0, 1, … of them (Sennrich et al., 2016)."""
    done: list[Merge] = []
    states = [words]
    for _ in range(limit):
        counted = pairs(states[-1])
        if not counted:
            break
        pair, count = max(counted.items(), key=lambda item: item[1])
        done.append(Merge(pair, count))
        joined: Words = {}
        for word, times in states[-1].items():
            joined[join(word, pair)] = joined.get(join(word, pair), 0) + times
        states.append(joined)
    return done, states


def cut(word: str, merges: list[Merge]) -> tuple[str, ...]:
    """A word cut by merges, in their order."""
    made = tuple(word)
    for each in merges:
        made = join(made, each.pair)
    return made


def tokens(words: Words) -> int:
    """Pieces of the whole corpus."""
    return sum(len(word) * count for word, count in words.items())


@LABS.add
class BytePairs(Lab):
    """See the module."""

    kind = "byte-pairs"
    stop = "2.2"
    order = 46
    label = Text("Byte-pair merges by hand", "手工做一遍 BPE 合并")
    idea = (
        Text(
            "Begin with single letters. Count which two stand side by side most often, make them one piece, and count again. "
            "The list of merges, in its order, is the tokenizer.",
            "从单个字母开始。数一数哪两个最常相邻，把它们并成一个片段，再数一遍。按顺序排好的合并列表，就是分词器。",
        ),
        Text(
            "Every merge adds one entry to the vocabulary and shortens the texts. A new word is cut by the same merges; "
            "a letter that was never seen has no piece, so real tokenizers begin with the 256 bytes.",
            "每合并一次，词表多一项，文字变短一些。新词用同样的合并来切开；从未见过的字母没有片段，所以真正的分词器从 256 个字节开始。",
        ),
    )
    guess = Guess(
        Text(
            "hug ×10, pug ×5, pun ×12, bun ×4, hugs ×5. Which pair is joined first?",
            "hug ×10、pug ×5、pun ×12、bun ×4、hugs ×5。最先合并哪一对？",
        ),
        (
            Choice(
                Text("p + u", "p + u"),
                Text("5 + 12 = 17 times: more than most, but not the most.", "5 + 12 = 17 次：很多，但不是最多。"),
            ),
            Choice(
                Text("u + g", "u + g"),
                Text("10 + 5 + 5 = 20 times, across three words.", "10 + 5 + 5 = 20 次，来自三个词。"),
                right=True,
            ),
            Choice(
                Text("u + n: “pun” is the most frequent word", "u + n：“pun”是最常见的词"),
                Text(
                    "12 + 4 = 16. Pairs are counted over all words; the most frequent word does not decide.",
                    "12 + 4 = 16。按所有词统计相邻对，最常见的词说了不算。",
                ),
            ),
        ),
    )
    section = Settings
    breaks = Break(Text("A letter it never saw", "一个从没见过的字母"), {"fresh": "mug", "merges": 30})
    source = "Gage, A New Algorithm for Data Compression, 1994; Sennrich et al., arXiv:1508.07909"

    def touch(self, knobs: Any, workspace: Workspace) -> list[Picture]:
        words = corpus(knobs.words)
        done, states = merge(words, knobs.merges)
        counted = pairs(states[-1]).most_common(12)
        before, after = tokens(words), tokens(states[-1])
        return [
            told(
                Text(
                    f"{len(done)} merges: the words take {after} pieces instead of {before}; the vocabulary has {_vocabulary(words, done)} pieces.",
                    f"合并 {len(done)} 次：这些词从 {before} 个片段变为 {after} 个；词表有 {_vocabulary(words, done)} 个片段。",
                )
            ),
            _fresh(knobs.fresh, words, done),
            *(
                [
                    bars(
                        Text("Pairs side by side now; the first is joined next", "现在的相邻对，下一次合并第一个"),
                        [f"{a} + {b}" for (a, b), _ in counted],
                        {Text("times", "次数"): [count for _, count in counted]},
                        Text("times", "次数"),
                    )
                ]
                if counted
                else []
            ),
            bars(
                Text("Pieces of the whole corpus, after each merge", "整个语料的片段数，逐次合并后"),
                [str(place) for place in range(len(states))],
                {Text("pieces", "片段数"): [tokens(state) for state in states]},
                Text("pieces", "片段数"),
                form="d",
            ),
            grid(
                ["#", Text("merge", "合并"), Text("times", "次数"), Text("the words then", "此时的词")],
                [
                    [place, f"{each.pair[0]} + {each.pair[1]}", each.times, " · ".join("|".join(w) for w in states[place])]
                    for place, each in enumerate(done, 1)
                ],
            ),
        ]  # fmt: skip

    def goal(self, knobs: Any, touched: list[dict[str, Any]]) -> bool:
        return len({each["merges"] for each in touched}) >= 3

    def real(self, workspace: Workspace) -> Real:
        label = Text("Look at your rows as the model's own merges cut them", "看看模型自己的合并怎样切开你的数据")
        return Real(label, "train", preset="stories-clm")

    def done(self, workspace: Workspace) -> Trace | None:
        run = run_that(workspace, lambda run: run.recipe.task.kind in {"text-generation", "translation"})
        return Trace(trained(run), "runs", run.id) if run else None


def _vocabulary(words: Words, done: list[Merge]) -> int:
    return len({letter for word in words for letter in word}) + len({"".join(each.pair) for each in done})


def _fresh(word: str, words: Words, done: list[Merge]) -> Picture:
    word = word.strip()[:LONGEST]
    made = " | ".join(cut(word, done))
    known = {letter for each in words for letter in each}
    if missing := "".join(dict.fromkeys(letter for letter in word if letter not in known)):
        return told(
            Text(
                f"“{word}” → {made}. But “{missing}” occurs in no word above: it has no piece. Real tokenizers spell it in bytes.",
                f"“{word}”→ {made}。但“{missing}”在上面的词里从未出现，没有对应的片段。真正的分词器会用字节拼出它。",
            ),
            "bad",
        )
    return told(Text(f"“{word}” → {made}", f"“{word}”→ {made}"), "good")
