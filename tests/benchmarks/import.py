"""A 1 GB JSONL file, and the same rows as 300 MB of CSV and as Parquet: our import against datasets.load_dataset, each in a process of
its own, in turns; and the memory of ours.

python launch.py bench import [size in MB] [jsonl | csv | parquet …]
"""

from __future__ import annotations

import csv
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MEGABYTES = {"jsonl": 1000, "csv": 300, "parquet": 300}
ROUNDS = 2
THEIRS = """
import sys, time, resource
from datasets import load_dataset
begin, busy = time.perf_counter(), time.process_time()
kind = {"jsonl": "json"}.get(sys.argv[1].rsplit(".", 1)[1], sys.argv[1].rsplit(".", 1)[1])
found = load_dataset(kind, data_files=sys.argv[1], cache_dir=sys.argv[2], split="train")
print(time.perf_counter() - begin, time.process_time() - busy, 0, len(found))
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
begin, busy = time.perf_counter(), time.process_time()
made = intake.import_file(Workspace(sys.argv[2]), Path(sys.argv[1]), "big")
took, busy = time.perf_counter() - begin, time.process_time() - busy
over.set()
print(took, busy, most[0] / 2**20, made.dataset.meta["rows"])
"""


def block() -> list[dict[str, Any]]:
    """Instruction rows in two languages; every second text has a comma, every fourth a line break."""
    dice = random.Random(1)
    han = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(5000)]
    rows = []
    for number in range(5000):
        said = "".join(dice.choices(han, k=150)) if number % 2 else " ".join(dice.choices(words, k=60))
        said = f"{said[:40]}, {said[40:]}" if number % 2 else said
        rows.append({"id": number, "label": f"topic-{number % 12}", "text": said.replace(" ", "\n", 1) if number % 4 == 0 else said})  # fmt: skip
    return rows


def write(path: Path, size: int) -> int:
    """The block again and again, up to the size (of Parquet: unpacked); how many rows."""
    rows = block()
    if path.suffix == ".parquet":
        piece = pa.Table.from_pylist(rows)
        times = (size << 20) // piece.nbytes + 1
        with pq.ParquetWriter(path, piece.schema, use_dictionary=["label"]) as writer:
            for start in range(0, times, 20):  # row groups of 100,000 rows
                writer.write_table(pa.concat_tables([piece] * min(20, times - start)))
        return times * len(rows)
    text = io.StringIO()
    if path.suffix == ".csv":
        csv.writer(text, lineterminator="\n").writerows(row.values() for row in rows)
    else:
        text.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    data, count = text.getvalue().encode(), 0
    with path.open("wb") as file:
        if path.suffix == ".csv":
            file.write(b"id,label,text\n")
        while file.tell() < size << 20:
            file.write(data)
            count += len(rows)
    return count


def once(code: str, path: Path) -> tuple[float, float, float]:
    """Seconds, seconds of a processor, MB."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), home], capture_output=True, text=True, check=True
        ).stdout.split()
    return float(done[-4]), float(done[-3]), float(done[-2])


def compared(kind: str, size: int) -> dict[str, float]:
    """Both, in turns: the best of each."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows.{kind}"
        rows = write(path, size)
        pairs = [(once(THEIRS, path), once(OURS, path)) for _ in range(ROUNDS)]
    theirs, ours = ([min(pair[who][what] for pair in pairs) for what in (0, 1)] for who in (0, 1))
    memory = max(pair[1][2] for pair in pairs)
    return {
        "megabytes": size, "rows": rows, "datasets_s": round(theirs[0], 1), "ours_s": round(ours[0], 1), "datasets_cpu_s": round(theirs[1], 1),
        "ours_cpu_s": round(ours[1], 1), "ours_memory_mb": round(memory),
    }  # fmt: skip


def main() -> None:
    kinds = [kind for kind in MEGABYTES if kind in sys.argv[1:]] or list(MEGABYTES)
    size = next((int(word) for word in sys.argv[1:] if word.isdigit()), 0)
    detail = {kind: compared(kind, size or MEGABYTES[kind]) for kind in kinds}
    ratios = {f"{kind}: speed against datasets": round(found["datasets_s"] / found["ours_s"], 2) for kind, found in detail.items()}  # fmt: skip
    print(json.dumps({"name": "import", "ratios": ratios, "detail": detail}))


if __name__ == "__main__":
    main()
