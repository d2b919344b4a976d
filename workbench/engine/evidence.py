"""The rows behind a report card, kept beside it, so that any two results on the same rows can be laid side by side later.

rows.jsonl: one line per scored row, as a person reads it. scored.json: what the main metric was computed from, in the order of the rows.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.core.files import read_json, write_json, write_text
from workbench.core.task import Row, Task
from workbench.engine.resample import Given

KEPT = 20_000
"""Rows kept at most."""
EXAMPLES = 100
NEAR = 1e-9
FIXED, BROKEN, RIGHT, WRONG = "fixed", "broken", "right", "wrong"
UP, DOWN, EVEN = "up", "down", "even"
STATES = (FIXED, BROKEN, UP, DOWN, WRONG, RIGHT, EVEN)
"""What became of a row, the most telling first. Answers that are right or wrong: fixed, broken, right, wrong; else up, down, even."""
Told = dict[str, Any]


def told(task: Task, rows: Sequence[Row], said: Any, before: Any = None) -> list[Told]:
    """Every scored row: id, text, reference, answer and how good it is; with `before` the earlier answer, and what became of the row."""
    gains, shown = task.gains(rows, said), task.shown(rows, said)
    made = [{"id": name, **each, "gain": gain} for name, each, gain in zip(ids(shown), shown, gains, strict=False)]
    if before is None:
        return made
    old = list(zip(task.shown(rows, before), task.gains(rows, before), strict=False))
    plain = {*gains, *(gain for _, gain in old)} <= {0.0, 1.0}
    for each, (earlier, gain) in zip(made, old, strict=False):
        each |= {"before": earlier["answer"], "gain_before": gain, "state": state(gain, each["gain"], plain)}
    return made


def ids(shown: Sequence[Told]) -> list[str]:
    """A name of every row that is the same wherever the row turns up; the same row twice has two."""
    seen: Counter[str] = Counter()
    names = []
    for each in shown:
        told = json.dumps([each.get(part) for part in ("text", "text_pair", "reference")], ensure_ascii=False)
        name = hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=8).hexdigest()
        names.append(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names


def state(old: float, new: float, plain: bool) -> str:
    """What became of a row; `plain`: answers are right or wrong and nothing between."""
    if plain:
        return (RIGHT if new else BROKEN) if old else (FIXED if new else WRONG)
    return EVEN if abs(new - old) <= NEAR else UP if new > old else DOWN


def ordered(rows: Sequence[Told]) -> list[Told]:
    """The most telling first: what changed, then the worst."""
    return sorted(rows, key=lambda each: (STATES.index(each["state"]) if "state" in each else 0, each["gain"]))


def keep(folder: Path, rows: Sequence[Told], scored: dict[str, Any]) -> None:
    """Write both files; of very many rows the first."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "rows.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows[:KEPT]))
    if len(rows) <= KEPT:
        write_json(folder / "scored.json", scored)


def rows_of(folder: Path) -> list[Told]:
    """The rows kept in a folder; none where there are none."""
    try:
        lines = (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]
    except (OSError, ValueError):
        return []


def scored_of(folder: Path) -> dict[str, Any] | None:
    """{"metric", "after": inputs, "before": inputs or None, "units"}, if they were kept."""
    found = read_json(folder / "scored.json")
    return found if isinstance(found, dict) else None


def scored(
    metric: str, after: Given, before: Given | None = None, units: Sequence[Any] | None = None
) -> dict[str, Any]:
    """What `keep` keeps."""
    return {"metric": metric, "after": after, "before": before, "units": list(units) if units is not None else None}
