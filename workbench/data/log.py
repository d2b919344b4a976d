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
from dataclasses import dataclass
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


class Log:
    """The log of a dataset, as it began with version `root`. `folder` is the dataset's own."""

    _lock = threading.Lock()
    _seen: dict[tuple[Path, int, int], dict[int, Entry]] = {}

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

    def add(self, *entries: Entry, client: str | None = None, deltas: tuple[bytes | None, ...] = ()) -> int:
        """Write entries down after the head, all or none; the number of the last. The same `client` mark twice is one entry."""
        with self._open() as link:
            if client and (known := link.execute("SELECT seq FROM entries WHERE client = ?", (client,)).fetchone()):
                return int(known[0])
            head = self._head(link)
            for place, entry in enumerate(entries):
                told = json.dumps(entry.value, ensure_ascii=False)
                row = (self.root, head, entry.kind, entry.row, entry.who, told, deltas[place] if deltas else None, entry.undoes, client, entry.at or time.time())  # fmt: skip
                made = link.execute(
                    "INSERT INTO entries (root, parent, kind, row, who, value, delta, undoes, client, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                head = int(made.lastrowid or 0)
            link.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (self.root, head))
            return head

    def _head(self, link: sqlite3.Connection) -> int:
        found = link.execute("SELECT seq FROM heads WHERE root = ?", (self.root,)).fetchone()
        return int(found[0]) if found else 0

    def head(self) -> int:
        """Where one stands; 0 is the version the log began with."""
        if not self.path.is_file():
            return 0
        with self._open() as link:
            return self._head(link)

    def move(self, seq: int) -> None:
        """Stand somewhere else."""
        if seq != self.head():
            with self._open() as link:
                link.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (self.root, seq))

    def entries(self) -> dict[int, Entry]:
        """Everything that was ever done, on every line."""
        if not self.path.is_file():
            return {}
        with self._lock, self._open() as link:
            # A log is known by a number of its own: a dataset may have been removed and made again under the same name.
            key = (self.path, int(link.execute("PRAGMA user_version").fetchone()[0]), self.root)
            seen = self._seen.setdefault(key, {})
            rows = link.execute(
                "SELECT seq, parent, kind, row, who, value, undoes, at FROM entries WHERE root = ? AND seq > ? ORDER BY seq",
                (self.root, max(seen, default=0)),
            )
            for seq, parent, kind, row, who, value, undoes, at in rows:
                seen[seq] = Entry(kind, json.loads(value), row, who, undoes, seq, parent, at)
            return seen

    def line(self, seq: int | None = None) -> list[Entry]:
        """What led to an entry (the head unless one is named), the oldest first."""
        entries, at = self.entries(), self.head() if seq is None else seq
        found = []
        while at in entries:
            found.append(entries[at])
            at = entries[at].parent
        return found[::-1]

    def after(self, seq: int) -> list[Entry]:
        """What followed an entry, along the newest line: what redo brings back."""
        following: dict[int, Entry] = {}
        for entry in self.entries().values():
            following[entry.parent] = entry  # a later one replaces an earlier one
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
