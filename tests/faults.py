"""The faults a run must survive (rows F… of the plan), the tests that show it, and the figures those tests print.

One row is one `Fault`. To add a row: add a Fault below, name its tests ("folder/file.py::test"), and call `note(row, what, value, …)` in them
for every figure. `python launch.py bench faults` runs the named tests and prints the table; every run of the tests prints the figures
of the tests that ran. Figures are never asserted where a slow machine could change them; what must hold is asserted by the test.
"""

from __future__ import annotations

import ast
import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from places import ROOT

from workbench.core.text import Text

TESTS = ROOT / "tests"
FILE = "WORKBENCH_FIGURES"
"""Names a file that figures are appended to, a line of JSON each."""
CRASH, DURABLE, QUEUE, RESUME, RUNS, HELD = (f"engine/test_engine_{name}.py" for name in ("crash", "durable", "queue", "resume", "runs", "faults"))  # fmt: skip
EVENTS, FEED, VIEWS = "core/test_events_and_runs.py", "ui/test_feed_and_notices.py", "browser/test_runs.py"


@dataclass(frozen=True)
class Fault:
    """One row: what happens, what is promised then, the tests that show it, and how its figures are got."""

    id: str
    title: Text
    goal: Text
    tests: tuple[str, ...]
    how: str = ""


@dataclass(frozen=True)
class Figure:
    """One reading. `most`: the goal it must not exceed, where it has one."""

    row: str
    what: str
    value: float
    unit: str = ""
    most: float | None = None

    def __str__(self) -> str:
        goal = "" if self.most is None else f" (goal ≤ {self.most:g})"
        return f"{self.what} {self.value:,.4g} {self.unit}".rstrip() + goal


NOTED: list[Figure] = []
"""What this process has read so far."""


def note(row: str, what: str, value: float, unit: str = "", most: float | None = None) -> None:
    """Tell a figure: it is printed at the end of the tests, and kept for the benchmark."""
    made = Figure(row, what, round(float(value), 4), unit, most)
    NOTED.append(made)
    if path := os.environ.get(FILE):
        with Path(path).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(made)) + "\n")


def worst(figures: list[Figure]) -> dict[str, list[Figure]]:
    """Row → its figures, of each kind the largest, in the order of the rows."""
    kept: dict[tuple[str, str], Figure] = {}
    for each in figures:
        known = kept.get((each.row, each.what))
        if known is None or each.value > known.value:
            kept[each.row, each.what] = each
    rows = sorted({row for row, _ in kept}, key=place)
    return {row: [each for each in kept.values() if each.row == row] for row in rows}


def place(row: str) -> int:
    """Where a row stands."""
    return next((at for at, fault in enumerate(FAULTS) if fault.id == row), len(FAULTS))


@cache
def tests_of(path: str) -> dict[str, bool]:
    """The tests of a file below tests/, and whether they are of the long set."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    found = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
    return {node.name: any("mark.long" in ast.unparse(each) for each in node.decorator_list) for node in found}


def is_long(test: str) -> bool:
    """Whether a named test is of the long set. KeyError when there is no such test."""
    path, _, name = test.partition("::")
    return tests_of(path)[name]


FAULTS: tuple[Fault, ...] = ()
