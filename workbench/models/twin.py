"""Models that share their weights: a second tree of modules over the same tensors, so that one loaded base carries many results.

Contract: whatever is put around or into a twin (adapters, hooks, changed tensors) leaves the first model as it was, bit by bit.
What a twin shall change it must own first; `own` gives it copies.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any


def twin(model: Any) -> Any:
    """The same modules again, over the same parameters and buffers."""
    shared = {id(value): value for value in tensors(model)}
    made = copy.deepcopy(model, shared)
    return made.eval()


def tensors(model: Any) -> Iterator[Any]:
    """Every parameter and buffer once."""
    return chain(model.parameters(), model.buffers())


def own(model: Any, names: Iterable[str]) -> None:
    """Copies of its own for the tensors of these names, wherever they are tied to; names it lacks are passed over."""
    found = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
    copies = {id(found[name]): _copied(found[name]) for name in names if name in found}
    for part in model.modules():
        for places in (part._parameters, part._buffers):
            for name, value in places.items():
                if value is not None and id(value) in copies:
                    places[name] = copies[id(value)]


def _copied(value: Any) -> Any:
    from torch import nn

    fresh = value.detach().clone()
    return nn.Parameter(fresh, requires_grad=False) if isinstance(value, nn.Parameter) else fresh


def extra_bytes(model: Any, beside: Any) -> int:
    """Memory of what `model` holds and `beside` does not."""
    known = {id(value) for value in tensors(beside)}
    return sum(value.numel() * value.element_size() for value in tensors(model) if id(value) not in known)
