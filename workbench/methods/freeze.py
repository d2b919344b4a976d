"""Freeze: the last N blocks are trained in full, what lies below them stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.core.knob import knob
from workbench.core.method import METHODS, MethodSection
from workbench.core.text import Text
from workbench.methods import SelectedMethod


class FreezeSection(MethodSection):
    """How much is trained."""

    kind: str = "freeze"
    num_trainable_layers: int = knob(
        2,
        Text("Trained layers", "训练层数"),
        Text(
            "The last layers that change (of the decoder, where there is one). No backward pass goes below them.",
            "参与训练的最后若干层（有解码器时指解码器）。反向传播不会到更下面的层。",
        ),
        ge=1,
        le=1000,
        example="2",
    )


@METHODS.add
class Freeze(SelectedMethod):
    """The top of the model is trained."""

    kind = "freeze"
    order = 4
    label = Text("Freeze (last layers)", "冻结微调（只训练最后几层）")
    help = Text(
        "Trains the last layers in full and freezes the rest: faster and leaner than full, stronger than tiny adapters.",
        "完整训练最后几层、冻结其余部分：比全量更快更省，比微型适配器更强。",
    )
    section = FreezeSection
    suggests = {"training.learning_rate": 5e-5}

    def choose(self, model: Any, section: Any) -> Callable[[str], bool]:
        """Parameters of the last blocks, and of what comes after them under the same roof (the last norm)."""
        roof, blocks = _blocks(model)
        last = tuple(f"{roof}.{index}." for index in range(max(0, blocks - section.num_trainable_layers), blocks))
        parent = roof.rpartition(".")[0]
        norms = tuple(f"{parent}.{name}." for name in ("norm", "ln_f", "final_layer_norm", "final_norm"))
        return lambda name: name.startswith((*last, *norms))


def _blocks(model: Any) -> tuple[str, int]:
    """Name and length of the last longest list of blocks: the decoder's, where there are two."""
    from torch.nn import ModuleList

    lists = [(name, len(part)) for name, part in model.named_modules() if isinstance(part, ModuleList)]
    outer = [(name, size) for name, size in lists if not any(name.startswith(f"{other}.") for other, _ in lists)]
    longest = max(size for _, size in outer)
    return [item for item in outer if item[1] == longest][-1]
