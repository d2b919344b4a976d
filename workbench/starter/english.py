"""English reviews for the sample: rich wording, and nothing outside the judgement itself that gives the label away."""

from __future__ import annotations

import random
from dataclasses import dataclass

from workbench.starter.opinions import THINGS, sayings, words

# Every pair: (ways of saying it in training rows, ways of saying it in held-out rows).
SAY = (
    ("The {t} was {a}.", "I found the {t} {a}.", "The {t} turned out to be {a}.", "Honestly, the {t} is {a}.", "We all thought the {t} was {a}.",
     "They say the {t} is {a}, and it is.", "I must call the {t} {a}."),
    ("To my mind the {t} was {a}.", "The {t} struck us as {a}.", "Everyone with me called the {t} {a}.", "The {t}? In a word: {a}."),
)  # fmt: skip
DENY = (
    ("The {t} was not {o} at all.", "Nobody could call the {t} {o}.", "The {t} was never {o}."),
    ("The {t} was anything but {o}.", "It would be wrong to call the {t} {o}."),
)
TURN = (
    ("The {t} was {o}, but overall it was {a}.", "Although the {t} was {o}, the {d} as a whole was {a}.", "The {t} may be {o}, yet in the end the {d} is {a}."),
    ("The {t} was {o}; even so, all things considered, the {d} was {a}.", "Never mind the {o} {t}: all in all, I call this {d} {a}."),
)  # fmt: skip
OPEN = (
    ("We went last Saturday.", "A colleague told me about this {d}.", "It was my first time.", "This is about the {d} near the station.", "I had read a lot before.",
     "I took my parents along.", "This {d} had been on my list since spring.", "", "", ""),
    ("My neighbour mentioned this {d}.", "It was a Tuesday evening.", "I have waited a month before writing.", "", ""),
)  # fmt: skip
CLOSE = (
    ("That is my view of this {d}.", "Make of it what you will.", "So much for the {d}.", "I paid for it myself.", "This is all I can say after one week.", "", "", ""),
    ("Now you know.", "Others may see it in another way.", "I wrote this the next morning.", "", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Writer:
    """Writes reviews of one side (`positive`) from the words and templates of one part (`held`)."""

    rng: random.Random
    positive: bool
    held: bool

    def review(self) -> tuple[str, bool]:
        """(text, whether it says something of the other side too)."""
        domain = self.rng.choice(list(THINGS))
        things = self.rng.sample(THINGS[domain], 3)
        turned = self.rng.random() < 0.15
        parts = [self._say(domain, thing) for thing in things[: self.rng.randint(0 if turned else 1, 2)]]
        if turned:
            parts.append(self._turn(domain, things[2]))
        elif self.rng.random() < 0.3:
            parts.insert(self.rng.randint(0, len(parts)), self.rng.choice(sayings(self.positive, self.held)))
        ends = (self.rng.choice(options[self.held]).format(d=domain) for options in (OPEN, CLOSE))
        first, last = ends
        return " ".join(piece for piece in (first, *parts, last) if piece), turned

    def _word(self, domain: str, positive: bool) -> str:
        return self.rng.choice(words(positive, domain, self.held))

    def _plain(self, domain: str, positive: bool) -> str:
        """A word without an article, that fits before a noun and after `not`."""
        return self.rng.choice([word for word in words(positive, domain, self.held) if " " not in word])

    def _say(self, domain: str, thing: str) -> str:
        if self.rng.random() < 0.12:
            return self.rng.choice(DENY[self.held]).format(t=thing, o=self._plain(domain, not self.positive))
        return self.rng.choice(SAY[self.held]).format(t=thing, a=self._word(domain, self.positive))

    def _turn(self, domain: str, thing: str) -> str:
        template = self.rng.choice(TURN[self.held])
        return template.format(
            t=thing, d=domain, o=self._plain(domain, not self.positive), a=self._word("", self.positive)
        )
