"""A 1 GB JSONL file: our import against datasets.load_dataset("json"), each in a process of its own, in turns; and the memory of ours.

python launch.py bench import [size in MB]
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

MEGABYTES = 1000
ROUNDS = 2
THEIRS = """
import sys, time, resource
from datasets import load_dataset
begin = time.perf_counter()
found = load_dataset("json", data_files=sys.argv[1], cache_dir=sys.argv[2], split="train")
print(time.perf_counter() - begin, 0, len(found))
"""
OURS = """
import sys, time, psutil, threading
from pathlib import Path
from workbench.core.workspace import Workspace
from workbench.data import intake
import pyarrow.json, pyarrow.compute, pyarrow.parquet
me, most, over = psutil.Process(), [0], threading.Event()
before = me.memory_info().rss
def watch():
    while not over.wait(0.02):
        most[0] = max(most[0], me.memory_info().rss - before)
threading.Thread(target=watch, daemon=True).start()
begin = time.perf_counter()
made = intake.import_file(Workspace(sys.argv[2]), Path(sys.argv[1]), "big")
took = time.perf_counter() - begin
over.set()
print(took, most[0] / 2**20, made.dataset.meta["rows"])
"""


def write(path: Path, size: int) -> int:
    """Instruction rows in two languages; how many."""
    dice = random.Random(1)
    han = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(5000)]
    lines = []
    for number in range(5000):
        said = "".join(dice.choices(han, k=150)) if number % 2 else " ".join(dice.choices(words, k=60))
        lines.append(json.dumps({"id": number, "label": f"topic-{number % 12}", "text": said}, ensure_ascii=False))
    block, count = ("\n".join(lines) + "\n").encode(), 0
    with path.open("wb") as file:
        while file.tell() < size << 20:
            file.write(block)
            count += len(lines)
    return count


def once(code: str, path: Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), home], capture_output=True, text=True, check=True
        ).stdout.split()
    return float(done[-3]), float(done[-2])


def main() -> None:
    size = int(next((word for word in sys.argv[1:] if word.isdigit()), MEGABYTES))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        rows = write(path, size)
        pairs = [(once(THEIRS, path), once(OURS, path)) for _ in range(ROUNDS)]
    theirs, ours = min(pair[0][0] for pair in pairs), min(pair[1][0] for pair in pairs)
    memory = max(pair[1][1] for pair in pairs)
    detail = {"megabytes": size, "rows": rows, "datasets_s": round(theirs, 1), "ours_s": round(ours, 1), "ours_memory_mb": round(memory)}  # fmt: skip
    print(
        json.dumps({"name": "import", "ratios": {"speed against datasets": round(theirs / ours, 2)}, "detail": detail})
    )


if __name__ == "__main__":
    main()
