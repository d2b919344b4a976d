"""One model over the GPUs of one process: its layers lie one after another on them, and numbers travel along (Accelerate's device map).

One GPU works at a time, so it is no faster than one; it is for a model that does not fit one. What this does not know: weights kept in
main memory or on a disk, which cannot be trained.
"""

from __future__ import annotations

from typing import Any

from workbench.core.errors import UserError
from workbench.core.sections import DEVICE_MAP, ComputeSection

AWAY = ("cpu", "disk")


def loading(compute: ComputeSection, device: str) -> dict[str, Any]:
    """What `from_pretrained` must know: about as much on each GPU."""
    return {"device_map": "balanced"} if compute.strategy == DEVICE_MAP and device == "cuda" else {}


def of(model: Any) -> list[str]:
    """Where the parts of a model lie, each place once."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return sorted({str(place) for place in (getattr(base, "hf_device_map", None) or {}).values()})


def told(model: Any) -> dict[str, Any]:
    """What a run says of it; nothing for a model that lies in one place."""
    return {"strategy": DEVICE_MAP, "places": found} if (found := of(model)) else {}


def assert_several(model: Any) -> None:
    """UserError when a model does not lie on several GPUs, or not all of it."""
    found = of(model)
    if len(found) > 1 and not set(found) & set(AWAY):
        return
    words = ", ".join(found) or "one place"
    raise UserError(
        f"compute.strategy: device-map should lay the model over several GPUs, but it lies on: {words}. Nothing was trained; choose a "
        "smaller model or 4-bit weights (qlora), or single if it fits one GPU.",
        f"compute.strategy：device-map 应把模型放在多个 GPU 上，实际位于：{'、'.join(found) or '一处'}。尚未训练；"
        "请改用更小的模型或 4 位权重（qlora），若单个 GPU 放得下请选 single。",
        field="compute.strategy",
    )
