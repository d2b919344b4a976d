"""The processes of one run as each of them sees it: who it is, how many there are, and how they agree. A run in one process is a world
of one, in which everything here is free.

Only the first process (rank 0) writes events, checkpoints and the result. What all must do alike (stop, pause, take a checkpoint) is
decided by it and told to the others at each step, so that none waits for one that has gone another way. When one is gone, the others
learn it at their next exchange, by the launcher's signal, or by the death of their launcher; they end, and the run can go on later.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import psutil

from workbench.core.errors import UserError
from workbench.core.sections import DEEPSPEED, DEVICE_MAP, FSDP, SINGLE, TENSOR, ComputeSection

T = TypeVar("T")
PATIENCE = timedelta(days=2)
"""How long the others wait while the first one downloads, scores or saves: longer than any of that takes."""
WATCH = 0.5
"""Seconds between two looks at whether the launcher lives."""
GONE = ("closed by peer", "Connection reset", "Broken pipe", "gloo", "ncclRemoteError", "Socket Timeout", "recvBytes")
"""What torch says, in many words, when another process is gone."""


class PeerLost(Exception):
    """Another process of the run has ended."""


def rank() -> int:
    """Which process this is, as the launcher told it; 0 for a process on its own."""
    return int(os.environ.get("RANK", "0"))


def launched() -> bool:
    """Whether torchrun started this process beside others."""
    return "LOCAL_WORLD_SIZE" in os.environ and "TORCHELASTIC_RUN_ID" in os.environ


def siblings() -> bool:
    """Whether all processes that the launcher started on this machine live."""
    alive = [each for each in psutil.Process(os.getppid()).children() if each.status() != psutil.STATUS_ZOMBIE]
    return len(alive) >= int(os.environ["LOCAL_WORLD_SIZE"])


def under_launcher(folder: str) -> bool:
    """Whether the launcher that was to work in this folder still is the parent: who loses it gets another parent, the system's first
    process in the end, which must never be taken for a worker."""
    try:
        return folder in psutil.Process(os.getppid()).cmdline()
    except psutil.Error:
        return False


def die_with_launcher(known: int | None = None) -> None:
    """A launcher that is killed cannot end its processes: they look after it themselves. `known` is its pid, where it told that: it may
    have ended before this process comes to look."""
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent and (known is None or lives(known)):
            time.sleep(WATCH)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    threading.Thread(target=look, daemon=True, name="launcher-watch").start()


def lives(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def is_loss(error: BaseException) -> bool:
    """Whether an error means that another process of the run is gone."""
    told = isinstance(error, RuntimeError) and any(words in str(error) for words in GONE)
    return isinstance(error, PeerLost) or (launched() and told)


@dataclass(frozen=True)
class World:
    """The processes of a run."""

    rank: int = 0
    size: int = 1
    strategy: str = SINGLE

    @property
    def main(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    @property
    def many(self) -> bool:
        """Whether there are others."""
        return self.size > 1

    @property
    def shards(self) -> bool:
        """Whether each process holds a part only: of the weights, or of what belongs to them."""
        return self.many and self.strategy in (FSDP, DEEPSPEED, TENSOR)

    @property
    def hoards(self) -> bool:
        """Whether each process keeps its own part of the optimizer's state in a checkpoint."""
        return self.many and self.strategy == DEEPSPEED

    @property
    def feeds(self) -> int:
        """How many processes have rows of their own: those that share one layer's product all see the same."""
        return 1 if self.strategy == TENSOR else self.size

    def agree(self, value: float) -> float:
        """The first process's number, in every process."""
        return self._exchange(value, lambda dist, told: dist.broadcast(told, 0))

    def sum(self, value: float) -> float:
        """The numbers of all processes that have rows of their own, added up."""
        return self._exchange(value, lambda dist, told: dist.all_reduce(told)) if self.feeds > 1 else value

    def mean(self, value: float) -> float:
        """Their mean."""
        return self.sum(value) / self.feeds

    def wait(self) -> None:
        """Until every process is here."""
        self._exchange(0.0, lambda dist, told: dist.all_reduce(told))

    def _exchange(self, value: float, how: Callable[[Any, Any], Any]) -> float:
        if not self.many:
            return value
        import torch
        import torch.distributed as dist

        told = torch.tensor(value, dtype=torch.float64)  # on the CPU, by gloo, whatever the weights lie on
        how(dist, told)
        return float(told)

    def first(self, work: Callable[[], T]) -> T:
        """Done by the first process, and by the others after it: they find what it has fetched or written."""
        if not self.main:
            self.wait()
        made = work()
        if self.main:
            self.wait()
        return made

    def alone(self, work: Callable[[], T]) -> T | None:
        """Done by the first process while the others wait."""
        made = work() if self.main else None
        self.wait()
        return made


ALONE = World()


def promised(compute: ComputeSection) -> World:
    """What the recipe says there will be, seen from this process."""
    return World(rank(), compute.processes * compute.machines, compute.strategy)


def join(compute: ComputeSection, device: str) -> World:
    """Meet the other processes. UserError when they are not as many as the recipe promises: libraries would go on silently, each alone
    (see docs/compute.md)."""
    world = promised(compute)
    told = int(os.environ.get("WORLD_SIZE", "1")) if launched() else 1
    if told != world.size:
        raise wrong_count(world.size, told)
    if not world.many:
        return world if world.strategy == DEVICE_MAP else ALONE
    import torch
    import torch.distributed as dist

    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    if dist.get_world_size() != world.size:
        raise wrong_count(world.size, dist.get_world_size())
    return world


def leave(world: World) -> None:
    """Part in order."""
    if world.many:
        import torch.distributed as dist

        if dist.is_initialized():
            dist.destroy_process_group()


def wrong_count(wanted: int, found: int) -> UserError:
    """Fewer or more processes than promised."""
    return UserError(
        f"compute.processes: the recipe asks for {wanted} processes, but this one was started as one of {found}. Start the run from the "
        "page or with `run`; do not start its worker by hand.",
        f"compute.processes：配方要求 {wanted} 个进程，但本进程属于 {found} 个进程之一。请从页面或用 `run` 启动，不要手动启动工作进程。",
        field="compute.processes",
    )
