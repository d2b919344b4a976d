"""From a run to the command that starts its worker, or its workers: one process by itself, several by torchrun.

The command is written into the run's folder (launch.json), and so is that of every other machine of a run over several: it is called
there by hand or by a cluster, `python -m workbench.engine.launcher FOLDER MACHINE`, on the same folder. `accelerate launch` is not
used: on a CPU it starts one process instead of two and says nothing. No torch here.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import workbench
from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.sections import DDP, DEEPSPEED, DEVICE_MAP, SINGLE, TENSOR, ComputeSection
from workbench.core.task import TASKS
from workbench.core.text import Text
from workbench.engine import queue, zero

FILE = "launch.json"
HERE = "127.0.0.1"
WORKER = "workbench.engine.worker"
SHARDED = ("full", "freeze", "bitfit", "lora", "adapter")
LAYERED = ("full",)
"""Methods whose runs were shown to give a single process's losses with weights in parts, and with layers in parts."""
ALONE = (SINGLE, DEVICE_MAP)
"""Strategies of one process."""
OPTIMIZERS = ("adamw_torch", "adamw_torch_fused", "sgd")


def prepare(run: Run, device: str) -> tuple[list[str], dict[str, str]]:
    """The command that starts the run here, and what its environment needs; launch.json tells both."""
    compute = run.recipe.compute
    port = compute.main_port or _free_port()
    command = command_of(run, 0, port)
    needs = {runs.GIVEN: device, **environment(compute, device)}
    told: dict[str, Any] = {
        "strategy": compute.strategy, "processes": compute.processes, "machines": compute.machines, "port": port,
        "command": command, "environment": needs,
        "others": [_joining(run, machine) for machine in range(1, compute.machines)],
    }  # fmt: skip
    write_json(run.folder / FILE, told)
    return command, needs


def command_of(run: Run, machine: int, port: int) -> list[str]:
    """One process by itself; several by torchrun, which ends all when one of them ends."""
    compute, worker = run.recipe.compute, ["-m", WORKER, str(run.folder)]
    if compute.strategy in ALONE:
        return [sys.executable, *worker]
    place = ["--nproc_per_node", str(compute.processes), "--nnodes", str(compute.machines), "--node_rank", str(machine)]
    meet = ["--rdzv_backend", "static", "--master_addr", compute.main_address or HERE, "--master_port", str(port)]
    return [sys.executable, "-m", "torch.distributed.run", *place, *meet, "--max_restarts", "0", *worker]


def environment(compute: ComputeSection, device: str) -> dict[str, str]:
    """What the processes may see and take: their GPUs, or their share of the cores; on one machine they talk over loopback only."""
    made: dict[str, str] = {}
    if device != queue.CPU:
        made["CUDA_VISIBLE_DEVICES"] = ",".join(name.partition(":")[2] for name in device.split(","))
    if compute.strategy == DEEPSPEED:
        made |= zero.environment(gpus=compute.device != "cpu" and len(queue.devices()) > 1)
    if compute.strategy not in ALONE and "OMP_NUM_THREADS" not in os.environ:
        made["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // compute.processes))
    if compute.strategy not in ALONE and compute.main_address in ("", HERE) and Path("/sys/class/net/lo").exists():
        made["GLOO_SOCKET_IFNAME"] = "lo"
    return made


def _joining(run: Run, machine: int) -> list[str]:
    return [sys.executable, "-m", "workbench.engine.launcher", str(run.folder), str(machine)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


def check(recipe: Recipe, config: dict[str, Any] | None) -> None:
    """UserError, before anything is loaded, when the recipe cannot be spread over processes as it wishes."""
    compute = recipe.compute
    if (
        reason := _counts(compute)
        or _lacks(compute)
        or (_kinds(recipe) if compute.strategy not in (*ALONE, DDP) else None)
    ):
        raise UserError(reason[1].en, reason[1].zh, field=reason[0])
    heads = (config or {}).get("num_key_value_heads") or (config or {}).get("num_attention_heads") or 0
    if compute.strategy == TENSOR and heads % (compute.processes * compute.machines):
        raise UserError(
            f"compute.processes: this model has {heads} (key-value) heads, which {compute.processes * compute.machines} processes cannot "
            "share evenly; choose a number that divides them.",
            f"compute.processes：该模型有 {heads} 个（键值）注意力头，{compute.processes * compute.machines} 个进程无法平分；请选能整除的数。",
            field="compute.processes",
        )


def _counts(compute: ComputeSection) -> tuple[str, Text] | None:
    size, gpus = compute.processes * compute.machines, len(queue.devices()) - 1
    if compute.strategy in ALONE and size > 1:
        return "compute.strategy", Text(
            f"compute.strategy: “{compute.strategy}” is one process, but {size} are asked for; choose ddp, or one process on one machine.",
            f"compute.strategy：“{compute.strategy}”只有一个进程，但设置了 {size} 个；请选择 ddp，或改为一台机器一个进程。",
        )
    if compute.strategy not in ALONE and size < 2:
        return "compute.processes", Text(
            f"compute.processes: “{compute.strategy}” needs two processes or more; raise it, or choose single.",
            f"compute.processes：“{compute.strategy}”至少需要两个进程；请调大，或选择 single。",
        )
    if compute.machines > 1 and not (compute.main_address and compute.main_port):
        return "compute.main_address", Text(
            "compute.main_address: several machines need the address and the port at which the others reach this one.",
            "compute.main_address：多台机器需要填写其他机器连接本机的地址和端口。",
        )
    if compute.device != "cpu" and gpus and compute.processes > gpus:
        return "compute.processes", Text(
            f"compute.processes: {compute.processes} processes need as many GPUs, and this machine has {gpus}.",
            f"compute.processes：{compute.processes} 个进程需要同样多的 GPU，本机只有 {gpus} 个。",
        )
    return None


def _lacks(compute: ComputeSection) -> tuple[str, Text] | None:
    """What this machine lacks for the strategy."""
    gpus = 0 if compute.device == "cpu" else len(queue.devices()) - 1
    if compute.strategy == DEVICE_MAP and gpus < 2:
        return "compute.strategy", Text(
            f"compute.strategy: device-map lays a model over several GPUs, and {gpus} can be used here; choose single.",
            f"compute.strategy：device-map 需要多个 GPU，此处可用 {gpus} 个；请选择 single。",
        )
    if compute.strategy == DEEPSPEED and (why := zero.lacking()):
        return "compute.strategy", Text(
            f"compute.strategy: {why.en}; install it beside the workbench, or choose fsdp, which needs nothing more.",
            f"compute.strategy：{why.zh}；请安装它，或改选无需额外软件包的 fsdp。",
        )
    return None


def _kinds(recipe: Recipe) -> tuple[str, Text] | None:
    """What a model in parts cannot do, or was never shown to."""
    chosen, training = recipe.compute.strategy, recipe.training
    task, able = TASKS.get(recipe.task.kind), LAYERED if chosen == TENSOR else SHARDED
    if task.loop == "preference":
        return "compute.strategy", Text(
            f"compute.strategy: {task.label.en} runs in one process or with ddp, not with {chosen}.",
            f"compute.strategy：“{task.label.zh}”只能用单进程或 ddp，不能用 {chosen}。",
        )
    if recipe.method.kind not in able:
        names = [METHODS.get(kind).label for kind in able]
        return "method.kind", Text(
            f"method.kind: with {chosen}, choose one of: {', '.join(name.en for name in names)}.",
            f"method.kind：使用 {chosen} 时，请选择：{'、'.join(name.zh for name in names)}。",
        )
    if training.engine != "loop":
        return "training.engine", Text(
            f"training.engine: {chosen} needs our own loop (“loop”): the Trainer falls back to something else on a CPU, silently.",
            f"training.engine：{chosen} 需要自写训练循环（“loop”）：Trainer 在 CPU 上会悄悄退回别的方式。",
        )
    wrong = [
        ("training.optim", training.optim not in OPTIMIZERS, ("AdamW, SGD", "AdamW、SGD")),
        ("compute.precision", recipe.compute.precision == "fp16", ("fp32, bf16", "fp32、bf16")),
        ("compute.torch_compile", recipe.compute.torch_compile, ("off", "关闭")),
        ("compute.use_liger_kernel", recipe.compute.use_liger_kernel, ("off", "关闭")),
        ("compute.strategy", chosen == TENSOR and task.peft_type != "CAUSAL_LM", ("ddp, fsdp", "ddp、fsdp")),
    ]
    field, able_to = next(((name, words) for name, bad, words in wrong if bad), ("", ("", "")))
    return (field, Text(f"{field}: here {chosen} goes with {able_to[0]} only.", f"{field}：{chosen} 在此只支持{able_to[1]}。")) if field else None  # fmt: skip


def main(argv: list[str]) -> None:
    """Join a run as one of its other machines: this process becomes torchrun."""
    run, machine = Run(Path(argv[0]).resolve()), int(argv[1])
    told = read_json(run.folder / FILE) or {}
    compute, device = run.recipe.compute, queue.device_for(run, set()) or queue.CPU
    command = command_of(run, machine, compute.main_port or int(told.get("port") or 0))
    os.chdir(workbench.ROOT)
    os.environ.update(environment(compute, device))
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
