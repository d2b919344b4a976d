"""Bottleneck adapters: a narrow network behind attention and feed-forward (Houlsby et al., 2019, arXiv:1902.00751), or
behind feed-forward only (Pfeiffer et al., 2020, arXiv:2005.00247). PEFT has no such method; this one is ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.core.knob import knob
from workbench.core.method import METHODS, MethodSection
from workbench.core.text import Text
from workbench.methods import SelectedMethod, attention_out, feedforward_out

if TYPE_CHECKING:
    from torch import Tensor, nn

PART = "bottleneck"
ACTIVATIONS = ("gelu", "relu", "silu")


class AdapterSection(MethodSection):
    """Where the networks sit and how narrow they are."""

    kind: str = "adapter"
    placement: str = knob(
        "houlsby",
        Text("Placement", "放置位置"),
        Text(
            "Houlsby: behind attention and feed-forward of every layer. Pfeiffer: behind feed-forward only, half the numbers.",
            "Houlsby：每层的注意力与前馈之后各一个。Pfeiffer：只在前馈之后，参数减半。",
        ),
        choices=(
            ("houlsby", Text("Houlsby (two per layer)", "Houlsby（每层两个）")),
            ("pfeiffer", Text("Pfeiffer (one per layer)", "Pfeiffer（每层一个）")),
        ),
    )
    reduction_factor: int = knob(
        16,
        Text("Reduction", "压缩倍数"),
        Text(
            "The bottleneck is the model's width divided by this. Smaller learns more and costs more.",
            "瓶颈宽度 = 模型宽度 ÷ 此值。越小学得越多，代价越大。",
        ),
        ge=1,
        le=1024,
        example="16",
    )
    activation: str = knob(
        "gelu",
        Text("Activation", "激活函数"),
        Text(
            "Between narrowing and widening. Change it only to compare: the difference is small and costs nothing.",
            "位于降维与升维之间。只为比较时才更改：差别很小，没有开销。",
        ),
        choices=tuple((name, Text(name, name)) for name in ACTIVATIONS),
        advanced=True,
    )


@METHODS.add
class Adapter(SelectedMethod):
    """Narrow networks in the residual stream."""

    kind = "adapter"
    order = 30
    label = Text("Bottleneck adapter", "瓶颈适配器")
    help = Text(
        "Adds a narrow two-layer network behind attention and feed-forward of every layer; only these learn.",
        "在每层的注意力与前馈之后加入窄的两层网络，只训练它们。",
    )
    section = AdapterSection
    suggests = {"training.learning_rate": 1e-3}
    unmergeable = Text(
        "A bottleneck is not linear, so it cannot become part of a weight; keep it beside the model.",
        "瓶颈网络是非线性的，无法并入权重；请与模型一起保存。",
    )

    def choose(self, model: Any, section: Any) -> Callable[[str], bool]:
        """Put the networks in; they alone are trained. A second call on the same model adds nothing."""
        places = feedforward_out(model)
        if section.placement == "houlsby":
            places = [*attention_out(model), *places]
        for place in places:
            _put(model.get_submodule(place), section)
        return lambda name: f".{PART}." in name


def _put(layer: nn.Module, section: Any) -> None:
    """A bottleneck behind `layer`, whose own name and weight stay as they are: base files load as ever."""
    if hasattr(layer, PART):
        return
    weight: Any = layer.weight
    made = bottleneck(_width(layer), section.reduction_factor, section.activation)
    layer.add_module(PART, made.to(device=weight.device, dtype=weight.dtype))
    layer.register_forward_hook(_add)


def _width(layer: Any) -> int:
    """Outputs of a linear layer; GPT-2's is transposed."""
    return int(layer.out_features if hasattr(layer, "out_features") else layer.nf)


def _add(layer: Any, inputs: Any, output: Tensor) -> Tensor:
    return output + getattr(layer, PART)(output)


def bottleneck(width: int, reduction: int, activation: str) -> nn.Module:
    """down → activation → up, (…, width) → (…, width); starts as no change, since `up` is zero."""
    from torch import nn

    narrow = max(1, width // reduction)
    acts: dict[str, nn.Module] = {"gelu": nn.GELU(), "relu": nn.ReLU(), "silu": nn.SiLU()}
    down, up = nn.Linear(width, narrow), nn.Linear(narrow, width)
    nn.init.normal_(down.weight, std=0.01)
    nn.init.zeros_(down.bias)
    nn.init.zeros_(up.weight)
    nn.init.zeros_(up.bias)
    return nn.Sequential(down, acts[activation], up)
