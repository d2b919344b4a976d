"""How long a trivial event of the page takes while a run trains, against idle; prints the ratio of the 95th percentiles.

python launch.py bench busy
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from ui import free_port

from workbench.core.run import Run, all_runs
from workbench.core.workspace import Workspace

EVENTS = 200


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the page did not start")


def event(port: int, fn: int) -> float:
    """Seconds of one unqueued event (the job bar's tick), as the browser sends it."""
    body = json.dumps({"data": [], "fn_index": fn, "session_hash": "bench"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/en/gradio_api/run/predict", body, {"content-type": "application/json"}
    )
    begin = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        answer.read()
    return time.perf_counter() - begin


def plain_event(port: int) -> int:
    """Index of an event that needs no inputs: a list drawn again when a run appears or ends."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/en/config", timeout=60) as answer:
        config = json.load(answer)
    plain = [
        item["id"]
        for item in config["dependencies"]
        if item["targets"] and item["targets"][0][1] == "change" and item["backend_fn"] and not item["inputs"]
    ]
    return int(plain[0])


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(port: int, fn: int) -> list[float]:
    found = []
    for _ in range(EVENTS):
        found.append(event(port, fn))
        time.sleep(0.05)
    return found


def end_worker(run: Run) -> None:
    """Its folder is about to go; nothing may be left computing."""
    worker = run.worker()
    if worker is not None:
        worker.kill()
        worker.wait()


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        base = [sys.executable, "-m", "workbench.cli"]
        page = subprocess.Popen([*base, "ui", "--port", str(port), "--workspace", folder], stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            fn = plain_event(port)
            measure(port, fn)
            idle = measure(port, fn)
            settings = ["--set", "training.num_train_epochs=50", "--workspace", folder, "--detach"]
            done = subprocess.run([*base, "run", "sentiment-en", *settings], capture_output=True, text=True, check=True)
            run = done.stdout.split()[0]
            events = os.path.join(folder, "runs", run, "events.jsonl")  # noqa: PTH118
            while '"kind": "step"' not in (open(events).read() if os.path.exists(events) else ""):  # noqa: PTH110, PTH123, SIM115
                time.sleep(0.2)
            busy = measure(port, fn)
        finally:
            for run in all_runs(Workspace(Path(folder))):
                end_worker(run)
            page.kill()
            page.wait()
    ratio = percentile(busy, 0.95) / percentile(idle, 0.95)
    detail = {
        name: {"p50_ms": round(1000 * percentile(v, 0.5), 1), "p95_ms": round(1000 * percentile(v, 0.95), 1)}
        for name, v in (("idle", idle), ("busy", busy))
    }
    print(
        json.dumps(
            {"name": "busy", "ratios": {"p95 of an event while training / idle": round(ratio, 2)}, "detail": detail}
        )
    )


if __name__ == "__main__":
    main()
