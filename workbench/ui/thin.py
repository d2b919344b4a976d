"""A curve of any length in few points that lose nothing one looks for: of every stretch of steps the first, the last, the lowest, the
highest, and where a number was none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Facts = dict[str, Any]
"""What is known of one step: "step", and numbers by name; a number that is none is text ("nan", "inf")."""
POINTS = 1200
"""So many points are kept at most."""
HEAP = 48
"""Of the newest steps so many more: to choose at each of them would take longer than to read them."""
WEIGHT = 0.9


class Thin:
    """Points in order of steps; `names` are the numbers whose extremes are kept."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._stretch = 1
        """Steps that share what is kept of them; all of the same number, but for the newest."""
        self._whole: list[list[Facts]] = []
        self._newest: list[Facts] = []
        self._count = 0
        """Steps in the newest stretch, whether kept or not."""
        self._kept = 0

    def add(self, facts: Facts) -> None:
        """The next step."""
        self._newest.append(facts)
        self._count += 1
        whole = self._count >= self._stretch
        if whole or len(self._newest) > HEAP:
            self._newest = self._telling(self._newest)
        if not whole:
            return
        self._whole.append(self._newest)
        self._kept += len(self._newest)
        self._newest, self._count = [], 0
        while self._kept > POINTS:
            self._halve()

    def back(self, step: int) -> None:
        """What came after this step is done again."""
        kept = [[each for each in stretch if int(each.get("step") or 0) <= step] for stretch in [*self._whole, self._newest]]  # fmt: skip
        self._whole, self._newest, self._count = [stretch for stretch in kept if stretch], [], 0
        self._kept = sum(map(len, self._whole))

    @property
    def points(self) -> list[Facts]:
        """What is kept, the newest step always."""
        return [each for stretch in [*self._whole, self._newest] for each in stretch]

    def __len__(self) -> int:
        return self._kept + len(self._newest)

    def _halve(self) -> None:
        pairs = [self._whole[at : at + 2] for at in range(0, len(self._whole), 2)]
        self._whole = [self._telling([each for stretch in pair for each in stretch]) for pair in pairs]
        self._stretch *= 2
        self._kept = sum(map(len, self._whole))

    def _telling(self, stretch: list[Facts]) -> list[Facts]:
        if len(stretch) < 3:
            return stretch
        places = {0, len(stretch) - 1}
        for name in self._names:
            places |= _extremes([each.get(name) for each in stretch])
        return [stretch[place] for place in sorted(places)]


def _extremes(values: Sequence[Any]) -> set[int]:
    """Where the lowest and the highest number stand, and the first that is none."""
    numbers = [place for place, value in enumerate(values) if isinstance(value, (int, float))]
    none = next((place for place, value in enumerate(values) if isinstance(value, str)), None)
    found = {min(numbers, key=values.__getitem__), max(numbers, key=values.__getitem__)} if numbers else set()
    return found if none is None else {*found, none}


class Average:
    """Exponential moving average over every step, however few are drawn, with bias correction (Kingma & Ba, 2015, section 3). It begins anew
    behind a number that is none."""

    def __init__(self, weight: float = WEIGHT) -> None:
        self._weight, self._sum, self._norm = weight, 0.0, 0.0

    def add(self, value: Any) -> float | None:
        """The average with the next value; None for a value that is no number."""
        if not isinstance(value, (int, float)):
            self._sum = self._norm = 0.0
            return None
        self._sum = self._weight * self._sum + (1 - self._weight) * value
        self._norm = self._weight * self._norm + (1 - self._weight)
        return self._sum / self._norm

    def stand(self, value: Any) -> None:
        """Go on from an earlier average; from nothing where there is none."""
        self._sum, self._norm = (float(value), 1.0) if isinstance(value, (int, float)) else (0.0, 0.0)
