"""Memory of a training run by arithmetic: weights, gradients, optimizer, activations, logits. No torch, no weights.

Activations follow what autograd keeps of a transformer layer per token (Korthikanti et al., 2022, arXiv:2205.05198,
section 4, counted anew for fused attention, which keeps no score matrix). All figures are bytes unless a name says MB.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

BASE_MB = {"cpu": 640.0, "cuda": 0.0}
"""Python with torch, transformers and peft imported; on a GPU they live elsewhere."""
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
OPTIMIZER = {"adamw_torch": 8, "adamw_torch_fused": 8, "adafactor": 0.1, "sgd": 0}
"""State per trained parameter: AdamW keeps two numbers, Adafactor two short vectors per matrix."""


@dataclass(frozen=True)
class Shape:
    """What counts of an architecture."""

    layers: int
    hidden: int
    inner: int
    heads: int
    keys: int
    """Width of keys and of values together with grouped queries."""
    vocabulary: int
    gated: bool
    predicts_tokens: bool


@dataclass(frozen=True)
class Load:
    """What one step carries: `tokens` in the largest batch with its padding, `learned` of them projected to the vocabulary."""

    rows: int
    longest: int
    tokens: int
    learned: int


@dataclass(frozen=True)
class Parts:
    """Bytes by cause."""

    base: float
    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float

    @property
    def total_mb(self) -> float:
        """All of it."""
        return round(sum(asdict(self).values()) / 1e6, 1)

    def mb(self) -> dict[str, float]:
        """Each in MB."""
        return {name: round(value / 1e6, 1) for name, value in asdict(self).items()}


def shape(config: dict[str, Any], predicts_tokens: bool) -> Shape:
    """From config.json; every family has its own names for the same five numbers."""
    inner = config.get("text_config")
    places = [config, inner if isinstance(inner, dict) else {}]

    def number(*names: str, default: int = 0) -> int:
        return next((int(p[n]) for p in places for n in names if isinstance(p.get(n), int)), default)

    hidden = number("hidden_size", "n_embd", "d_model", default=512)
    heads = number("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads", default=8)
    width = number("head_dim", "d_kv", default=max(1, hidden // max(1, heads)))
    both = number("encoder_layers") + number("decoder_layers")
    kind = str(config.get("hidden_act") or config.get("feed_forward_proj") or "")
    return Shape(
        layers=both or number("num_hidden_layers", "n_layer", "num_layers", "n_layers", default=6),
        hidden=hidden,
        inner=number("intermediate_size", "n_inner", "d_ff", "encoder_ffn_dim", "hidden_dim", default=4 * hidden),
        heads=heads,
        keys=number("num_key_value_heads", default=heads) * width,
        vocabulary=number("vocab_size", default=32000),
        gated=kind in ("silu", "gelu_pytorch_tanh") or kind.startswith("gated"),
        predicts_tokens=predicts_tokens,
    )


def parts(shape: Shape, counts: tuple[int, int], load: Load, settings: dict[str, Any]) -> Parts:
    """Bytes by cause. `counts` are (all parameters, trained parameters); `settings`: device, base dtype, precision,
    optim, gradient_checkpointing, adapter."""
    total, trained = counts
    number = BYTES[settings["precision"]]
    per_layer = _per_token(shape, settings["adapter"]) * number
    kept = load.tokens * shape.layers * per_layer
    if settings["gradient_checkpointing"]:  # one input per layer, and one layer computed again
        kept = load.tokens * (shape.layers * shape.hidden * number + per_layer)
    projected = (
        load.learned * shape.vocabulary * 4 * 3 if shape.predicts_tokens else 0
    )  # logits, their softmax, its gradient
    return Parts(
        base=BASE_MB[settings["device"]] * 1e6,
        weights=total * BYTES[settings["base_dtype"]],
        gradients=trained * 4,
        optimizer=trained * OPTIMIZER.get(settings["optim"], 8),
        activations=kept,
        logits=projected,
    )


def _per_token(shape: Shape, adapter: bool) -> float:
    """Numbers kept of one token in one layer. A frozen linear layer does not keep its input, unless an adapter needs it."""
    attention = 2 * shape.hidden + 2 * shape.keys + 2 * shape.hidden  # queries, keys, values, output; norm and residual
    rotated = shape.hidden + shape.keys
    inner = (4 if shape.gated else 2) * shape.inner
    norms = 4 * shape.hidden
    return attention + rotated + inner + norms + (0 if adapter else shape.hidden)
