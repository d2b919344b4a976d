"""Attention over rows laid end to end in one kernel, on GPUs that have it: PyTorch's own `varlen_attn` (its built-in
FlashAttention; Dao, 2023, arXiv:2307.08691). It is used only after it has agreed, gradients included, with attention row by
row on this very device, width and number type."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

import torch

HALF = (torch.bfloat16, torch.float16)
NEAR = 0.02
"""Largest difference, relative to the largest value, still called agreement in 16-bit numbers."""
TRIED = (5, 1, 9)
"""Lengths of the rows of the check."""


def usable(query: Any, key: Any, options: dict[str, Any]) -> bool:
    """Whether query and key of shape (1, heads, tokens, width) can go through the kernel, and it is right here."""
    if not (query.is_cuda and query.dtype in HALF and not options.get("dropout")):
        return False
    return agrees(query.shape[1], key.shape[1], query.shape[3], query.dtype, str(query.device))


def attend(query: Any, key: Any, value: Any, lengths: list[int], scale: float | None) -> Any:
    """(1, heads, tokens, width) → (1, tokens, heads, width), causal within each row."""
    from torch.nn.attention.varlen import varlen_attn

    ends = torch.tensor([0, *lengths], device=query.device).cumsum(0).to(torch.int32)
    most = max(lengths)
    laid = [each[0].transpose(0, 1).contiguous() for each in (query, key, value)]
    grouped = query.shape[1] != key.shape[1]
    return varlen_attn(*laid, ends, ends, most, most, scale=scale, window_size=(-1, 0), enable_gqa=grouped)[None]


def known() -> bool:
    """Whether this PyTorch has the kernel under the arguments used here."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return False
    return {"window_size", "enable_gqa", "scale"} <= set(inspect.signature(varlen_attn).parameters)


@lru_cache(maxsize=64)
def agrees(heads: int, groups: int, width: int, kind: torch.dtype, device: str) -> bool:
    """One small pass forward and back through both ways, compared; False also where the kernel refuses."""
    if not known():
        return False
    dice = torch.Generator().manual_seed(0)
    shapes = [(1, count, sum(TRIED), width) for count in (heads, groups, groups)]
    drawn = [torch.randn(shape, generator=dice).to(device, kind) for shape in shapes]
    try:
        with torch.enable_grad():
            one, other = (_pass(way, drawn) for way in (attend, _by_rows))
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return False
    return all((a - b).abs().max() <= NEAR * b.abs().max() for a, b in zip(one, other, strict=True))


def _pass(way: Any, drawn: list[Any]) -> list[Any]:
    inputs = [each.detach().clone().requires_grad_() for each in drawn]
    made = way(*inputs, list(TRIED), None).float()
    return [made.detach(), *(each.float() for each in torch.autograd.grad(made.square().sum(), inputs))]


def _by_rows(query: Any, key: Any, value: Any, lengths: list[int], scale: float | None) -> Any:
    parts = zip(*(each.split(lengths, dim=2) for each in (query, key, value)), strict=True)
    grouped = query.shape[1] != key.shape[1]
    attention = torch.nn.functional.scaled_dot_product_attention
    made = [attention(*part, is_causal=True, scale=scale, enable_gqa=grouped) for part in parts]
    return torch.cat(made, dim=2).transpose(1, 2)
