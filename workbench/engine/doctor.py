"""What this machine has and what will work on it. Imports torch only to ask about the GPU."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from workbench import ASSETS
from workbench.core.workspace import Workspace
from workbench.engine import zero
from workbench.engine.speed import GEARS, lacking

PACKAGES = (
    "gradio",
    "torch",
    "transformers",
    "datasets",
    "peft",
    "accelerate",
    "evaluate",
    "pandas",
    "plotly",
)


def examine(workspace: Workspace) -> dict[str, Any]:
    """Facts by name."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "workspace": guarded(workspace),
        "free_disk_gb": round(shutil.disk_usage(workspace.root).free / 2**30, 1),
        "gpu": torch.cuda.get_device_name(0) if device == "cuda" else "none",
        **{gear: why.en if (why := lacking(gear, device)) else "ready" for gear in GEARS},
        "deepspeed": why.en if (why := zero.lacking()) else "ready",
        "starter_encoder": (ASSETS / "models" / "all-MiniLM-L6-v2" / "model.safetensors").is_file(),
        "starter_chat": (ASSETS / "models" / "lumo" / "model.safetensors").is_file(),
        **{name: installed(name) for name in PACKAGES},
    }


def guarded(workspace: Workspace) -> str:
    """Who can look into the workspace; where others can, the command that mends it."""
    if not workspace.exposed():
        return "yours alone"
    return f"other users of this machine can read it; to keep them out: chmod 700 {shlex.quote(str(workspace.root))}"


def installed(name: str) -> str:
    """A package's version, or "missing"."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
