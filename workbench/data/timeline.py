"""A log as a person sees it: one moment per step or split; neighbouring edits, and labels, of one kind together."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from workbench.data import library
from workbench.data.history import History
from workbench.data.labels import standing
from workbench.data.log import Entry


@dataclass(frozen=True)
class Moment:
    """A point one can go to. `where`: line (what led here), ahead (what redo brings back), other (the end of another line)."""

    seq: int
    kind: str
    where: str = "line"
    value: dict[str, Any] = field(default_factory=dict)
    who: tuple[str, ...] = ()
    count: int = 1
    versions: tuple[int, ...] = ()


def moments(history: History) -> list[Moment]:
    """The beginning, what led here, what redo brings back, and the ends of other lines."""
    log, line = history.log, history.log.line()
    ahead = log.after(log.head())
    saved = _saved(history)
    begun = Moment(0, "begun", value={"rows": history.base.meta["rows"], "version": history.root}, versions=saved.get(0, ()))  # fmt: skip
    known = {entry.seq for entry in [*line, *ahead]}
    parents = {entry.parent for entry in log.entries().values()}
    ends = [entry for seq, entry in log.entries().items() if seq not in parents and seq not in known]
    others = [Moment(entry.seq, entry.kind, "other", entry.value, (entry.who,), len(log.line(entry.seq)), saved.get(entry.seq, ())) for entry in ends]  # fmt: skip
    return [begun, *_grouped(line, "line", saved), *_grouped(ahead, "ahead", saved), *others]


def _saved(history: History) -> dict[int, tuple[int, ...]]:
    """Entry → the versions made there."""
    found: dict[int, tuple[int, ...]] = {}
    for version in library.versions(history.workspace, history.newest.name):
        if int(version.meta.get("root") or version.version) == history.root:
            seq = int(version.meta.get("seq") or 0)
            found[seq] = (*found.get(seq, ()), version.version)
    return found


def _grouped(entries: list[Entry], where: str, saved: dict[int, tuple[int, ...]]) -> Iterator[Moment]:
    for kind, group in itertools.groupby(_apart(entries, saved), key=lambda pair: pair[0]):
        together = [entry for _, entry in group]
        last = together[-1]
        count = len(standing(together)) if kind[0] == "label" else len(together)
        people = tuple(name for name, _ in Counter(entry.who for entry in together if entry.who).most_common())
        yield Moment(last.seq, kind[0], where, last.value, people, count, saved.get(last.seq, ()))


def _apart(entries: list[Entry], saved: dict[int, tuple[int, ...]]) -> Iterator[tuple[tuple[str, int], Entry]]:
    """Each entry with the group it belongs to: a step stands alone, and a saved version ends a group."""
    number = 0
    for entry in entries:
        kind = "label" if entry.kind == "back" else entry.kind
        alone = kind in ("step", "split")
        number += alone
        yield (kind, number), entry
        number += alone or entry.seq in saved
