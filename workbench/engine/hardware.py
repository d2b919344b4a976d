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


def base_dtype(device: str, precision: str, task: Any, method: Any) -> str:
    """The numbers a frozen base is held in: bf16 beside an adapter on a GPU, and on a CPU for LoRA on a language model,
    which computes in them as well (half the memory, faster where the CPU has bf16 instructions); fp32 otherwise."""
    if precision != "bf16" or not method.adapter:
        return "fp32"
    return "bf16" if device == "cuda" or (method.kind == "lora" and task.peft_type == "CAUSAL_LM") else "fp32"


def autocast_of(device: str, precision: str, base: str) -> str:
    """What is computed in mixed precision: on a CPU a base that is in bf16 already needs no more."""
    return "fp32" if device == "cpu" and base == "bf16" else precision


def memory_mb(process: psutil.Process, device: str) -> float:
    """What the run holds now: GPU memory where it computes on one, else resident memory."""
    if device == "cuda":
        import torch

        return round(sum(map(torch.cuda.memory_allocated, range(torch.cuda.device_count()))) / 1e6, 1)
    return round(process.memory_info().rss / 1e6, 1)


def peak_memory_mb(device: str) -> float:
    """The most the run ever held."""
    if device == "cuda":
        import torch

        return round(sum(map(torch.cuda.max_memory_allocated, range(torch.cuda.device_count()))) / 1e6, 1)
    return round(_peak_rss() / 1e6, 1)


def _peak_rss() -> float:
    try:
        import resource
    except ImportError:  # Windows
        info: Any = psutil.Process().memory_info()
        return float(info.peak_wset)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
