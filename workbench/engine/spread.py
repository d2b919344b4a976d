"""How a model is laid over the processes of a run: copies that agree on their gradients (DDP, by Accelerate), weights in parts (FSDP2,
torch's fully_shard, or DeepSpeed's ZeRO), or layers in parts (transformers' tensor-parallel plan). One process may lay its layers over
several GPUs (device-map). What is saved is always whole: results look the same whatever made them.

Libraries fall back silently (FSDP to DDP, DDP to processes that know nothing of each other), so `assert_spread` looks at what has been
made before the first step. What this does not know: models too large to be loaded by one process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from workbench.core.errors import UserError
from workbench.core.sections import DDP, DEEPSPEED, DEVICE_MAP, FSDP, TENSOR
from workbench.engine import places, zero
from workbench.engine.speed import blocks
from workbench.engine.world import PATIENCE, World


def arguments(world: World, device: str) -> dict[str, Any]:
    """What TrainingArguments must know: without a backend, processes on CPUs train alone and say nothing."""
    if not world.many:
        return {}
    return {"ddp_backend": "gloo" if device == "cpu" else "nccl", "ddp_timeout": int(PATIENCE.total_seconds())}


def over(session: Any) -> None:
    """The session's model in parts, where the strategy wants that; DDP's wrapper is made by the loop."""
    world = session.stage.world
    if world.strategy == TENSOR:
        session.model = _in_layers(session, world)
    elif world.strategy == FSDP:
        _in_shards(session.model, world, session.device)


def _in_shards(model: Any, world: World, device: str) -> None:
    """Block by block, so that one block at a time is whole; the rest goes with the root."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device, (world.size,))
    for block in list(blocks(model)):
        fully_shard(block, mesh=mesh)
    fully_shard(
        model, mesh=mesh, reshard_after_forward=True
    )  # or the root would stay whole after each look at held-out rows


def _in_layers(session: Any, world: World) -> Any:
    """Loaded anew, each process its part of every layer, as the model's own plan says. UserError for a model without one."""
    from transformers.distributed.configuration_utils import DistributedConfig

    if not getattr(session.model, "_tp_plan", None):
        raise UserError(
            "compute.strategy: transformers has no tensor-parallel plan for this model; choose ddp or fsdp.",
            "compute.strategy：transformers 没有该模型的张量并行方案；请改选 ddp 或 fsdp。",
            field="compute.strategy",
        )
    plan = {"distributed_config": DistributedConfig(tp_plan="auto", tp_size=world.size)}
    made = session.method.apply(session.fresh(plan), session.task, session.recipe.method)
    made.train()
    return made


def whole(session: Any) -> Any:
    """The plain model again, with what was learned, in the process that writes; the others have done their part."""
    from transformers import set_seed

    from workbench.engine import checkpoint

    world = session.stage.world
    if not world.shards:
        return session.model
    learned = checkpoint.trained(session.model)
    if not world.main:
        return session.model
    session.model = None  # the parts may go before the whole comes
    set_seed(session.recipe.training.seed)
    made = session.method.apply(session.fresh({}), session.task, session.recipe.method)
    checkpoint.put(made, learned, "what was learned")
    return made


def full(value: Any) -> Any:
    """A whole tensor from its parts. Every process must ask, in the same order."""
    if zero.divided(value):
        return zero.whole(value)
    return value.detach().full_tensor() if isinstance(value, DTensor) else value.detach()


def divided(value: Any) -> bool:
    """Whether a tensor lies in parts."""
    return isinstance(value, DTensor) or zero.divided(value)


def like(value: Any, place: Any) -> Any:
    """This process's part of a whole tensor, laid out like `place`. ZeRO's parts come with its state, not from here."""
    if zero.divided(place):
        return place.detach()
    if not isinstance(place, DTensor):
        return value
    moved = value.to(place.device, place.dtype)
    return distribute_tensor(moved, place.device_mesh, place.placements, src_data_rank=None)


def plain(model: Any) -> Any:
    """The model without DDP or DeepSpeed around it."""
    return model.module if isinstance(model, DistributedDataParallel) or zero.is_engine(model) else model


def assert_spread(world: World, trainer: Any) -> None:
    """UserError when the processes or the wrapper are not what the recipe promises."""
    model = getattr(trainer, "model_wrapped", None) or trainer.model
    if world.strategy == DEVICE_MAP:
        places.assert_several(model)
    if not world.many:
        return
    count, values = trainer.accelerator.num_processes, list(model.parameters())
    parts = sum(isinstance(value, DTensor) and value.to_local().numel() < value.numel() for value in values)
    if zero.is_engine(model):
        parts = zero.in_parts(model, world.size)
    right = {
        DDP: isinstance(model, DistributedDataParallel),
        FSDP: all(isinstance(value, DTensor) for value in values) and parts > 0,
        DEEPSPEED: zero.is_engine(model) and parts > 0,
        TENSOR: parts > 0,
    }[world.strategy]
    if count != world.size or not right:
        raise UserError(
            f"compute.strategy: {world.strategy} over {world.size} processes was promised, but there are {count} around a "
            f"{type(model).__name__} with {parts} divided weights. Nothing was trained; choose another strategy and report this.",
            f"compute.strategy：应为 {world.size} 个进程的 {world.strategy}，实际是 {count} 个进程、{type(model).__name__}、{parts} 个分片权重。"
            "尚未训练；请改用其他方式，并反馈此问题。",
            field="compute.strategy",
        )


def split_groups(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Groups of parameters in parts, and of whole ones: one call of an optimizer cannot take both."""
    made = []
    for group in groups:
        for kind in (True, False):
            values = [value for value in group["params"] if isinstance(value, DTensor) is kind]
            made += [{**group, "params": values}] if values else []
    return made


class Spread:
    """What our own loop leaves to the strategy; for a single process and DDP that is Accelerate's business."""

    def __init__(self, stage: Any, accelerator: Any, args: Any) -> None:
        self.world, self.accelerator, self.args = stage.world, accelerator, args
        self.compute, self.zero = stage.run.recipe.compute, stage.world.strategy == DEEPSPEED

    def prepare(self, model: Any, optimizer: Any, loader: Any) -> Any:
        """Model, optimizer and rows, placed. Processes that share every layer see the same rows."""
        if not self.world.shards:
            return self.accelerator.prepare(model, optimizer, loader)
        if self.zero:
            made = zero.engine(model, optimizer, zero.settings(self.args, self.compute))
            return made, optimizer, self.accelerator.prepare(loader)
        if self.world.feeds > 1:
            return (model, *self.accelerator.prepare(optimizer, loader))
        from accelerate.data_loader import prepare_data_loader

        optimizer, device = self.accelerator.prepare(optimizer), self.accelerator.device
        return model, optimizer, prepare_data_loader(loader, device, 1, 0, put_on_device=True, use_seedable_sampler=True)  # fmt: skip

    def groups(self, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The optimizer's groups; of weights in parts and whole ones, each for themselves."""
        return split_groups(groups) if self.world.shards else groups

    def answers(self, count: Any) -> Any:
        """How many answers all processes have together."""
        return torch.tensor(self.world.sum(float(count)), device=self.accelerator.device) if self.world.feeds > 1 else count  # fmt: skip

    def together(self, model: Any, last: bool) -> Any:
        """Several processes exchange gradients at the last batch of a step only."""
        if self.world.strategy == FSDP:
            model.set_requires_gradient_sync(last)
        if self.zero:
            model.set_gradient_accumulation_boundary(last)
        if self.world.shards or last:
            return contextlib.nullcontext()
        return self.accelerator.no_sync(model)

    def backward(self, model: Any, loss: Any) -> None:
        """Gradients of a loss that is a share of the step's already."""
        model.backward(loss, scale_wrt_gas=False) if self.zero else self.accelerator.backward(loss)

    def step(self, model: Any, optimizer: Any, limit: float) -> Any:
        """One step with gradients no longer than `limit`; how long they were."""
        if self.zero:
            model.step()
            return model.get_global_grad_norm()
        norm = self.clip(model, limit)
        optimizer.step()
        return norm

    def state(self, model: Any, optimizer: Any) -> dict[str, Any]:
        """The optimizer's state for a checkpoint: whole, but for ZeRO, of which each process keeps its part."""
        return zero.state(model) if self.zero else dict(optimizer.state_dict())

    def restore(self, model: Any, optimizer: Any, kept: dict[str, Any]) -> None:
        """The same, back."""
        if self.zero:
            zero.restore(model, kept, self.world.size)
        else:
            optimizer.load_state_dict(_apart(kept, optimizer))

    def clip(self, model: Any, limit: float) -> Any:
        """Shorten the gradients to `limit`; how long they were, over all processes."""
        if not self.world.shards:
            return self.accelerator.clip_grad_norm_(model.parameters(), limit)
        gradients = [value.grad for value in model.parameters() if value.grad is not None]
        norm = _norm(gradients)
        scale = torch.clamp(limit / (norm + 1e-6), max=1.0)
        for gradient in gradients:
            (gradient.to_local() if isinstance(gradient, DTensor) else gradient).mul_(scale)
        return norm


def _apart(state: dict[str, Any], optimizer: Any) -> dict[str, Any]:
    """An optimizer's whole state as this process holds it: in parts where its parameters are."""
    homes = [place for group in optimizer.param_groups for place in group["params"]]
    for index, facts in state["state"].items():
        for name, value in facts.items():
            if isinstance(value, torch.Tensor) and value.shape == homes[index].shape:
                facts[name] = like(value, homes[index])
    return state


def _norm(gradients: Iterable[Any]) -> Any:
    """The length of gradients of which some lie in parts: squares are added up here, then over the processes."""
    apart, here = torch.tensor(0.0), torch.tensor(0.0)
    for gradient in gradients:
        divided = isinstance(gradient, DTensor) and any(each.is_shard() for each in gradient.placements)
        value = gradient.to_local() if isinstance(gradient, DTensor) else gradient
        square = value.detach().float().square().sum().cpu()
        apart, here = (apart + square, here) if divided else (apart, here + square)
    torch.distributed.all_reduce(apart)
    return (apart + here).sqrt()
