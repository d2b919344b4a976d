"""The log of labels given by hand: appended to, never changed; an undo is an entry too. A label once acknowledged is on disk.

One SQLite file per dataset, in WAL mode with full synchronisation. `place` is a row's place in an immutable version.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = "labels.sqlite"
_TABLE = """CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, version INTEGER NOT NULL, place INTEGER NOT NULL, who TEXT NOT NULL, value TEXT,
    undoes INTEGER, client TEXT UNIQUE, at REAL NOT NULL)"""
Value = dict[str, Any]


class Labels:
    """The labels of one version of a dataset. `folder` is the dataset's own."""

    def __init__(self, folder: Path, version: int) -> None:
        self.path, self.version = folder / FILE, version

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        link = sqlite3.connect(self.path, timeout=10)
        try:
            link.execute("PRAGMA journal_mode=WAL")
            link.execute("PRAGMA synchronous=FULL")
            link.execute(_TABLE)
            with link:
                yield link
        finally:
            link.close()

    def save(self, place: int, who: str, value: Value, client: str) -> int:
        """Its number in the log. The same `client` mark twice (sent again after a lost connection) is one label."""
        told = json.dumps(value, ensure_ascii=False)
        with self._open() as link:
            row = (self.version, place, who, told, client, time.time())
            link.execute(
                "INSERT OR IGNORE INTO events (version, place, who, value, client, at) VALUES (?, ?, ?, ?, ?, ?)", row
            )
            return int(link.execute("SELECT seq FROM events WHERE client = ?", (client,)).fetchone()[0])

    def undo(self, who: str) -> int | None:
        """Take back the newest label of a person that stands; its place, or None when there is none."""
        with self._open() as link:
            last = link.execute(
                "SELECT seq, place FROM events WHERE version = ? AND who = ? AND undoes IS NULL AND seq NOT IN "
                "(SELECT undoes FROM events WHERE undoes IS NOT NULL) ORDER BY seq DESC LIMIT 1",
                (self.version, who),
            ).fetchone()
            if last is None:
                return None
            link.execute(
                "INSERT INTO events (version, place, who, undoes, at) VALUES (?, ?, ?, ?, ?)",
                (self.version, last[1], who, last[0], time.time()),
            )
            return int(last[1])

    def standing(self) -> list[tuple[int, str, Value, float]]:
        """(place, who, value, when) of every label that stands, each person's newest per row, in the order they were given."""
        if not self.path.is_file():
            return []
        with self._open() as link:
            rows = link.execute(
                "SELECT place, who, value, at FROM events WHERE version = ? AND undoes IS NULL AND seq NOT IN "
                "(SELECT undoes FROM events WHERE undoes IS NOT NULL) ORDER BY seq",
                (self.version,),
            ).fetchall()
        newest: dict[tuple[int, str], tuple[int, str, Value, float]] = {}
        for place, who, value, at in rows:
            newest.pop((place, who), None)
            newest[place, who] = (place, who, json.loads(value), at)
        return list(newest.values())

    def of(self, who: str) -> dict[int, Value]:
        """Place → value, of one person."""
        return {place: value for place, name, value, _ in self.standing() if name == who}

    def final(self) -> dict[int, Value]:
        """Place → value; where several people labelled a row, the newest counts."""
        return {place: value for place, _, value, _ in sorted(self.standing(), key=lambda item: item[3])}

    def agreement(self) -> list[dict[str, Any]]:
        """For every two people with rows in common: how many, how often they agree, and Cohen's κ."""
        people = dict.fromkeys(who for _, who, _, _ in self.standing())
        given = {who: self.of(who) for who in people}
        names, told = list(given), []
        for number, one in enumerate(names):
            for other in names[number + 1 :]:
                both = sorted(given[one].keys() & given[other].keys())
                if both:
                    pairs = [(_key(given[one][place]), _key(given[other][place])) for place in both]
                    same = sum(a == b for a, b in pairs) / len(pairs)
                    told.append({"who": [one, other], "rows": len(pairs), "same": same, "kappa": kappa(pairs)})
        return told


def _key(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def kappa(pairs: list[tuple[str, str]]) -> float:
    """Agreement beyond chance (Cohen, 1960): 1 always, 0 as often as by chance. 1 when both only ever say the same one thing."""
    ours, theirs = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    chance = sum(count * theirs[name] for name, count in ours.items()) / len(pairs) ** 2
    same = sum(a == b for a, b in pairs) / len(pairs)
    return 1.0 if chance == 1 else (same - chance) / (1 - chance)
