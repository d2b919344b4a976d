"""The parts of a model, read from its safetensors headers: which tensors, how large, how often repeated. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.models.facts import NOT_PARAMETERS, header, weight_files

_NUMBER = re.compile(r"\.\d+(?=\.|$)")


@dataclass(frozen=True)
class Part:
    """Tensors of one place and shape, layers folded: `model.layers.*.self_attn.q_proj.weight`, 12 times (512, 512)."""

    name: str
    shape: tuple[int, ...]
    repeats: int

    @property
    def parameters(self) -> int:
        """In all repeats."""
        return math.prod(self.shape) * self.repeats


def parts(folder: Path) -> list[Part]:
    """Every part of the model in `folder`, in the order of its files."""
    tensors = [item for path in weight_files(folder) for item in header(path).items()]
    return fold((name, each["shape"]) for name, each in tensors if each["dtype"] not in NOT_PARAMETERS)


def fold(tensors: Iterable[tuple[str, Iterable[int]]]) -> list[Part]:
    """Tensors whose names differ only in a layer's number become one part."""
    found: dict[tuple[str, tuple[int, ...]], int] = {}
    for name, shape in tensors:
        key = (_NUMBER.sub(".*", name), tuple(int(size) for size in shape))
        found[key] = found.get(key, 0) + 1
    return [Part(name, shape, count) for (name, shape), count in found.items()]


def branches(found: Iterable[Part]) -> dict[str, int]:
    """Parameters of every module path, parents holding the sum of their children; "" is the whole model."""
    sums: dict[str, int] = {}
    for part in found:
        pieces = part.name.split(".")
        for end in range(len(pieces)):
            path = ".".join(pieces[:end])
            sums[path] = sums.get(path, 0) + part.parameters
    return sums
