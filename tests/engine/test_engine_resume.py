"""A run that was interrupted goes on as if it had not been: the same losses, the same weights, whatever loop, method or moment."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest
from engineruns import run_with, told, work
from safetensors.torch import load_file

from workbench.core.events import EventWriter
from workbench.core.method import METHODS
from workbench.core.run import Run
from workbench.engine import checkpoint, session
from workbench.engine.callback import Reporter
from workbench.engine.stage import Stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning"),
]
SHORT: dict[str, Any] = {"max_steps": 16, "save_steps": 3, "eval_steps": 0, "save_total_limit": 2}
"""Forty rows in batches of four: an epoch has eight steps after the held-out rows are taken away."""


class Killed(BaseException):
    """Nothing runs after it."""


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A run that breaks off after some steps, as often as wanted, and goes on each time."""

    def make(folder: Path, engine: str, training: dict[str, Any], at: tuple[int, ...], **changes: Any) -> Run:
        plain = Reporter.on_step_end
        left = list(at)

        def broken(self: Reporter, args: Any, state: Any, control: Any, **named: Any) -> None:
            if left and state.global_step == left[0]:
                left.pop(0)
                raise Killed
            plain(self, args, state, control, **named)

        monkeypatch.setattr(Reporter, "on_step_end", broken)
        with pytest.raises(Killed):
            run_with(folder, engine, training, **changes)
        run = Run(next((folder / engine / "runs").iterdir()))
        while left:
            with pytest.raises(Killed):
                work(run, again=True)
        work(run, again=True)
        return run

    return make


def losses(run: Run, kind: str = "step") -> dict[int, float]:
    """The loss of every step: the last time it was done."""
    return dict(zip(told(run, kind, "step"), told(run, kind, "loss"), strict=True))


def same(one: Run, other: Run) -> None:
    assert losses(one) == losses(other)
    assert losses(one, "eval") == losses(other, "eval")
    ours, theirs = (load_file(checkpoint.sealed(run.checkpoints)[-1] / checkpoint.TRAINED) for run in (one, other))
    assert ours.keys() == theirs.keys()
    assert all(bool((ours[name] == theirs[name]).all()) for name in ours)
    saved = [{path.name: path.read_bytes() for path in sorted(run.tuned.glob("*.safetensors"))} for run in (one, other)]
    assert saved[0] == saved[1] != {}
    assert one.report["after"] == other.report["after"]  # type: ignore[index]


PLAIN = {"gradient_accumulation_steps": 1}
ADDED = {"gradient_accumulation_steps": 3, "per_device_train_batch_size": 2, "keep_best": True, "eval_steps": 2}


@pytest.mark.parametrize("engine", ["trainer", "loop"])
@pytest.mark.parametrize("training", [PLAIN, ADDED], ids=["plain", "accumulated"])
def test_a_run_goes_on_bit_by_bit(engine: str, training: dict[str, Any], tmp_path: Path, interrupted: Any) -> None:
    settings = {**SHORT, **training, "padding_free": False}
    knobs = {"method": {"kind": "lora", "lora_dropout": 0.2}}
    whole = run_with(tmp_path / "whole", engine, settings, **knobs)
    broken = interrupted(tmp_path / "broken", engine, settings, (2, 5, 9, 16), **knobs)
    same(whole, broken)
    assert told(broken, "resumed", "step") == [0, 3, 6, 15]


@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_rows_without_padding_go_on_too(engine: str, tmp_path: Path, interrupted: Any) -> None:
    same(run_with(tmp_path / "whole", engine, SHORT), interrupted(tmp_path / "broken", engine, SHORT, (10,)))


@pytest.mark.parametrize("method", [method.kind for method in METHODS.all() if method.kind != "qlora"])
def test_every_method_goes_on_bit_by_bit(method: str, tmp_path: Path, interrupted: Any) -> None:
    """Twelve steps are enough for AdaLoRA to take rank away, and to go on with what it has in mind."""
    settings = {"max_steps": 12, "save_steps": 4, "eval_steps": 50}
    changes = {"method": method, "task": "text-classification", "family": "bert"}
    whole = run_with(tmp_path / "whole", "trainer", settings, **changes)
    same(whole, interrupted(tmp_path / "broken", "trainer", settings, (6, 11), **changes))


@pytest.mark.parametrize("task", ["preference", "reward", "translation"])
def test_other_trainers_go_on_bit_by_bit(task: str, tmp_path: Path, interrupted: Any) -> None:
    changes = {"task": task, "family": "t5" if task == "translation" else "llama", "knobs": {"max_length": 200}}
    settings = {"max_steps": 6, "save_steps": 2, "eval_steps": 50}
    whole = run_with(tmp_path / "whole", "trainer", settings, **changes)
    same(whole, interrupted(tmp_path / "broken", "trainer", settings, (4,), **changes))


def damage(folder: Path) -> dict[str, Callable[[], None]]:
    """Every way in which a checkpoint can be wrong."""
    files = [path for path in folder.iterdir() if path.is_file()]

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    made: dict[str, Callable[[], None]] = {}
    for path in files:
        made[f"{path.name} missing"] = path.unlink
        made[f"{path.name} cut"] = lambda path=path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        made[f"{path.name} flipped"] = lambda path=path: flip(path)
    return made


def test_a_checkpoint_that_is_damaged_or_foreign_is_never_used(tmp_path: Path) -> None:
    run = run_with(tmp_path, "loop", {**SHORT, "max_steps": 6})
    newest, mark = checkpoint.sealed(run.checkpoints)[-1], None
    mark = checkpoint.read_json(newest / checkpoint.MANIFEST)["of"]
    whole = tmp_path / "kept"
    shutil.copytree(newest, whole)
    for tried, name in enumerate(damage(newest), 1):  # noqa: B007 (told at the end)
        shutil.rmtree(newest)
        shutil.copytree(whole, newest)
        damage(newest)[name]()
        found, said = checkpoint.newest(run.checkpoints, mark)
        flipped_blank = name.startswith("manifest.json flipped")  # a bit of a manifest's white space changes nothing
        assert found is not None
        good = (found.name, len(said)) == ("step-3", 1) or flipped_blank
        faults.note("F10", "damaged checkpoints used, or passed over without a word", 0 if good else 1, most=0)
        assert good, name
    faults.note("F10", "kinds of damage tried", tried)
    shutil.rmtree(newest)
    shutil.copytree(whole, newest)
    assert checkpoint.newest(run.checkpoints, mark)[0] == newest
    for key in mark:
        assert checkpoint.newest(run.checkpoints, {**mark, key: "other"})[0] is None
    assert "another recipe" in checkpoint.newest(run.checkpoints, {**mark, "data": "other"})[1][0].en


def test_a_resumed_curve_has_every_step_once(tmp_path: Path, interrupted: Any) -> None:
    from workbench.ui.feed import Feed

    run = interrupted(tmp_path, "loop", SHORT, (5, 11))
    assert [step["step"] for step in Feed().view(run).steps] == list(range(1, 17))
    seconds = [step["seconds"] for step in Feed().view(run).steps]
    assert all(a <= b for a, b in itertools.pairwise(seconds))


@pytest.mark.parametrize("engine", ["trainer", "loop"])
def test_a_run_that_stopped_early_learns_no_more_when_it_is_scored_again(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    training = {"early_stopping_patience": 2, "eval_steps": 2, "save_steps": 2, "learning_rate": 0.3}
    whole = run_with(tmp_path / "whole", engine, training)
    plain = session.finish

    def dies(*given: Any) -> None:
        raise Killed

    monkeypatch.setattr(session, "finish", dies)
    with pytest.raises(Killed):
        run_with(tmp_path / "broken", engine, training)
    monkeypatch.setattr(session, "finish", plain)
    run = Run(next((tmp_path / "broken" / engine / "runs").iterdir()))
    torn = Run(run.folder.with_name("torn"))
    shutil.copytree(run.folder, torn.folder)
    work(run, again=True)
    same(whole, run)
    (best,) = torn.checkpoints.glob("best-*.safetensors")
    best.write_bytes(best.read_bytes()[: best.stat().st_size // 2])
    work(torn, again=True)
    assert any("damaged" in str(said) for said in told(torn, "note", "en"))
    assert torn.report is not None


def test_checkpoints_of_no_use_do_not_push_out_those_that_come_after_them(tmp_path: Path) -> None:
    run = run_with(tmp_path, "loop", {**SHORT, "max_steps": 2})
    mark = {"recipe": "r", "data": "d", "model": "before"}

    def worker(mark: dict[str, str], *steps: int) -> list[str]:
        with contextlib.closing(EventWriter(run.events_path)) as writer:
            keeper = checkpoint.Keeper(Stage(run, writer), 2, mark)
            kept, _ = checkpoint.newest(run.checkpoints, mark)
            keeper.set_aside(int(kept.name.removeprefix(checkpoint.PLACE)) if kept else 0)
            for step in steps:
                keeper.save(step, lambda step=step: written(run.checkpoints / f"{checkpoint.STAGED}{step}"), {}, {})
        return [path.name for path in checkpoint.sealed(run.checkpoints)]

    assert worker(mark, 800, 1000)[-2:] == ["step-800", "step-1000"]
    changed = {**mark, "model": "after"}
    assert worker(changed, 200) == ["step-200"]
    assert worker(changed, 400, 600) == ["step-400", "step-600"]
    assert sorted(path.name for path in run.checkpoints.glob("unused-*"))[0] == "unused-step-1000"


def written(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / checkpoint.TRAINED).write_bytes(b"x")
    (folder / checkpoint.STATE).write_text("{}")
