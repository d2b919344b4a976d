"""LoRA adapters in one model: rows of a batch may each have their own, or none.

PEFT's `adapter_names` takes the rows of one adapter after another through every layer, hooks every layer at every call and leaves the
hooks there when the call raises. Here the matrices of all adapters in the batch stand side by side, each row counts only its own
(two products per layer however many adapters there are; the idea of S-LoRA, arXiv:2311.03285), for as long as the rows stay the same,
and everything is taken off in any case. Layers that are no linear ones (LoRA on embeddings) go PEFT's way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from workbench.core.files import read_json
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.models.loading import FRESH, add_adapter, lay_on
from workbench.models.twin import extra_bytes, twin

PLAIN = "__base__"
"""PEFT's name for a row without an adapter."""


def mixes(run: Run) -> bool:
    """Whether rows with this run's adapter can share a batch with others: LoRA without DoRA, biases or modules of its own."""
    if not METHODS.get(run.recipe.method.kind).adapter or (run.tuned / FRESH).is_file():
        return False
    config = read_json(run.tuned / "adapter_config.json")
    if not isinstance(config, dict) or config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        return False
    odd = (
        "use_dora",
        "lora_bias",
        "modules_to_save",
        "trainable_token_indices",
        "alora_invocation_tokens",
        "layer_replication",
        "target_parameters",
    )
    return not any(config.get(name) for name in odd)  # fmt: skip


class Mixed:
    """A twin of the base with LoRA adapters on it; the base itself stays plain."""

    def __init__(self, base: Any) -> None:
        self.base = base
        self.model: Any = None
        self.names: set[str] = set()
        self._hooks: Any = None
        self._rows: list[str] = []

    def add(self, run: Run, name: str, step: int | None) -> int:
        """One more adapter; the bytes it takes."""
        self.leave()
        before = 0 if self.model is None else extra_bytes(self.model, self.base)
        if self.model is None:
            self.model = lay_on(run, twin(self.base), name, step)
        else:
            try:
                add_adapter(run, self.model, name, step)
            except Exception:  # half an adapter is none
                if name in self.model.peft_config:
                    self.model.delete_adapter(name)
                raise
        self.names.add(name)
        return extra_bytes(self.model, self.base) - before

    def remove(self, name: str) -> None:
        """Forget an adapter; with the last one, the twin."""
        self.leave()
        self.names.remove(name)
        if self.names:
            self.model.delete_adapter(name)
        else:
            self.model = None

    def forward(self, rows: Sequence[str | None]) -> Any:
        """The model for rows with these adapters; ValueError for one that is not here, before anything is touched."""
        unknown = {name for name in rows if name} - self.names
        if unknown:
            raise ValueError(f"no such adapter: {', '.join(sorted(unknown))}")
        if len(set(rows)) > 1:
            self._enter([name or PLAIN for name in rows])
            return self.model.get_base_model()
        self.leave()
        if not rows or rows[0] is None:
            return self.base
        self.only(rows[0])
        return self.model.get_base_model()

    def only(self, name: str) -> Any:
        """The PeftModel with this adapter switched on."""
        self.leave()
        if self.model.active_adapters != [name]:
            self.model.set_adapter(name, inference_mode=True)
        return self.model

    def _enter(self, rows: list[str]) -> None:
        if rows == self._rows:
            return
        self.leave()
        layers = list(self._layers())
        if not all(map(linear, layers)):
            self._hooks = self.model.base_model._enable_peft_forward_hooks(adapter_names=rows)
            self._hooks.__enter__()
        else:
            masks = dict[tuple[tuple[str, int], ...], Any]()
            for layer in layers:
                layer.forward = partial(side_by_side, layer, *stacked(layer, rows, masks))
        self._rows = rows

    def _layers(self) -> Iterator[Any]:
        from peft.tuners.lora import LoraLayer

        return (part for part in self.model.modules() if isinstance(part, LoraLayer))

    def leave(self) -> None:
        """Take off what `_enter` put on."""
        if self._hooks is not None:
            hooks, self._hooks = self._hooks, None
            hooks.__exit__(None, None, None)
        elif self._rows:
            for layer in self._layers():
                layer.__dict__.pop("forward", None)
        self._rows = []

    def recover(self) -> None:
        """After a call that raised: no hook stays, those that PEFT forgets neither."""
        self.leave()
        for part in [] if self.model is None else self._layers():
            part._forward_pre_hooks.clear()
            part._forward_pre_hooks_with_kwargs.clear()


def linear(layer: Any) -> bool:
    """Whether a layer's adapters are two products."""
    matrices = [*layer.lora_A.values(), *layer.lora_embedding_A.values()]
    return all(isinstance(each, torch.nn.Linear) for each in matrices)


Masks = dict[tuple[tuple[str, int], ...], Any]


def stacked(layer: Any, rows: Sequence[str], masks: Masks) -> tuple[Any, Any, Any]:
    """(A of all adapters (ranks, in), B with their scalings (out, ranks), share of each row in each rank (rows, ranks)), or Nones.

    Layers of equal ranks share one of `masks`.
    """
    names = [name for name in dict.fromkeys(rows) if name in layer.lora_A]
    if not names:
        return None, None, None
    down = torch.cat([layer.lora_A[name].weight for name in names])
    up = torch.cat([layer.lora_B[name].weight * layer.scaling[name] for name in names], dim=1)
    key = tuple((name, layer.lora_A[name].weight.shape[0]) for name in names)
    if key not in masks:
        own = [[row == name for name, rank in key for _ in range(rank)] for row in rows]
        masks[key] = torch.tensor(own, device=down.device).to(down.dtype)
    return down, up, masks[key]


def side_by_side(layer: Any, down: Any, up: Any, mask: Any, x: Any, *given: Any, **named: Any) -> Any:
    """The layer's output for x (rows, …, in), each row with its own adapter."""
    made = layer.base_layer(x, *given, **named)
    if down is None:
        return made
    inner = torch.nn.functional.linear(x.to(down.dtype), down) * mask.view(len(mask), *[1] * (x.dim() - 2), -1)
    return made + torch.nn.functional.linear(inner, up).to(made.dtype)
