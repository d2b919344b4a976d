"""Undo, redo and a jump in the log of a dataset of 100,000 rows; with everything in memory, and after a restart.

python launch.py bench history
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS, EDITS = 100_000, 500


def begun(folder: Path) -> Any:
    """A dataset with steps of every kind on it, and edits between them."""
    from workbench.core.workspace import Workspace
    from workbench.data import library
    from workbench.data.history import History
    from workbench.data.table import Table

    dice, workspace = random.Random(7), Workspace(folder)
    words = ["".join(dice.choices("abcdefghij", k=dice.randint(2, 8))) for _ in range(3000)]
    rows = [{"text": "  ".join(dice.choices(words, k=30)), "label": dice.choice("ab")} for _ in range(ROWS)]
    library.save(workspace, "many", Table(["text", "label"], rows), {"text": "text", "label": "label"})
    history = History(workspace, "many")
    history.step({"kind": "whitespace"})
    for number in range(EDITS):
        history.edit(number, "label", "c")
    history.step({"kind": "near_duplicates"})
    history.step({"kind": "regex_replace", "pattern": "a", "replacement": "o"})
    return history


def timed(act: Callable[[], Any]) -> float:
    """Seconds until the rows are there and their table is."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def answered(history: Any) -> list[float]:
    """Seconds from a key on the board to the answer with the next rows, at the server."""
    from workbench.ui.annotate import answer

    def key(row: int) -> None:
        told = {"dataset": "many", "who": "Ann", "order": "missing"}
        answer(history.workspace, {**told, "op": "save", "place": row, "value": {"label": "a"}, "client": f"c{row}"})
        answer(history.workspace, {**told, "op": "next", "count": 15, "skip": []})

    key(0)
    return [timed(lambda row=row: key(row)) for row in range(1, 40)]


def main() -> None:
    from workbench.data import history as module

    with tempfile.TemporaryDirectory() as folder:
        history = begun(Path(folder))
        end = history.log.head()

        def look(move: Callable[[], Any]) -> float:
            return timed(lambda: (move(), history.state()))

        warm = [look(move) for _ in range(5) for move in (history.undo, history.undo, history.redo, history.redo)]
        again = timed(lambda: history.state(end) if module._states.clear() is None else None)
        edits = [timed(lambda n=n: (history.edit(n, "label", "d"), history.state())) for n in range(1000, 1100)]
        labels = timed(lambda: (history.label(range(5000, 10_000), "e", "Ann"), history.state()))
        board = answered(history)
        redone = timed(lambda: [history.arrange([entry.seq for entry in history.log.line()][-3:])])
    detail = {
        "rows": ROWS, "entries": EDITS + 3, "undo_or_redo_ms_median": round(1000 * statistics.median(warm), 1),
        "undo_or_redo_ms_most": round(1000 * max(warm), 1), "all_after_restart_s": round(again, 2),
        "edit_ms_p95": round(1000 * sorted(edits)[94], 1), "labels_5000_s": round(labels, 2),
        "label_and_next_ms_after_5000": round(1000 * statistics.median(board), 1), "other_order_s": round(redone, 2),
    }  # fmt: skip
    ratios = {"everything after a restart ÷ undo": round(again / statistics.median(warm), 1)}
    print(json.dumps({"name": "history", "ratios": ratios, "detail": detail}))


if __name__ == "__main__":
    main()
