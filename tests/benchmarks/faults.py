"""The faults a run must survive: the named tests are run, and one table says what was promised and what was measured.

python launch.py bench faults [F5 F8 …] [--long] [--alone] [--json]: all rows, or some; with the long set, too; in one process, where times are to be those of a quiet machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))


def measured(tests: list[str], long: bool, alone: bool) -> tuple[bool, list[Any]]:
    """Run them; whether all passed, and every figure they told."""
    from faults import FILE, Figure

    if not tests:  # pytest without a name would run everything
        return True, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.jsonl"
        path.touch()
        shares = (
            []
            if alone
            else ["-n", str(min((os.cpu_count() or 1) + 1, 4)), "--dist", "loadscope", "--no-loadscope-reorder"]
        )
        marks = [] if long else ["-m", "not long"]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *shares, *marks, *(f"tests/{test}" for test in tests)]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, FILE: str(path)}, stdout=sys.stderr, check=False)
        return done.returncode == 0, [Figure(**json.loads(line)) for line in path.read_text().splitlines()]


def shown(rows: list[Any], figures: dict[str, list[Any]]) -> str:
    """The table, as Markdown: row, goal, measured, tests."""
    lines = ["| row | what happens | goal | measured | tests |", "|---|---|---|---|---|"]
    for row in rows:
        told = "; ".join(map(str, figures.get(row.id, []))) or "–"
        names = ", ".join(f"`{test.partition('::')[2]}`" for test in row.tests)
        lines.append(f"| {row.id} | {row.title.en} | {row.goal.en} | {told} | {names} |")
    return "\n".join(lines)


def main() -> None:
    from faults import FAULTS, is_long, worst

    asked, long = [word for word in sys.argv[1:] if not word.startswith("-")], "--long" in sys.argv
    rows = [fault for fault in FAULTS if not asked or fault.id in asked]
    tests = list(dict.fromkeys(test for row in rows for test in row.tests if long or not is_long(test)))
    passed, told = measured(tests, long, "--alone" in sys.argv)
    figures = worst(told)
    if "--json" not in sys.argv:
        print(shown(rows, figures))
    ratios = {f"{each.row} {each.what} ÷ goal": round(each.value / each.most, 3) for found in figures.values() for each in found if each.most}  # fmt: skip
    detail = {
        row.id: {"title": row.title.en, "goal": row.goal.en, "measured": [str(each) for each in figures.get(row.id, [])], "tests": row.tests}
        for row in rows
    }  # fmt: skip
    print(json.dumps({"name": "faults", "ratios": ratios, "detail": {"passed": passed, "rows": detail}}, ensure_ascii=False))  # fmt: skip
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
