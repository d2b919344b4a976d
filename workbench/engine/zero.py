"""ZeRO by DeepSpeed (Rajbhandari et al., 2020, arXiv:1910.02054) around a model and an optimizer of our own loop.

Stage 2 lays optimizer state and gradients in parts over the processes, stage 3 the weights too. DeepSpeed would save its part with
pickle; here a process's part is plain tensors (`state`), which the loop keeps as safetensors. DeepSpeed is an extra: `lacking` says what
is missing. What this does not know: fp16 (its loss scale is no tensor), and parameters offloaded to a disk.
"""

from __future__ import annotations

import importlib.util
import logging
import os
from typing import Any

from workbench.core.sections import ComputeSection
from workbench.core.text import Text

PARTS = {
    2: ("base_optimizer_state", "single_partition_of_fp32_groups"),
    3: ("optimizer_state_dict", "fp32_flat_groups"),
}
"""What a process holds for itself, by stage, under the names DeepSpeed gives it."""
SILENT = 1_000_000_000


def lacking() -> Text | None:
    """Why DeepSpeed cannot be used here; None when it can."""
    if os.name == "nt":
        return Text("DeepSpeed trains on Linux only", "DeepSpeed 训练仅支持 Linux")
    if importlib.util.find_spec("deepspeed") is None:
        return Text(
            "the package deepspeed is missing (pip install deepspeed)", "缺少软件包 deepspeed（pip install deepspeed）"
        )
    return None


def environment(gpus: bool) -> dict[str, str]:
    """What the processes must be told before DeepSpeed is imported: it takes a CPU only when asked to."""
    return {} if gpus else {"DS_ACCELERATOR": "cpu"}


def settings(args: Any, compute: ComputeSection) -> dict[str, Any]:
    """DeepSpeed's configuration from TrainingArguments `args`. The optimizer stays torch's, also where its state lies in main memory:
    DeepSpeed's own is compiled at the first use, for a minute and more."""
    zero: dict[str, Any] = {"stage": int(compute.zero_stage)}
    if compute.offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu"}
    return {
        "train_micro_batch_size_per_gpu": args.per_device_train_batch_size,
        "gradient_accumulation_steps": args.gradient_accumulation_steps,
        "gradient_clipping": float(args.max_grad_norm or 0.0),
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "torch_autocast": {"enabled": bool(args.bf16), "dtype": "bfloat16"},
        "steps_per_print": SILENT,
    }


def engine(model: Any, optimizer: Any, config: dict[str, Any]) -> Any:
    """DeepSpeed's wrapper, which takes over backward pass, clipping and step. The processes have met before."""
    import deepspeed

    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # gloo does it; this would be compiled first
    return deepspeed.initialize(model=model, optimizer=optimizer, config=config)[0]


def is_engine(model: Any) -> bool:
    """Whether a model is DeepSpeed's wrapper."""
    return hasattr(model, "zero_optimization_stage")


def divided(value: Any) -> bool:
    """Whether a value is a parameter that DeepSpeed holds in parts (stage 3)."""
    return hasattr(value, "all_gather")


def whole(value: Any) -> Any:
    """A parameter's whole tensor. Every process must ask, in the same order."""
    import deepspeed

    with deepspeed.zero.GatheredParameters([value]):
        return value.detach().clone()


def in_parts(model: Any, size: int) -> int:
    """How many tensors lie in parts over `size` processes: weights at stage 3, optimizer state at stage 2."""
    if model.zero_optimization_stage() == 3:
        return sum(divided(value) and value.ds_tensor.numel() < value.ds_numel for value in model.parameters())
    counts = model.optimizer.partition_count
    return len(model.optimizer.single_partition_of_fp32_groups) if set(counts) == {size} else 0


def state(model: Any) -> dict[str, Any]:
    """This process's part of the optimizer's state, and of the weights it works on."""
    told = model.optimizer.state_dict()
    return {name: told[name] for name in PARTS[model.zero_optimization_stage()]}


def restore(model: Any, kept: dict[str, Any], size: int) -> None:
    """Stand where `state` stood; at stage 3 the trained weights come with it."""
    optimizer, gathers = model.optimizer, model.zero_optimization_stage() == 3
    if gathers:  # small weights are kept whole between steps
        optimizer.checkpoint_event_prologue()
    optimizer.load_state_dict([optimizer.state_dict() | kept] * size, load_from_fp32_weights=True)
    if gathers:
        optimizer.checkpoint_event_epilogue()
