"""Ten million rows: any page of fifty, at the server; one million rows: counts of a column and a search for words.

python launch.py bench pages
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

ROWS, PART, TIMES = 10_000_000, 1_000_000, 60


def write(path: Path, rows: int) -> None:
    """Rows of an id, one of 12 labels and a text of about 100 characters."""
    import pyarrow as pa

    from workbench.data import store

    dice = random.Random(3)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(5000)]
    texts = [" ".join(dice.choices(words, k=16)) for _ in range(store.BATCH)]
    labels = [f"topic-{number % 12}" for number in range(store.BATCH)]
    schema = pa.schema([("id", pa.int64()), ("label", pa.string()), ("text", pa.string())])
    writer = store.Writer(path, schema)
    for start in range(0, rows, store.BATCH):
        numbers = pa.array(range(start, start + store.BATCH))
        writer.add(pa.RecordBatch.from_arrays([numbers, pa.array(labels), pa.array(texts)], schema=schema))
    writer.close()


def times(ask: Callable[[int], Any], rows: int, count: int) -> list[float]:
    dice, took = random.Random(7), []
    for _ in range(count):
        place, begin = dice.randrange(rows - 50), time.perf_counter()
        ask(place)
        took.append(1000 * (time.perf_counter() - begin))
    return sorted(took)


def main() -> None:
    from workbench.data import grid, store

    told: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        for name, rows in (("ten", ROWS), ("one", PART)):
            folder = Path(home) / name
            folder.mkdir()
            write(folder / store.DATA, rows)
        begin = time.perf_counter()
        ten = store.open_table(Path(home) / "ten")
        grid.page(ten, grid.Query(), ROWS // 2)
        told["first page of ten million, file just opened (ms)"] = round(1000 * (time.perf_counter() - begin), 1)
        pages = times(lambda place: grid.page(store.open_table(Path(home) / "ten"), grid.Query(), place), ROWS, TIMES)
        told["page of ten million, p95 (ms)"] = round(pages[int(len(pages) * 0.95)], 1)
        one = store.open_table(Path(home) / "one")
        counts = times(lambda place: grid._counted.__wrapped__(grid._Same(one), "label"), PART, 9)
        told["counts of a column, one million (ms)"] = round(statistics.median(counts), 1)
        found = times(
            lambda place: grid.find(one, grid.Query(search=f"ab{place}", column="label", value="topic-3")), PART, 5
        )
        told["label is x and text contains y, one million (ms)"] = round(statistics.median(found), 1)
        order = times(lambda place: grid.find(one, grid.Query(sort="text", down=bool(place % 2))), PART, 3)
        told["sorted by text, one million (ms)"] = round(statistics.median(order), 1)
    print(json.dumps({"name": "pages", "ratios": {}, "detail": told}))


if __name__ == "__main__":
    main()
