"""Where a run computes and in which numbers, and how much memory it takes."""

from __future__ import annotations

import sys
from typing import Any

import psutil

from workbench.core.errors import UserError
from workbench.core.sections import ComputeSection


def device_of(compute: ComputeSection) -> str:
    """cpu or cuda; UserError when a GPU was asked for and there is none."""
    import torch

    if compute.device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "compute.device: “cuda” was chosen, but PyTorch finds no NVIDIA GPU here; choose auto or cpu.",
            "compute.device：选择了“cuda”，但 PyTorch 未找到 NVIDIA GPU；请改选 auto 或 cpu。",
            field="compute.device",
        )
    return "cuda" if compute.device != "cpu" and torch.cuda.is_available() else "cpu"


def precision_of(compute: ComputeSection, device: str) -> str:
    """fp32, bf16 or fp16; UserError for fp16 on a CPU."""
    import torch

    if compute.precision == "fp16" and device == "cpu":
        raise UserError(
            "compute.precision: “fp16” needs a GPU; choose auto, fp32 or bf16.",
            "compute.precision：“fp16”需要 GPU；请选择 auto、fp32 或 bf16。",
            field="compute.precision",
        )
    if compute.precision != "auto":
        return compute.precision
    return "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def memory_mb(process: psutil.Process, device: str) -> float:
    """What the run holds now: GPU memory where it computes on one, else resident memory."""
    if device == "cuda":
        import torch

        return round(torch.cuda.memory_allocated() / 1e6, 1)
    return round(process.memory_info().rss / 1e6, 1)


def peak_memory_mb(device: str) -> float:
    """The most the run ever held."""
    if device == "cuda":
        import torch

        return round(torch.cuda.max_memory_allocated() / 1e6, 1)
    return round(_peak_rss() / 1e6, 1)


def _peak_rss() -> float:
    try:
        import resource
    except ImportError:  # Windows
        info: Any = psutil.Process().memory_info()
        return float(info.peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
