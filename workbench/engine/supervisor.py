"""Starts, queues, watches and stops workers. The run folders are its only memory, so any number of them may live at once.

The page runs a `Supervisor` thread; the command line calls the same functions. No torch here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psutil

import workbench
from workbench.core import run as runs
from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.files import write_json, writing
from workbench.core.method import METHODS, Method
from workbench.core.recipe import Recipe
from workbench.core.run import Run
from workbench.core.task import TASKS, Task
from workbench.core.workspace import Workspace
from workbench.engine import launcher, queue
from workbench.engine.material import gather
from workbench.models import catalog
from workbench.models.facts import read_config

AGAIN = 10.0
"""Seconds within which the same recipe is the same wish."""


def start(workspace: Workspace, recipe: Recipe, once: bool = False) -> Run:
    """Check, make the run folder, start it if its device is free. UserError before anything is written. `once`: the same recipe asked
    for again within seconds (a second click, a second tab) is the same run."""
    asked, checked = time.time(), check(workspace, recipe)
    with writing(workspace.root), workspace.lock("start"):
        known = _just_now(workspace, checked, asked) if once else None
        made = known or runs.create(workspace, checked)
    if (
        known is None
    ):  # who made it starts it; to look through all runs once more for every click would keep the last one waiting
        launch_next(workspace)
    return made


def _just_now(workspace: Workspace, recipe: Recipe, asked: float) -> Run | None:
    """The run that was made of this recipe shortly before it was `asked` for again, however long that had to wait since."""
    for made in runs.all_runs(workspace):
        if asked - made.started >= AGAIN:  # one from the future was made before the clock was set back
            return None
        if made.status in ("queued", "running") and made.recipe == recipe:
            return made
    return None


def check(workspace: Workspace, recipe: Recipe) -> Recipe:
    """The recipe as it will be run (dataset version written down), after every check that needs no torch."""
    task, method = TASKS.get(recipe.task.kind), METHODS.get(recipe.method.kind)
    material = gather(workspace, recipe)
    task.check(material.train)
    located = catalog.locate(workspace, recipe.model.id, recipe.model.revision)
    config = read_config(located.path) if located.path is not None else None
    if located.path is not None:
        catalog.check(workspace, located.path)
    fit(task, method, config)
    launcher.check(recipe, config)
    # a local folder becomes absolute: the worker has another working directory
    return recipe.replace({"data.version": material.dataset.version, "model.id": located.id})


def fit(task: Task, method: Method, config: dict[str, Any] | None) -> None:
    """UserError when the model cannot learn the task, or the method does not go with either."""
    if config and (reason := task.suits(config)):
        raise UserError(reason.en, reason.zh, field="model.id")
    if reason := method.fits(task, config):
        raise UserError(reason.en, reason.zh, field="method.kind")


def launch_next(workspace: Workspace) -> Run | None:
    """Start what may start, one run per free device; the first of them. Every process that uses the workspace agrees through a lock.
    A run that cannot be started keeps no other from starting."""
    with workspace.lock("queue"):
        status = {made: made.status for made in reversed(runs.all_runs(workspace))}
        taken = queue.taken(made for made, state in status.items() if state == "running")
        arranged, started = queue.read(workspace), list[Run]()
        for made in arranged.sorted([made for made, state in status.items() if state == "queued"]):
            with _set_aside(made):
                device = queue.device_for(made, taken)
                if not arranged.open(made):
                    continue
                if device is None:
                    taken.update(queue.kept_for(made, taken))
                    continue
                _spawn(made, device)
                taken.update(device.split(","))
                started.append(made)
        return started[0] if started else None


@contextlib.contextmanager
def _set_aside(run: Run) -> Iterator[None]:
    """What cannot be started now stays as it is, untouched: a recipe of another release, a folder that cannot be written to."""
    with contextlib.suppress(UserError):  # the queue on the page says why
        try:
            yield
        except OSError as error:
            print(f"supervisor: {run.id} cannot start: {error}", file=sys.stderr)


def _spawn(run: Run, device: str) -> None:
    """A worker in a session of its own, with a file for its output: nothing ties it to this process."""
    command, needs = launcher.prepare(run, device)
    with (run.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=workbench.ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **needs},
        )
    with contextlib.suppress(psutil.NoSuchProcess):
        run.claim(psutil.Process(process.pid), device)
    reap(process, run)


def reap(process: subprocess.Popen[bytes], run: Run) -> None:
    """Somebody waits for it, so that no zombie stays while this process lives."""
    threading.Thread(target=_reap, args=(process, run), daemon=True, name=f"reap-{process.pid}").start()


def _reap(process: subprocess.Popen[bytes], run: Run) -> None:
    """Wait for a worker to end, and write down how (−9: killed); nobody needs to be there for that."""
    status = process.wait()
    with contextlib.suppress(OSError):
        if run.folder.is_dir():
            write_json(run.folder / "exit.json", {"pid": process.pid, "status": status})


def stop(run: Run, grace: float | None = None) -> None:
    """Ask a run to save and end; a queued one ends at once. With `grace`, wait that many seconds, then kill the worker."""
    workspace = Workspace(run.folder.parent.parent)
    with workspace.lock("queue"):
        if run.status in runs.ENDED:
            return
        run.ask_to_stop()
        if run.status == "queued":
            _end(run, step=0, seconds=0.0)
    if grace is not None:
        _wait_then_kill(run, grace)


def resume(run: Run) -> None:
    """Put an interrupted run back into the queue; it goes on from its newest whole checkpoint. UserError when there is nothing to go on
    with."""
    workspace = Workspace(run.folder.parent.parent)
    with workspace.lock("queue"):
        if not run.resumable:
            state = runs.STATUS[run.status]
            raise UserError(
                f"{run.id} is {state.en}: only a stopped, failed or interrupted run can go on.",
                f"{run.id} 当前状态为{state.zh}：只有已停止、失败或中断的任务可以继续。",
                field="run",
            )
        run.put_back()
    launch_next(workspace)


def cancel(run: Run) -> None:
    """End a run at once, without saving; what its checkpoints hold stays, and it can go on from there."""
    workspace = Workspace(run.folder.parent.parent)
    with workspace.lock("queue"):
        if run.status in runs.ENDED:
            return
        worker = run.worker()
        if worker is not None:
            with contextlib.suppress(OSError, psutil.Error):
                _kill(worker)
                worker.wait(10)
        _end(run, cancelled=True)


def _end(run: Run, **facts: Any) -> None:
    """The last word on a run that has no worker."""
    with writing(run.folder):
        writer = EventWriter(run.events_path)
        writer.write("stopped", **facts)
        writer.close()


def _wait_then_kill(run: Run, grace: float) -> None:
    deadline = time.monotonic() + grace
    while run.status == "running":
        worker = run.worker()
        if worker is not None and time.monotonic() > deadline:
            with contextlib.suppress(OSError, psutil.Error):
                _kill(worker)
            return
        time.sleep(0.1)


def _kill(worker: psutil.Process) -> None:
    """The worker leads its own process group: its helpers go with it, and so do the processes of a launcher, which lead their own."""
    if worker.pid <= 1 or worker in (here := psutil.Process(), *here.parents()):
        return  # whatever a file says: never the system's first process, nor those we live under
    others = worker.children(recursive=True)
    if hasattr(os, "killpg") and os.getpgid(worker.pid) == worker.pid:
        os.killpg(worker.pid, signal.SIGKILL)
    else:
        worker.kill()
    for each in others:
        with contextlib.suppress(psutil.Error):
            each.kill()


class Supervisor(threading.Thread):
    """Looks once a second whether a queued run may start."""

    def __init__(self, workspace: Workspace, every: float = 1.0) -> None:
        super().__init__(daemon=True, name="supervisor")
        self.workspace = workspace
        self.every = every
        self._ended = threading.Event()

    def run(self) -> None:
        """Until `end` is called or the process goes away."""
        while not self._ended.wait(self.every):
            try:
                launch_next(self.workspace)
            except (OSError, UserError) as error:  # a full disk now may be free in a second: keep looking
                print(f"supervisor: {error}", file=sys.stderr)

    def end(self) -> None:
        """Stop looking; running workers go on."""
        self._ended.set()
