"""One machine's part in a run on a cluster: `join`. Every machine calls it; the first one makes the run, or takes an interrupted one up.

It stands between the cluster and the workers: a SIGTERM goes on to them, which save and end, and is told apart from a run that has come to
its end by the exit status, so that a cluster knows whether to start the job again. What it does not know: how gradients are exchanged.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

import workbench
from workbench.core import recipe as recipes
from workbench.core.errors import UserError, shorten
from workbench.core.events import last_lifecycle
from workbench.core.files import write_json
from workbench.core.run import Run
from workbench.core.sections import SINGLE
from workbench.core.workspace import Workspace
from workbench.engine import launcher, queue, supervisor
from workbench.engine.cause import RECIPE

REFUSED, INTERRUPTED = 2, 75
"""Exit status of a job that cannot come to its end without a person; and of one that was asked to leave before (EX_TEMPFAIL: try again)."""
DEVICE = "cluster"
"""A device that no queue of this machine waits for."""


@dataclass(frozen=True)
class Place:
    """Which of how many machines this is, and where the first one is found."""

    machine: int = 0
    machines: int = 1
    processes: int = 1
    address: str = "127.0.0.1:29500"

    @property
    def host(self) -> str:
        """Where the first machine is found."""
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        """By which door. UserError for an address without one."""
        told = self.address.rpartition(":")[2]
        if not told.isdecimal() or not self.host:
            raise UserError(f"--address {shorten(self.address)}: write it as HOST:PORT.", f"--address {shorten(self.address)}：请写成 主机:端口。", field="--address")  # fmt: skip
        return int(told)


def join(workspace: Workspace, run_id: str, recipe_file: Path, place: Place) -> int:
    """Take part until the run has ended; 0 when it did, 75 when it was asked to leave before."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    folder = workspace.run_folder(run_id)
    with workspace.lock("queue"):
        if not folder.is_dir():
            _make(workspace, folder, recipe_file, place)
        run = Run(folder)
        if run.status == "finished":
            return 0
        if place.machine == 0 and run.resumable:
            run.put_back()
        process = subprocess.Popen(command(run, place), cwd=workbench.ROOT, env=environ(run, place))
        if place.machine == 0:
            run.claim(psutil.Process(process.pid), DEVICE)
    status = _attend(process, asked)
    if place.machine == 0:
        write_json(folder / "exit.json", {"pid": process.pid, "status": status})
    if asked and run.status not in ("finished", "failed"):
        return INTERRUPTED
    return REFUSED if status and _needs_a_person(run) else status


def _needs_a_person(run: Run) -> bool:
    """Whether it failed for something that trying again does not change. torchrun says 1 for whatever its workers say."""
    last = last_lifecycle(run.events_path)
    return last is not None and last.kind == "failed" and last.get("cause") == RECIPE


def _make(workspace: Workspace, folder: Path, recipe_file: Path, place: Place) -> None:
    """The run's folder, whole at once. It is claimed from the beginning: nobody's queue may start it."""
    recipe = recipes.read(recipe_file)
    if recipe.compute.strategy != SINGLE:
        recipe = recipe.replace({"compute.main_address": place.host, "compute.main_port": place.port})
    checked = supervisor.check(workspace, recipe)
    staged = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    staged.mkdir()
    checked.save(staged / "recipe.yaml")
    Run(staged).claim(psutil.Process(), DEVICE)
    try:
        staged.rename(folder)
    except OSError:  # another machine was first, on a disk whose locks do not reach this far
        shutil.rmtree(staged, ignore_errors=True)
        if not folder.is_dir():
            raise


def command(run: Run, place: Place) -> list[str]:
    """One worker, or torchrun with as many as this machine is to have."""
    worker = ["-m", launcher.WORKER, str(run.folder)]
    if place.machines * place.processes == 1:
        return [sys.executable, *worker]
    where = [f"--master-addr={place.host}", f"--master-port={place.port}", f"--node-rank={place.machine}"]
    many = [f"--nnodes={place.machines}", f"--nproc-per-node={place.processes}", "--max-restarts=0"]
    return [sys.executable, "-m", "torch.distributed.run", "--rdzv-backend=static", *many, *where, *worker]


def environ(run: Run, place: Place) -> dict[str, str]:
    """The workers' environment: the cluster has said which GPUs they may see, and the address may have changed since the run was made."""
    compute = run.recipe.compute.model_copy(update={"main_address": place.host})
    return {**os.environ, "PYTHONUNBUFFERED": "1", **launcher.environment(compute, queue.CPU)}


def _attend(process: subprocess.Popen[bytes], asked: list[int]) -> int:
    """Wait for the end; hand a wish to leave on, once."""
    told = False
    while True:
        if asked and not told:
            process.send_signal(signal.SIGTERM)
            told = True
        try:
            return process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
