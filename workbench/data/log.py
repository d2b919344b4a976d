"""The one log of what people did to a dataset by hand: cleaning steps, cell edits, labels, splits. Appended to, never changed.

One SQLite file per dataset, in WAL mode with full synchronisation: what was acknowledged survives a kill. Every entry names the one
before it, and a head says where one stands: to undo is to move the head, and to go on from there begins another line; the old one stays.
Rows are named by an id that never changes: their place in the version the log began with; rows that were added get the next numbers.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "log.sqlite"
SHAPING = ("step", "split")
"""Kinds of entries that look at all rows: labels from before them stay."""
_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    seq INTEGER PRIMARY KEY, root INTEGER NOT NULL, parent INTEGER NOT NULL, kind TEXT NOT NULL, row INTEGER, who TEXT NOT NULL,
    value TEXT NOT NULL, delta BLOB, undoes INTEGER, client TEXT UNIQUE, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS heads (root INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tips (root INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
"""
Value = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One thing done. `kind`: step, split, edit, label, or back (takes the label `undoes` back)."""

    kind: str
    value: Value
    row: int | None = None
    who: str = ""
    undoes: int | None = None
    seq: int = 0
    parent: int = 0
    at: float = 0.0


class Moved(Exception):
    """Somebody else wrote into the log meanwhile."""


@dataclass(frozen=True)
class Seen:
    """All of a log as it stood at one instant. `tip`: where one last stood before going back."""

    entries: dict[int, Entry] = field(default_factory=dict)
    head: int = 0
    tip: int = 0


class Log:
    """The log of a dataset, as it began with version `root`. `folder` is the dataset's own."""

    _lock = threading.Lock()
    _seen: dict[tuple[Path, int, int], dict[int, Entry]] = {}
    _lines: dict[tuple[Path, int], list[Entry]] = {}

    def __init__(self, folder: Path, root: int) -> None:
        self.path, self.root = folder / FILE, root

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        link = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            link.execute("PRAGMA journal_mode=WAL")
            link.execute("PRAGMA synchronous=FULL")
            link.executescript(_TABLES)
            link.execute("BEGIN IMMEDIATE")
            if not link.execute("PRAGMA user_version").fetchone()[0]:
                link.execute(f"PRAGMA user_version = {secrets.randbelow(2**31 - 1) + 1}")
            yield link
            link.execute("COMMIT")
        finally:
            link.close()

    def add(self, *entries: Entry, client: str | None = None, deltas: tuple[bytes | None, ...] = (), after: int | None = None) -> int:  # fmt: skip
        """Write entries down after the head, all or none; the number of the last. The same `client` mark twice is one entry. Moved, with
        nothing written, when the head is not at `after`: what was worked out there does not hold any more."""
        with self._open() as link:
            if client and (known := link.execute("SELECT seq FROM entries WHERE client = ?", (client,)).fetchone()):
                return int(known[0])
            head, now = self._head(link), time.time()
            if after is not None and head != after:
                raise Moved
            for place, entry in enumerate(entries):
                told = json.dumps(entry.value, ensure_ascii=False)
                row = (self.root, head, entry.kind, entry.row, entry.who, told, deltas[place] if deltas else None, entry.undoes, client, entry.at or now)  # fmt: skip
                made = link.execute(
                    "INSERT INTO entries (root, parent, kind, row, who, value, delta, undoes, client, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                head = int(made.lastrowid or 0)
            self._stand(link, head, head)
            return head

    def _stand(self, link: sqlite3.Connection, head: int, tip: int) -> None:
        link.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (self.root, head))
        link.execute("INSERT OR REPLACE INTO tips VALUES (?, ?)", (self.root, tip))

    def _head(self, link: sqlite3.Connection, table: str = "heads") -> int:
        found = link.execute(f"SELECT seq FROM {table} WHERE root = ?", (self.root,)).fetchone()  # noqa: S608 (our own two tables)
        return int(found[0]) if found else 0

    def head(self) -> int:
        """Where one stands; 0 is the version the log began with."""
        if not self.path.is_file():
            return 0
        with self._open() as link:
            return self._head(link)

    def move(self, seq: int) -> None:
        """Stand somewhere else. The way from there to where one stood before stays the way of redo, while it leads there."""
        seen = self.seen()
        if seq != seen.head:
            tip = seen.tip if seq in _way(seen.entries, seen.tip) or not seq else seq
            with self._open() as link:
                self._stand(link, seq, tip)

    def seen(self) -> Seen:
        """All of it at one instant: a reader never sees a head without its entry."""
        if not self.path.is_file():
            return Seen()
        with self._lock, self._open() as link:
            # A log is known by a number of its own: a dataset may have been removed and made again under the same name.
            key = (self.path, int(link.execute("PRAGMA user_version").fetchone()[0]), self.root)
            known = self._seen.get(key, {})
            rows = link.execute(
                "SELECT seq, parent, kind, row, who, value, undoes, at FROM entries WHERE root = ? AND seq > ? ORDER BY seq",
                (self.root, next(reversed(known), 0)),
            )
            fresh = {row[0]: Entry(row[2], json.loads(row[5]), row[3], row[4], row[6], row[0], row[1], row[7]) for row in rows}  # fmt: skip
            self._seen[key] = known = {**known, **fresh} if fresh else known
            head = self._head(link)
            return Seen(known, head, self._head(link, "tips") or head)

    def entries(self) -> dict[int, Entry]:
        """Everything that was ever done, on every line."""
        return self.seen().entries

    def line(self, seq: int | None = None) -> list[Entry]:
        """What led to an entry (the head unless one is named), the oldest first. Not to be changed."""
        seen, key = self.seen(), (self.path, self.root)
        at, before, found = seen.head if seq is None else seq, self._lines.get(key) or [], list[Entry]()
        while at in seen.entries:
            if before and at == before[-1].seq and seen.entries[at] is before[-1]:
                break
            found.append(seen.entries[at])
            at = seen.entries[at].parent
        else:
            before = []
        line = [*before, *found[::-1]]
        if seq is None:
            self._lines[key] = line
        return line

    def after(self, seq: int) -> list[Entry]:
        """What followed an entry: what redo brings back, on the way one came back from, else along the newest line."""
        seen = self.seen()
        following = {entry.parent: entry for entry in seen.entries.values()}  # a later one replaces an earlier one
        way = _way(seen.entries, seen.tip)
        following |= {seen.entries[each].parent: seen.entries[each] for each in way if seq in way or not seq}
        found: list[Entry] = []
        while seq in following:
            found.append(following[seq])
            seq = following[seq].seq
        return found

    def delta(self, seq: int) -> bytes:
        """What an entry did to the rows, as it was written down with it."""
        with self._open() as link:
            row = link.execute("SELECT delta FROM entries WHERE seq = ?", (seq,)).fetchone()
        return bytes(row[0]) if row and row[0] else b""


def _way(entries: dict[int, Entry], seq: int) -> set[int]:
    """The entries from the beginning to one."""
    found = set()
    while seq in entries:
        found.add(seq)
        seq = entries[seq].parent
    return found
