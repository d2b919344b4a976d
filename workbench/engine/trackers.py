"""What a run tells, handed on to the trackers people know: TensorBoard files always, one service where the recipe asks for it.

The event log stays the truth and a tracker is a view of it, fed from Stage.write whatever the loop. It must never cost a run anything: one
that fails (a full disk, no network) is let go with one note, and a service is talked to in a thread of its own, so that no step waits for
it. What it does not know: how any of it is shown, and whether a service got the last lines of a worker that was killed.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import queue
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from workbench.core.errors import shorten
from workbench.core.events import TERMINAL, Event
from workbench.core.files import read_json, write_json
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.engine.stage import Stage

PROJECT = "workbench"
FOLDER, REMEMBERED = "tensorboard", "trackers.json"
STEP = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_mb")
MUFFLED = {
    "wandb": {"WANDB_DISABLED": "true", "WANDB_MODE": "disabled"},
    "mlflow": {"DISABLE_MLFLOW_INTEGRATION": "TRUE"},
}
"""What keeps a tracker quiet in every worker that was not asked for it."""
MANNERS = {"WANDB_SILENT": "true", "WANDB_CONSOLE": "off", "WANDB_DISABLE_GIT": "true", "WANDB_DISABLE_CODE": "true"}
"""A tracker gets the recipe and the curves; not the terminal, and not what else lies about."""
PATIENCE = 8.0
"""Seconds that a run which has ended waits for a service to take its last lines."""


class Tracker(Protocol):
    """Somebody who wants to know."""

    name: str

    def begin(self, told: list[Event], step: int) -> None:
        """Before the first event; `told` is what an earlier worker told, `step` the one the run goes on after."""

    def tell(self, event: Event) -> None:
        """A step, a held-out loss or the report."""

    def finish(self) -> None:
        """After the last event."""


def scalars(event: Event) -> dict[str, float]:
    """The numbers of an event, by the names trackers group them by; a number that is none travels as text ("nan")."""
    if event.kind == "report":
        sides = {side: event.get(side) or {} for side in ("before", "after")}
        return {f"{side}/{name}": float(value) for side, found in sides.items() for name, value in found.items()}
    part, names = ("train", STEP) if event.kind == "step" else ("eval", ("loss",))
    return {f"{part}/{name}": float(event.facts[name]) for name in names if event.get(name) is not None}


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A recipe as dotted settings."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return found


class Board:
    """TensorBoard's event files. Every record is one write to a file that is closed again: nothing waits, nothing is lost by a kill."""

    name = "TensorBoard"

    def __init__(self, run: Run) -> None:
        self.run, self.step, self.folder = run, 0, run.folder / FOLDER
        self.path = self.folder / f"events.out.tfevents.{time.time():.0f}.{platform.node()}.{os.getpid()}"

    def begin(self, told: list[Event], step: int) -> None:
        """A new file with all that still holds. What a killed worker did after its last checkpoint is done again, so its lines are left
        out; a TensorBoard that looks on is told to forget them."""
        self.step = step
        self.folder.mkdir(exist_ok=True)
        for old in self.folder.glob("events.out.tfevents.*"):
            old.unlink()
        held = {(event.kind, event.get("step")): event for event in told if event.get("step", step + 1) <= step}
        with self.path.open("ab") as stream:
            stream.write(b"".join([*_opening(self.run), *(self._record(event) for event in held.values())]))

    def tell(self, event: Event) -> None:
        """One record."""
        with self.path.open("ab") as stream:
            stream.write(self._record(event))

    def finish(self) -> None:
        """Every record is in the file already."""

    def _record(self, event: Event) -> bytes:
        from tensorboardX.proto.summary_pb2 import Summary

        self.step = int(event.get("step", self.step))
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(event).items()]
        return _framed(wall_time=event.time, step=self.step, summary=Summary(value=values))


def _opening(run: Run) -> Iterable[bytes]:
    """The head of a file: its version, that earlier files no longer hold, and the recipe for the page of hyper-parameters."""
    from tensorboardX.proto.event_pb2 import SessionLog
    from tensorboardX.summary import hparams

    now = time.time()
    yield _framed(wall_time=now, file_version="brain.Event:2")
    yield _framed(wall_time=now, step=0, session_log=SessionLog(status=SessionLog.START))
    for summary in hparams(flat(run.recipe.dump()), {"train/loss": None, "eval/loss": None}):
        yield _framed(wall_time=now, summary=summary)


def _framed(**facts: Any) -> bytes:
    """An event as it stands in a file: length, its check sum, the bytes, theirs."""
    from tensorboardX.proto.event_pb2 import Event as Record
    from tensorboardX.record_writer import masked_crc32c

    data = Record(**facts).SerializeToString()
    size = struct.pack("<Q", len(data))
    return b"".join((size, struct.pack("<I", masked_crc32c(size)), data, struct.pack("<I", masked_crc32c(data))))


class Service:
    """A tracker with a home of its own, by accelerate's class for it, in a thread. What was told before an interruption is not told twice."""

    def __init__(self, name: str, run: Run) -> None:
        self.name, self.run, self.step, self.known = name, run, 0, dict[str, int]()
        self.waiting: queue.SimpleQueue[tuple[dict[str, float], int] | None] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.problem: Exception | None = None

    def begin(self, told: list[Event], step: int) -> None:
        """Nobody is called yet: that waits for the first event, when the training loop has said which devices there are."""
        self.step = step
        for event in told:
            self.known[event.kind] = max(int(event.get("step", 0)), self.known.get(event.kind, 0))

    def tell(self, event: Event) -> None:
        """Into the thread's hands; its trouble of earlier comes back here."""
        if self.problem is not None:
            raise self.problem
        self.step = int(event.get("step", self.step))
        if self.step <= self.known.get(event.kind, 0) and event.kind != "report":
            return
        if self.thread is None:
            self.thread = threading.Thread(target=self._work, daemon=True, name=f"tracker-{self.name}")
            self.thread.start()
        self.waiting.put((scalars(event), self.step))

    def finish(self) -> None:
        """Wait a little for the last lines."""
        self.waiting.put(None)
        if self.thread is not None:
            self.thread.join(PATIENCE)
            if self.thread.is_alive():
                raise TimeoutError(f"no answer within {PATIENCE:g} s")
        if self.problem is not None:
            raise self.problem

    def _work(self) -> None:
        try:
            there = connect(self.name, self.run)
            there.store_init_configuration(flat(self.run.recipe.dump()))
            while (item := self.waiting.get()) is not None:
                there.log(item[0], step=item[1])
            there.finish()
        except Exception as error:  # nothing that a tracker does may end a run
            self.problem = error


def connect(name: str, run: Run) -> Any:
    """accelerate's tracker, connected; a run that goes on is the same run there."""
    from accelerate import tracking

    if name == "mlflow":
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{run.folder.parent.parent / 'mlflow.db'}")
        known = read_json(run.folder / REMEMBERED) or {}
        there = tracking.MLflowTracker(PROJECT, run_id=known.get(name), run_name=run.id)
        there.start()
        write_json(run.folder / REMEMBERED, {name: there.tracker.info.run_id})
        return there
    if name == "wandb":
        there = tracking.WandBTracker(PROJECT, name=run.id, id=run.id, resume="allow", dir=str(run.folder))
    else:
        there = tracking.TrackioTracker(PROJECT, name=run.id, resume="allow")
    there.start()
    return there


def asked(stage: Stage) -> list[Tracker]:
    """The service of the recipe, where its package is here; else a note that says what is missing."""
    name = stage.run.recipe.training.report_to
    if name == "none":
        return []
    if importlib.util.find_spec(name) is None:
        stage.note(
            Text(
                f"training.report_to: {name} needs its package (pip install {name}); this run is not reported there.",
                f"training.report_to：{name} 需要先安装软件包（pip install {name}）；本次训练不会汇报到那里。",
            )
        )
        return []
    for key, value in MUFFLED.get(name, {}).items():
        if os.environ.get(key) == value:
            del os.environ[key]
    for key, value in MANNERS.items():
        os.environ.setdefault(key, value)
    return [Service(name, stage.run)]


class Trackers:
    """Listens to a stage. Whoever fails is let go: one note, then silence."""

    def __init__(self, stage: Stage, trackers: list[Tracker]) -> None:
        self.stage, self.trackers = stage, trackers

    def hear(self, kind: str, facts: dict[str, Any]) -> None:
        """An event that was just written."""
        if kind in ("step", "eval", "report"):
            event = Event(kind, time.time(), facts)
            self.each(lambda tracker: tracker.tell(event))
        elif kind in TERMINAL:
            self.each(lambda tracker: tracker.finish())

    def each(self, act: Callable[[Tracker], None]) -> None:
        """Everybody's turn."""
        for tracker in list(self.trackers):
            try:
                act(tracker)
            except Exception as error:  # nothing that a tracker does may end a run
                self.trackers.remove(tracker)
                why = shorten(f"{type(error).__name__}: {error}".replace("\n", " "), 160)
                self.stage.note(
                    Text(
                        f"{tracker.name} could not take this run's figures ({why}); the run goes on without it.",
                        f"{tracker.name} 无法接收本次训练的数据（{why}）；训练继续，不再向它汇报。",
                    )
                )


def follow(stage: Stage, step: int) -> None:
    """From here on everything that can be drawn goes to the recipe's trackers too; a resumed run goes on after `step`. Of several
    processes only the first tells."""
    if not stage.world.main:
        return
    told = [event for event in stage.run.events()[0] if event.kind in ("step", "eval")] if stage.again else []
    trackers = Trackers(stage, [Board(stage.run), *asked(stage)])
    trackers.each(lambda tracker: tracker.begin(told, step))
    stage.listeners.append(trackers.hear)
