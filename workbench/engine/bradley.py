"""From votes to a ranking: Bradley & Terry (1952) with ties as half a win each and a weak pull to the middle, on the scale of chess.

One is held at 0 (the base). Without the pull (L2) ten wins of ten would put a model infinitely far ahead; with it 592 points. What it does
not know: whether the ones who voted are right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.engine.interval import Interval, wilson
from workbench.engine.power import votes

SCALE, L2, DRAWS, SEED, FEWEST = 400.0, 0.5, 300, 12345, 10
"""Of fewer votes no interval is told."""
AIM = 0.65
"""The win rate that a contest should at least be able to see."""
Vote = tuple[str, str, float]
"""(one, other, what the one won: 1, ½ or 0)."""


@dataclass(frozen=True)
class Standing:
    """A contestant's points, their 95 % interval, and its wins, ties and losses."""

    name: str
    points: float
    interval: Interval | None
    won: int
    tied: int
    lost: int


def fitted(names: Sequence[str], given: Sequence[Vote], pull: float = L2) -> list[float]:
    """Points of every contestant, the first at 0."""
    place = {name: index for index, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))
    for one, other, share in given:
        wins[place[one], place[other]] += share
        wins[place[other], place[one]] += 1 - share
    return [float(SCALE * value) for value in _solved(wins, pull)]


def _solved(wins: Any, pull: float) -> Any:
    """Newton's method on the log-likelihood; strengths are powers of ten."""
    tens, count = math.log(10), len(wins)
    strength, played = np.zeros(count), wins + wins.T
    for _ in range(200):
        chance = 1 / (1 + np.exp(-tens * (strength[:, None] - strength[None, :])))
        slope = tens * (wins - played * chance).sum(1) - pull * strength
        curve = tens**2 * played * chance * (1 - chance)
        bend = np.diag(curve.sum(1) + pull) - curve
        step = np.linalg.lstsq(bend[1:, 1:], slope[1:], rcond=None)[0] if count > 1 else np.zeros(0)
        step = np.clip(step, -1, 1)
        strength[1:] += step
        if not len(step) or float(np.abs(step).max()) < 1e-10:
            break
    return strength


def standings(names: Sequence[str], given: Sequence[Vote]) -> list[Standing]:
    """Everybody, the first of `names` being the anchor, best first; intervals by votes drawn again."""
    points, dice = fitted(names, given), np.random.default_rng(SEED)
    drawn = [fitted(names, [given[place] for place in dice.integers(0, len(given), len(given))]) for _ in range(DRAWS)] if len(given) >= FEWEST else []  # fmt: skip
    made = []
    for index, name in enumerate(names):
        mine = [share if one == name else 1 - share for one, other, share in given if name in (one, other)]
        low, high = np.quantile([draw[index] for draw in drawn], (0.025, 0.975)) if drawn else (0.0, 0.0)
        span = (float(low), float(high)) if drawn and index else None
        made.append(Standing(name, points[index], span, mine.count(1.0), mine.count(0.5), mine.count(0.0)))
    return sorted(made, key=lambda each: -each.points)


def duel(one: str, other: str, given: Sequence[Vote]) -> dict[str, Any]:
    """Two of them: win rate of the one (ties half), its interval, the chance of such a difference between equals, and how many votes
    are needed to see AIM."""
    mine = [share if first == one else 1 - share for first, second, share in given if {first, second} == {one, other}]
    won, tied, lost = mine.count(1.0), mine.count(0.5), mine.count(0.0)
    rate = (won + tied / 2) / len(mine) if mine else None
    return {
        "one": one, "other": other, "won": won, "tied": tied, "lost": lost, "rate": rate,
        "interval": wilson(won + tied / 2, len(mine)) if mine else None, "p": _binomial(won, lost),
        "needed": votes(AIM), "decided": won + lost,
    }  # fmt: skip


def _binomial(won: int, lost: int) -> float:
    """Two-sided, exact; ties do not count."""
    from scipy.stats import binomtest

    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
