"""Labels given by hand, as they stand in a dataset's log. A label once acknowledged is on disk; an undo is an entry too."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from workbench.data.log import SHAPING, Entry, Log

Value = dict[str, Any]
Newest = dict[tuple[int, str], tuple[int, str, Value, float]]
"""(row, who) → (row, who, value, when)."""
_known: dict[tuple[Path, int], tuple[Entry, Newest]] = {}


class Labels:
    """The labels of a dataset, whose log began with version `root`; `folder` is the dataset's own, `mode` the way of labelling."""

    def __init__(self, folder: Path, root: int, mode: str = "choice") -> None:
        self.log, self.mode = Log(folder, root), mode

    def save(self, row: int, who: str, value: Value, client: str) -> int:
        """Its number in the log. The same `client` mark twice (sent again after a lost connection) is one label."""
        return self.log.add(Entry("label", {"mode": self.mode, "value": value}, row, who), client=client)

    def undo(self, who: str) -> int | None:
        """Take back the newest label of a person that stands, if no step came after it; its row, or None when there is none."""
        line = self.log.line()
        gone = taken_back(line)
        for entry in reversed(line):
            if entry.kind in SHAPING:
                return None
            if entry.kind == "label" and entry.who == who and entry.seq not in gone:
                self.log.add(Entry("back", {}, entry.row, who, entry.seq))
                return entry.row
        return None

    def standing(self) -> list[tuple[int, str, Value, float]]:
        """(row, who, value, when) of every label that stands, each person's newest per row, in the order they were given."""
        return list(self._newest().values())

    def _newest(self) -> Newest:
        """The same by (row, who). Kept from one look to the next: only what was written since is looked at, unless a label was taken
        back."""
        line, key = self.log.line(), (self.log.path, self.log.root)
        end, known = _known.get(key, (None, {}))
        place = next((place for place in range(len(line), 0, -1) if line[place - 1] is end), 0) if end else 0
        fresh = line[place:]
        if not place or any(entry.kind == "back" for entry in fresh):
            known = newest(line)
        elif fresh:
            known = newest(fresh, dict(known))
        if line:
            _known[key] = (line[-1], known)
        return known

    def of(self, who: str) -> dict[int, Value]:
        """Row → value, of one person."""
        return {row: value for (row, name), (_, _, value, _) in self._newest().items() if name == who}

    def final(self) -> dict[int, Value]:
        """Row → value; where several people labelled a row, the newest counts."""
        return {row: value for row, _, value, _ in self._newest().values()}

    def agreement(self) -> list[dict[str, Any]]:
        """For every two people with rows in common: how many, how often they agree, and Cohen's κ."""
        return agreement(self.standing())


def taken_back(line: list[Entry]) -> set[int]:
    """Numbers of the labels that were taken back."""
    return {entry.undoes for entry in line if entry.undoes is not None}


def standing(line: list[Entry]) -> list[tuple[int, str, Value, float]]:
    """(row, who, value, when) of every label of a line that stands."""
    return list(newest(line).values())


def newest(line: list[Entry], found: Newest | None = None) -> Newest:
    """The standing label of each person for each row, after those `found` before."""
    found, gone = {} if found is None else found, taken_back(line)
    for entry in line:
        if entry.kind == "label" and entry.seq not in gone and entry.row is not None:
            found.pop((entry.row, entry.who), None)
            found[entry.row, entry.who] = (entry.row, entry.who, entry.value["value"], entry.at)
    return found


def agreement(labels: list[tuple[int, str, Value, float]]) -> list[dict[str, Any]]:
    """For every two people with rows in common: how many, how often they agree, and Cohen's κ."""
    given: dict[str, dict[int, str]] = {}
    for row, who, value, _ in labels:
        given.setdefault(who, {})[row] = json.dumps(value, ensure_ascii=False, sort_keys=True)
    names, told = list(given), []
    for number, one in enumerate(names):
        for other in names[number + 1 :]:
            if both := sorted(given[one].keys() & given[other].keys()):
                pairs = [(given[one][row], given[other][row]) for row in both]
                same = sum(a == b for a, b in pairs) / len(pairs)
                told.append({"who": [one, other], "rows": len(pairs), "same": same, "kappa": kappa(pairs)})
    return told


def kappa(pairs: list[tuple[str, str]]) -> float:
    """Agreement beyond chance (Cohen, 1960): 1 always, 0 as often as by chance. 1 when both only ever say the same one thing."""
    ours, theirs = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(count * theirs[name] for name, count in ours.items()) / len(pairs) ** 2
    same = sum(a == b for a, b in pairs) / len(pairs)
    return 1.0 if chance == 1 else (same - chance) / (1 - chance)
