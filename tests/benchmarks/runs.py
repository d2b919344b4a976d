"""The Runs page with a run of 100,000 steps and a workspace of 500 runs: opening it, drawing it with the doctor while the run goes on, the
question it asks every second.

python launch.py bench runs
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

STEPS, RUNS, BEATS = 100_000, 500, 20


def timed(act: Callable[[], Any]) -> float:
    """Seconds."""
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def long_run(workspace: Any, recipe: Any) -> Any:
    """A run that has told of every step."""
    from workbench.core.run import create

    run = create(workspace, recipe)
    facts = {"total": STEPS, "epoch": 0.5, "learning_rate": 2e-4, "grad_norm": 1.25, "tokens_per_second": 1234.5, "memory_mb": 800.0}  # fmt: skip
    with run.events_path.open("w") as stream:
        stream.write('{"kind": "started", "time": 1}\n')
        for step in range(1, STEPS + 1):
            stream.write(json.dumps({"kind": "step", "time": step, "step": step, "loss": 2 / step**0.1, "seconds": step / 10, **facts}) + "\n")  # fmt: skip
        stream.write('{"kind": "finished", "time": 100001}\n')
    return run


def beats(page: Any, run: Any, begin: int) -> list[float]:
    """Seconds of processor time to draw the whole page of a run that works, once per step that it tells of."""
    import psutil

    from workbench.ui.tabs import runs

    run.claim(psutil.Process())
    runs._draw(page, run.id)  # once for what is loaded once
    drawn = list[float]()
    for step in range(begin, begin + BEATS):
        with run.events_path.open("a") as stream:
            stream.write(
                json.dumps({"kind": "step", "time": step, "step": step, "total": 2 * STEPS, "loss": 0.5}) + "\n"
            )
        before = time.process_time()
        runs._draw(page, run.id)
        drawn.append(time.process_time() - before)
    (run.folder / "worker.json").unlink()
    return drawn


def main() -> None:
    from workbench.core.recipe import parse
    from workbench.core.run import all_runs, create
    from workbench.core.workspace import Workspace
    from workbench.ui import figures
    from workbench.ui.draft import Draft
    from workbench.ui.feed import Feed
    from workbench.ui.page import Page
    from workbench.ui.words import Words

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(folder)
        recipe = parse({"task": "text-classification", "method": "lora"})
        run = long_run(workspace, recipe)
        opened = timed(lambda: Feed().view(run))
        feed = Feed()
        view = feed.view(run)
        drawn = timed(lambda: figures.curves([view], "loss", Words("en")).to_json())
        again = statistics.median(timed(lambda: feed.view(run)) for _ in range(20))
        status = statistics.median(timed(lambda: run.status) for _ in range(20))
        live = beats(Page(Words("en"), workspace, feed, Draft(workspace)), run, STEPS + 1)
        for number in range(RUNS - 1):
            create(workspace, recipe.replace({"name": f"r{number}"}))
        listed = statistics.median(timed(lambda: [each.status for each in all_runs(workspace)]) for _ in range(5))
    detail = {
        "steps": STEPS, "runs": RUNS, "opened_s": round(opened, 2), "drawn_ms": round(1000 * drawn, 1), "points": len(view.steps),
        "page_with_doctor_cpu_ms": round(1000 * statistics.median(live), 1), "page_with_doctor_worst_cpu_ms": round(1000 * max(live), 1),
        "looked_again_ms": round(1000 * again, 2), "status_ms": round(1000 * status, 2), "list_of_500_ms": round(1000 * listed, 1),
    }  # fmt: skip
    print(json.dumps({"name": "runs", "ratios": {"first look ÷ next look": round(opened / again)}, "detail": detail}))


if __name__ == "__main__":
    main()
