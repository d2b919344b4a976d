"""LoRA adapters in one model: rows of a batch may each have their own, or none.

PEFT's `adapter_names` puts hooks on every layer at every call and leaves them there when the call raises. Here they are put on
once for as long as the rows stay the same, and taken off in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
        hooks = self.model.base_model._enable_peft_forward_hooks(adapter_names=rows)
        hooks.__enter__()
        self._hooks, self._rows = hooks, rows

    def leave(self) -> None:
        """Take the hooks off, also those that PEFT forgot when something raised."""
        if self._hooks is not None:
            hooks, self._hooks, self._rows = self._hooks, None, []
            hooks.__exit__(None, None, None)

    def recover(self) -> None:
        """After a call that raised: no hook stays."""
        from peft.tuners.lora import LoraLayer

        self.leave()
        for part in [] if self.model is None else self.model.modules():
            if isinstance(part, LoraLayer):
                part._forward_pre_hooks.clear()
                part._forward_pre_hooks_with_kwargs.clear()
