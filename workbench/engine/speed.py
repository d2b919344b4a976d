"""What makes a run faster where the machine has it. Each is a knob of `compute:`. What this machine lacks is left out with a
note that says why, so that a recipe made on a large machine also runs on a small one."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from workbench.core.sections import ComputeSection
from workbench.core.text import Text

FLASH = "flash_attention_2"
GEARS = ("torch_compile", "use_liger_kernel", FLASH, "tf32")
AMPERE = 8
"""Compute capability from which on NVIDIA GPUs have TF32 and what FlashAttention needs."""


def lacking(gear: str, device: str) -> Text | None:
    """Why `gear` (torch_compile, use_liger_kernel, flash_attention_2 or tf32) cannot be used here; None when it can."""
    if gear == "torch_compile":
        return _no_compiler(device)
    if device != "cuda" or _capability() < AMPERE:
        return Text(
            f"{gear} needs an NVIDIA GPU of the Ampere generation or later", f"{gear} 需要 Ampere 或更新的 NVIDIA GPU"
        )
    package = {"use_liger_kernel": "liger_kernel", FLASH: "flash_attn"}.get(gear)
    if package and importlib.util.find_spec(package) is None:
        name = package.replace("_", "-")
        return Text(
            f"{gear} needs the package {name} (pip install {name})", f"{gear} 需要软件包 {name}（pip install {name}）"
        )
    return None


def _no_compiler(device: str) -> Text | None:
    if device == "cuda" and importlib.util.find_spec("triton") is None:
        return Text("torch_compile needs the package triton", "torch_compile 需要软件包 triton")
    if device == "cpu" and not any(shutil.which(name) for name in ("g++", "clang++", "cl")):
        return Text(
            "torch_compile needs a C++ compiler (g++ or clang++)", "torch_compile 需要 C++ 编译器（g++ 或 clang++）"
        )
    return None


def _capability() -> int:
    import torch

    return int(torch.cuda.get_device_capability()[0])


def left_out(compute: ComputeSection, device: str) -> list[Text]:
    """A sentence for every gear that was asked for and is not there."""
    asked = [gear for gear in ("torch_compile", "use_liger_kernel") if getattr(compute, gear)]
    if compute.attn_implementation == FLASH:
        asked.append(FLASH)
    reasons = filter(None, (lacking(gear, device) for gear in asked))
    return [Text(f"{why.en}; this run goes without.", f"{why.zh}；本次训练不使用它。") for why in reasons]


def attention(compute: ComputeSection, device: str) -> dict[str, str]:
    """The argument of from_pretrained that says how to attend; nothing where the library may choose."""
    chosen = compute.attn_implementation
    if chosen == "auto" or (chosen == FLASH and lacking(FLASH, device)):
        return {}
    return {"attn_implementation": chosen}


def set_tf32(compute: ComputeSection, device: str) -> None:
    """fp32 products of a GPU in TF32, or not; a CPU has no such thing."""
    import torch

    if device == "cuda" and not lacking("tf32", device):
        torch.set_float32_matmul_precision("high" if compute.tf32 else "highest")


def shift_up(model: Any, compute: ComputeSection, device: str) -> list[Callable[[], None]]:
    """Liger's kernels and compiled blocks, as asked and as possible; what is returned takes the compilation back, which
    pays for the shapes of training only."""
    if compute.use_liger_kernel and not lacking("use_liger_kernel", device):
        from transformers.integrations.liger import apply_liger_kernel

        apply_liger_kernel(model, None)
    if not compute.torch_compile or lacking("torch_compile", device):
        return []
    from workbench.engine import packing

    _keep_out(packing.NAME, packing.rows_apart)
    return [_compiled(block) for block in blocks(model)]


def _keep_out(name: str, attention: Any) -> None:
    """The compiler leaves the attention over rows alone: their lengths are new at every step."""
    import torch
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(name, torch.compiler.disable(attention))


def _compiled(block: Any) -> Callable[[], None]:
    block.compile(dynamic=True)

    def undo() -> None:
        block._compiled_call_impl = None

    return undo


def blocks(model: Any) -> Iterator[Any]:
    """The repeated layers of a model: compiled one by one, they share one short compilation."""
    import torch

    found: list[str] = []
    for name, part in model.named_modules():
        alike = isinstance(part, torch.nn.ModuleList) and len({type(each) for each in part}) == 1 < len(part)
        if alike and not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
            yield from part
