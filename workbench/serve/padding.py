"""Rows added before the widest layer, where a processor multiplies two or three rows more slowly than four.

Matrix libraries take a few rows one after another and only from some number on as a block; at the output layer, the widest of a model,
this can double a step. Which numbers are slow differs from machine to machine, so it is measured, once, on the layer itself.
"""

from __future__ import annotations

import time
from typing import Any

import torch

MOST, TIMES = 8, 5
WORTH = 0.9
"""How much of the time must be left for a larger number of rows to be taken."""


def even_out(layer: Any) -> dict[int, int]:
    """Make a linear layer compute one token for n rows with as many rows as is fastest; {n: rows} where that is more than n."""
    better = faster(layer) if isinstance(layer, torch.nn.Linear) and layer.weight.device.type == "cpu" else {}
    if better:
        here = _Rows(better)
        layer.register_forward_pre_hook(here.widen)
        layer.register_forward_hook(here.cut)
    return better


def faster(layer: Any) -> dict[int, int]:
    """Which numbers of rows take longer than a larger number, and which one that is."""
    with torch.inference_mode():
        given = torch.zeros(MOST, layer.in_features, dtype=layer.weight.dtype)
        took = {rows: min(_seconds(layer, given[:rows]) for _ in range(TIMES)) for rows in range(1, MOST + 1)}
    best = {rows: min(range(rows, MOST + 1), key=took.__getitem__) for rows in took}
    return {rows: more for rows, more in best.items() if took[more] < WORTH * took[rows]}


def _seconds(layer: Any, given: Any) -> float:
    began = time.perf_counter()
    layer(given)
    return time.perf_counter() - began


class _Rows:
    """Between the two hooks of one call."""

    def __init__(self, better: dict[int, int]) -> None:
        self.better, self.count = better, 0

    def widen(self, layer: Any, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
        rows = given[0]
        self.count = len(rows) if rows.dim() == 3 and rows.shape[1] == 1 and len(rows) in self.better else 0
        if not self.count:
            return None
        return (torch.cat([rows, rows.new_zeros(self.better[self.count] - self.count, *rows.shape[1:])]), *given[1:])

    def cut(self, layer: Any, given: tuple[Any, ...], made: Any) -> Any:
        return made[: self.count] if self.count else None
