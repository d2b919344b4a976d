"""Does the plain twin learn what the run learned? It is started in a process of its own, and its first losses stand beside the run's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import workbench
from workbench.core.errors import shorten
from workbench.engine.worker import QUIET

WATCHED = "import runpy, sys; from workbench.engine.world import die_with_launcher; die_with_launcher(); runpy.run_path(sys.argv[1], run_name='__main__')"
"""Runs a script that ends when who asked for it is gone: an export may be called off."""
NEAR, ROUGH, SAME = 1e-2, 5e-2, 1e-4
"""Relative differences of a loss: allowed in fp32, allowed in half precision or with dropout over rows laid end to end, and called equal."""


def compared(source: Any, script: Path, steps: int) -> list[dict[str, Any]]:
    """One line per step; one line that says it does not run, where it does not."""
    compile(script.read_text(encoding="utf-8"), str(script), "exec")
    wanted = losses_of(source.run)[:steps]
    if not wanted:
        return []
    done = started(source, script, len(wanted))
    if done.returncode:
        reason = shorten(done.stderr.strip().rsplit("\n", 1)[-1], 200)
        return [
            {"what": (f"The script runs: {reason}", f"脚本可运行：{reason}"), "run": "✓", "export": "✗", "ok": False}
        ]
    found = json.loads((script.parent / "tuned" / "losses.json").read_text(encoding="utf-8"))
    limit = NEAR if precision(source.run) == "fp32" else ROUGH
    return [line(step, *pair, limit) for step, pair in enumerate(zip(wanted, found, strict=True), start=1)]


def line(step: int, old: float, new: float, limit: float) -> dict[str, Any]:
    """The losses of a step."""
    gap = abs(old - new) / max(abs(old), 1e-6)
    what = (f"Loss of step {step}", f"第 {step} 步的损失")
    return {"what": what, "run": f"{old:.6g}", "export": f"{new:.6g}", "ok": gap <= limit, "same": gap <= SAME}


def started(source: Any, script: Path, steps: int) -> subprocess.CompletedProcess[str]:
    """The script for so many steps, on this machine's copy of the base, without a network."""
    threads = {"OMP_NUM_THREADS": str(source.recipe.compute.threads)} if source.recipe.compute.threads else {}
    gpu = {} if source.device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    told = {"MODEL": str(source.start), "STEPS": str(steps), "HF_HUB_OFFLINE": "1", **QUIET, **threads, **gpu}
    paths = os.pathsep.join([str(workbench.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", WATCHED, str(script)], cwd=script.parent, env={**os.environ, **told, "PYTHONPATH": paths},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def losses_of(run: Any) -> list[float]:
    """The loss of every step, from the first; a step that was done again counts once."""
    found: dict[int, float] = {}
    for event in run.events()[0]:
        if event.kind == "step":
            found.setdefault(int(event.get("step")), float(event.get("loss")))
    return [found[step] for step in sorted(found)]


def precision(run: Any) -> str:
    """The numbers it was trained in."""
    return next((str(event.get("precision")) for event in run.events()[0] if event.kind == "model"), "fp32")
