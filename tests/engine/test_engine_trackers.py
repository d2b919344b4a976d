"""Trackers show what the event log says, every step once, and never cost a run anything."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engineruns import run_with, told, work
from tensorboardX.proto.event_pb2 import Event as Record
from tensorboardX.proto.event_pb2 import SessionLog
from tensorboardX.record_writer import masked_crc32c

from workbench.core.events import Event, EventWriter
from workbench.core.recipe import Recipe
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import trackers, worker
from workbench.engine.callback import Reporter
from workbench.engine.stage import Stage
from workbench.engine.world import World

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
Make = Callable[..., Recipe]
TAGS = [f"train/{name}" for name in trackers.STEP]


def records(path: Path) -> list[Record]:
    """An event file as TensorBoard reads it: every length and every check sum looked at."""
    data, found, at = path.read_bytes(), list[Record](), 0
    while at < len(data):
        size, crc = struct.unpack_from("<QI", data, at)
        assert crc == masked_crc32c(data[at : at + 8])
        body = data[at + 12 : at + 12 + size]
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked_crc32c(body)
        found.append(Record.FromString(body))
        at += 16 + size
    return found


def files(run: Run) -> list[Path]:
    return sorted((run.folder / trackers.FOLDER).iterdir())


def drawn(run: Run) -> list[tuple[str, int, float]]:
    """(tag, step, value) of everything in the run's only event file, as it stands there."""
    (path,) = files(run)
    return [
        (value.tag, record.step, value.simple_value)
        for record in records(path)
        for value in record.summary.value
        if not value.tag.startswith("_hparams_")
    ]


def expected(run: Run) -> list[tuple[str, int, float]]:
    """The same of the event log: of what was done twice, the last."""
    kept = {
        (event.kind, event.get("step")): event for event in run.events()[0] if event.kind in ("step", "eval", "report")
    }
    last = max(step for _, step in kept if step)
    return sorted(
        (tag, event.get("step", last), float(np.float32(value)))
        for event in kept.values()
        for tag, value in trackers.scalars(event).items()
    )


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_event_files_say_what_the_event_log_says(engine: str, tmp_path: Path) -> None:
    run = run_with(tmp_path, engine, {"max_steps": 8, "eval_steps": 4})
    found = drawn(run)
    assert sorted(found) == expected(run)
    for tag in TAGS:
        assert [step for name, step, _ in found if name == tag] == list(range(1, 9))
    assert [step for name, step, _ in found if name == "eval/loss"] == [4, 8]
    assert any(name.startswith("after/") for name, _, _ in found)
    head = records(files(run)[0])
    assert head[0].file_version == "brain.Event:2"
    settings = b"".join(record.SerializeToString() for record in head[2:5])
    assert b"training.learning_rate" in settings
    assert b"method.rank" in settings


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_after_a_resume_every_step_is_there_once(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Nothing runs after it."""

    plain, left = Reporter.on_step_end, [6]

    def broken(self: Reporter, args: Any, state: Any, control: Any, **named: Any) -> None:
        if left and state.global_step == left[0]:
            left.pop()
            raise Killed
        plain(self, args, state, control, **named)

    monkeypatch.setattr(Reporter, "on_step_end", broken)
    with pytest.raises(Killed):
        run_with(tmp_path, engine, {"max_steps": 8, "save_steps": 3, "eval_steps": 2})
    run = Run(next((tmp_path / engine / "runs").iterdir()))
    (before,) = files(run)
    assert [step for name, step, _ in drawn(run) if name == "train/loss"] == [1, 2, 3, 4, 5]
    work(run, again=True)
    assert told(run, "resumed", "step") == [3]
    assert told(run, "step", "step") == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8]
    assert [step for name, step, _ in drawn(run) if name == "train/loss"] == list(range(1, 9))
    assert sorted(drawn(run)) == expected(run)
    purge = records(files(run)[0])[1]
    assert (purge.session_log.status, purge.step) == (SessionLog.START, 0), "a TensorBoard that looks on forgets"
    assert files(run)[0].name >= before.name


@pytest.fixture
def stage(workspace: Workspace, recipe: Make, writer: Callable[[Path], EventWriter]) -> Stage:
    run = create(workspace, recipe(training__report_to="wandb"))
    return Stage(run, writer(run.events_path))


def step(number: int, loss: float = 1.0) -> dict[str, Any]:
    return {"step": number, "loss": loss, "learning_rate": 1e-3, "grad_norm": None}


def notes(stage: Stage) -> list[Event]:
    return [event for event in stage.run.events()[0] if event.kind == "note"]


class Fake:
    """Takes down what accelerate's tracker would send away."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem, self.seen, self.settings, self.ended = problem, list[tuple[int, float]](), dict[str, Any](), False
        self.threads: set[str] = set()

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.settings = values

    def log(self, values: dict[str, float], step: int) -> None:
        self.threads.add(threading.current_thread().name)
        if self.problem:
            raise self.problem
        self.seen.append((step, values.get("train/loss", values.get("eval/loss", -1.0))))

    def finish(self) -> None:
        self.ended = True


def listening(stage: Stage, monkeypatch: pytest.MonkeyPatch, fake: Any, resumed: int = 0) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(trackers, "connect", lambda name, run: fake)
    trackers.follow(stage, resumed)


def test_a_service_is_told_in_its_own_thread(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    listening(stage, monkeypatch, fake)
    for number in (1, 2):
        stage.write("step", **step(number, number / 2))
    stage.write("eval", step=2, loss=0.25)
    stage.write("finished")
    assert fake.seen == [(1, 0.5), (2, 1.0), (2, 0.25)]
    assert (fake.ended, fake.threads) == (True, {"tracker-wandb"})
    assert fake.settings["training.report_to"] == "wandb"
    assert fake.settings["method.kind"] == "lora"


def test_a_service_is_not_told_a_step_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1, 6):
        stage.write("step", **step(number))
    stage.again = True
    fake = Fake()
    listening(stage, monkeypatch, fake, resumed=3)
    for number in range(4, 8):
        stage.write("step", **step(number))
    stage.write("eval", step=4, loss=0.5)
    stage.write("stopped")
    assert fake.seen == [(6, 1.0), (7, 1.0), (4, 0.5)]


def test_a_service_that_fails_leaves_one_note_and_silence(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(ConnectionError("no route to host\nsecond line"))
    listening(stage, monkeypatch, fake)
    stage.write("step", **step(1))
    for thread in threading.enumerate():
        if thread.name == "tracker-wandb":
            thread.join(5)
    for number in range(2, 5):
        stage.write("step", **step(number))
    stage.write("finished")
    (note,) = notes(stage)
    assert "wandb" in note.get("en")
    assert "no route to host second line" in note.get("en")
    assert "训练继续" in note.get("zh")
    assert [value for name, value, _ in drawn(stage.run) if name == "train/loss"] == [1, 2, 3, 4]


def test_a_service_that_never_answers_holds_nothing_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    held = threading.Event()

    class Deaf(Fake):
        def log(self, values: dict[str, float], step: int) -> None:
            held.wait(30)

    monkeypatch.setattr(trackers, "PATIENCE", 0.1)
    listening(stage, monkeypatch, Deaf())
    for number in range(1, 200):
        stage.write("step", **step(number))
    stage.write("finished")
    assert "no answer" in notes(stage)[0].get("en")
    held.set()


def test_a_full_disk_lets_tensorboard_go(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(stage, monkeypatch, Fake())
    stage.write("step", **step(1))
    (path,) = files(stage.run)
    path.unlink()
    path.mkdir()  # stands for whatever keeps a file from being written
    for number in (2, 3):
        stage.write("step", **step(number))
    (note,) = notes(stage)
    assert note.get("en").startswith("TensorBoard could not take")
    assert [event.get("step") for event in stage.run.events()[0] if event.kind == "step"] == [1, 2, 3]


def test_a_missing_package_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    trackers.follow(stage, 0)
    (note,) = notes(stage)
    assert "pip install wandb" in note.get("en")
    assert "pip install wandb" in note.get("zh")
    stage.write("step", **step(1))
    assert drawn(stage.run)


def test_only_the_tracker_that_is_asked_for_may_speak(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {name for muffled in trackers.MUFFLED.values() for name in muffled} <= set(worker.QUIET)
    for name, value in [*worker.QUIET.items(), *trackers.MANNERS.items()]:
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_MODE", "offline")
    listening(stage, monkeypatch, Fake())
    assert "WANDB_DISABLED" not in os.environ
    assert os.environ["WANDB_MODE"] == "offline", "a person's own wish stays"
    assert os.environ["DISABLE_MLFLOW_INTEGRATION"] == "TRUE"


def test_only_the_first_of_several_processes_tells(stage: Stage) -> None:
    stage.world = World(rank=1, size=2)
    trackers.follow(stage, 0)
    assert not stage.listeners
    assert not (stage.run.folder / trackers.FOLDER).exists()


def test_numbers_that_are_none_are_drawn_as_such(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    listening(stage, monkeypatch, Fake())
    stage.write("step", **step(1, float("nan")))
    assert np.isnan(drawn(stage.run)[0][2])
    assert np.isnan(trackers.scalars(stage.run.events()[0][-1])["train/loss"]), "and the log says the same"
