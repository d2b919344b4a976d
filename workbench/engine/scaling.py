"""Many GPUs on paper: bytes per GPU, bytes on the wire and seconds per step, before anybody rents them. `python -m workbench.engine.scaling`.

The formulas are those of the ZeRO paper (arXiv:1910.02054) for what training keeps, of Korthikanti et al. (arXiv:2205.05198) for activations
and of QLoRA (arXiv:2305.14314) for 4-bit weights; docs/scaling.md explains them. What it does not know: latency, stragglers, fragmented
memory, and how well a kernel does. GB are 10⁹ bytes. No torch here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields

from workbench.core.text import Lang, Text, terminal_lang

GB = 1e9
WEIGHT, TRAINED = 2.0, 16.0
"""Bytes per frozen parameter in bf16; per trained one with gradient, AdamW's mean and variance, and an fp32 copy where it is bf16."""
QUANTISED = (4 + 0.127) / 8
"""Bytes per frozen parameter in NF4 with double quantisation."""
KEPT, KEPT_SCORES, KEPT_BORDER = 34.0, 5.0, 2.0
"""Bytes of activations per token, channel and layer; of attention scores where they are kept; at a checkpoint."""
METHODS = ("full", "lora", "qlora")
STRATEGIES = ("ddp", "zero-1", "zero-2", "zero-3")
"""FSDP is zero-3 here: weights, gradients and optimizer in parts."""
LINKS = {
    "NVLink": 300.0,
    "8 × 400 Gb/s": 300.0,
    "8 × 200 Gb/s": 200.0,
    "400 Gb/s": 50.0,
    "200 Gb/s": 25.0,
    "25 Gb/s": 3.125,
}
"""GB/s out of a machine, in one direction; cards that are faster than NVLink wait for it."""


@dataclass(frozen=True)
class Setting:
    """A model, its rows, and the GPUs. `trained`: parameters that LoRA trains; `batch`: rows per GPU at a time."""

    params: float = 7e9
    gpus: int = 64
    trained: float = 40e6
    batch: int = 1
    length: int = 4096
    accumulate: int = 1
    hidden: int = 4096
    layers: int = 32
    heads: int = 32
    vocab: int = 32000
    peak: float = 312e12
    used: float = 0.4
    """Operations per second of a GPU, and the share of them that training gets."""
    width: float = 2.0
    """Bytes of a trained weight and of its gradient: 2 for bf16 beside an fp32 copy, 4 for fp32 under autocast."""

    @property
    def tokens(self) -> int:
        """Tokens of a GPU at a time."""
        return self.batch * self.length


def states(at: Setting, method: str, strategy: str) -> float:
    """Bytes per GPU of weights, gradients and optimizer."""
    trained, frozen = (at.params, 0.0) if method == "full" else (at.trained, at.params)
    held = frozen * (QUANTISED if method == "qlora" else WEIGHT)
    apart = {"ddp": 0, "zero-1": 1, "zero-2": 2, "zero-3": 3}[strategy]
    parts = [at.gpus if apart >= needed else 1 for needed in (3, 2, 1)]
    sizes = (at.width, at.width, TRAINED - 2 * at.width)
    own = sum(trained * size / part for size, part in zip(sizes, parts, strict=True))
    return held / parts[0] + own


def gathered(at: Setting, method: str, strategy: str) -> float:
    """Bytes of weights that are whole for a moment: with zero-3 one layer in use, and the next one on its way."""
    if strategy != "zero-3":
        return 0.0
    return 2 * at.params / at.layers * {"full": at.width, "lora": WEIGHT, "qlora": QUANTISED}[method]


def activations(at: Setting, checkpointing: bool, scores: bool = False) -> float:
    """Bytes kept for the way back. `scores`: attention that keeps its scores; fused attention does not. With checkpointing, the borders
    of all layers and the inside of one."""
    layer = at.tokens * at.hidden * (KEPT + (KEPT_SCORES * at.heads * at.length / at.hidden if scores else 0))
    borders = at.tokens * at.hidden * KEPT_BORDER
    inside = at.layers * borders + layer if checkpointing else at.layers * layer
    return inside + 4 * at.tokens * (at.hidden + at.vocab)


def memory(at: Setting, method: str, strategy: str, checkpointing: bool) -> float:
    """Bytes per GPU, all together."""
    return states(at, method, strategy) + gathered(at, method, strategy) + activations(at, checkpointing)


def wire(at: Setting, method: str, strategy: str) -> float:
    """Bytes that a GPU sends in a step. Gradients are added up once in a step; with zero-3 weights are fetched for every batch, for the
    way there and the way back. In a ring of n a reduce-scatter or an all-gather of V bytes sends (n − 1)/n · V."""
    trained = at.params if method == "full" else at.trained
    if strategy != "zero-3":
        return _ring(at.gpus) * trained * 2 * at.width
    frozen = 0.0 if method == "full" else at.params * (QUANTISED if method == "qlora" else WEIGHT)
    fetched = 2 * at.accumulate * (trained * at.width + frozen)
    return _ring(at.gpus) * (fetched + trained * at.width)


def _ring(gpus: int) -> float:
    return (gpus - 1) / gpus


def operations(at: Setting, method: str, checkpointing: bool) -> float:
    """Floating-point operations of a GPU in a step: 2 per parameter and token there, 2 back for activations, 2 for weights that are
    trained, and attention; checkpointing goes there once more."""
    there = 2 * at.params + 4 * at.layers * at.hidden * at.length
    back = (4 if method == "full" else 2) * at.params + 8 * at.layers * at.hidden * at.length
    return at.accumulate * at.tokens * (there * (2 if checkpointing else 1) + back)


def seconds(at: Setting, method: str, checkpointing: bool) -> float:
    """Seconds of a step that the GPU computes."""
    return operations(at, method, checkpointing) / (at.peak * at.used)


def efficiency(computing: float, sending: float) -> tuple[float, float]:
    """Share of the time spent computing: when nothing is sent meanwhile, and when everything is."""
    return computing / (computing + sending), computing / max(computing, sending)


def memory_table(at: Setting, lang: Lang) -> Iterable[str]:
    """GB per GPU, by method and strategy."""
    head = Text(
        "| method | strategy | weights, gradients, optimizer | + activations | + with checkpointing |",
        "| 方法 | 策略 | 权重、梯度、优化器 | 加激活 | 加激活（重算） |",
    )
    yield from (head.say(lang), "|---|---|---:|---:|---:|")
    for method in METHODS:
        for strategy in STRATEGIES:
            held = states(at, method, strategy)
            whole = (memory(at, method, strategy, checkpointing) for checkpointing in (False, True))
            yield f"| {method} | {strategy} | {' | '.join(f'{size / GB:.1f}' for size in (held, *whole))} |"


def time_table(at: Setting, lang: Lang) -> Iterable[str]:
    """Bytes on the wire, seconds, and efficiency from not overlapped to overlapped, over each kind of link."""
    head = Text("| method | strategy | GB sent | s computing |", "| 方法 | 策略 | 发送 GB | 计算秒数 |")
    yield from (head.say(lang) + "".join(f" {name} |" for name in LINKS), "|---|---|" + "---:|" * (2 + len(LINKS)))
    for method in METHODS:
        for strategy in ("ddp", "zero-3"):
            sent, computing = wire(at, method, strategy), seconds(at, method, True)
            cells = [_cell(computing, sent / GB / speed) for speed in LINKS.values()]
            yield f"| {method} | {strategy} | {sent / GB:.2f} | {computing:.2f} | {' | '.join(cells)} |"


def _cell(computing: float, sending: float) -> str:
    apart, together = efficiency(computing, sending)
    return f"{sending:.2f} s, {apart:.0%} – {together:.0%}"


def main(argv: list[str]) -> int:
    """Print both tables; every field of Setting is an option."""
    verb = argparse.ArgumentParser(prog="python -m workbench.engine.scaling", description="Many GPUs on paper.")
    for each in fields(Setting):
        verb.add_argument(f"--{each.name}", type=float, default=each.default)
    given = vars(verb.parse_args(argv))
    if wrong := next((name for name, value in given.items() if not 0 < value < 1e30), None):
        verb.error(f"--{wrong}: expected a number above 0 · 应为大于 0 的数")
    whole = {each.name: int(given[each.name]) if each.type == "int" else given[each.name] for each in fields(Setting)}
    at, lang = Setting(**whole), terminal_lang()
    print("\n".join([*memory_table(at, lang), "", *time_table(at, lang)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
