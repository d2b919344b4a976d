"""Runs over several processes, for real: the same losses as in one, no orphan when one is killed, the same weights after it went on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matrix
import psutil
import pytest
from engineruns import work
from fewrows import kinds, wait, write_rows
from places import ROOT
from safetensors.torch import load_file

from workbench.core.errors import UserError
from workbench.core.files import read_json
from workbench.core.recipe import Recipe, parse
from workbench.core.run import Run, create
from workbench.core.task import TASKS
from workbench.core.workspace import Workspace
from workbench.engine import checkpoint, launcher, places, queue, supervisor, zero

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
WORDS = ["one", "tall", "river", "under", "snow", "lights", "paper", "every", "winter", "garden", "sings", "aloud"]
Make = Callable[..., Recipe]


@pytest.fixture
def recipe(workspace: Workspace, llama: Path, tmp_path: Path) -> Make:
    """Twenty answers of different lengths, so that the processes of a step have different numbers of answers."""
    dice = random.Random(1)
    rows = [{"prompt": f"word {i}", "response": " ".join(dice.choices(WORDS, k=1 + i % 5))} for i in range(20)]
    write_rows(workspace, tmp_path / "few.jsonl", rows)
    values = {
        "task": {"kind": "chat", "max_length": 96}, "method": "lora", "model": {"id": str(llama)},
        "data": {"dataset": "few"}, "compute": {"threads": 1},
    }  # fmt: skip
    return lambda **changes: parse(values).replace({key.replace("__", "."): value for key, value in changes.items()})


NEAR = 5e-6
"""Largest difference of a loss from that of one process at the same rows per step (fp32; sums are made in another order)."""
ONE = {"training__per_device_train_batch_size": 4, "evaluation__baseline": False, "evaluation__samples": 0, "data__validation": 0.2}  # fmt: skip
TWO = {**ONE, "training__per_device_train_batch_size": 2, "compute__processes": 2}


def two(strategy: str, engine: str = "loop", **changes: Any) -> dict[str, Any]:
    """Sixteen rows for training, four a step: the epochs come out even."""
    made = {**TWO, "compute__strategy": strategy, "training__engine": engine, **steps(8), **changes}
    if strategy.startswith("zero-"):
        made |= {"compute__strategy": "deepspeed", "compute__zero_stage": strategy[5], "compute__offload_optimizer": strategy.endswith("offload")}  # fmt: skip
    if strategy == "tensor-parallel":
        made["training__per_device_train_batch_size"] = 4
        made["training__padding_free"] = (
            False  # rows are not laid end to end there, so they would come in another order
        )
    return made


def steps(count: int, save: int = 3) -> dict[str, Any]:
    return {"training__max_steps": count, "training__save_steps": save, "training__eval_steps": 4}


def trained(workspace: Workspace, recipe: Recipe) -> Run:
    run = supervisor.start(workspace, recipe)
    assert wait(run, seconds=240) == "finished", told(run)
    return run


def alone(workspace: Workspace, recipe: Recipe) -> Run:
    """The same in one process: this one."""
    run = create(workspace, recipe)
    work(run)
    return run


def told(run: Run) -> str:
    return f"{run.events()[0][-1]}\n{(run.folder / 'worker.log').read_text()[-4000:]}"


def losses(run: Run, kind: str = "step") -> dict[int, float]:
    return {int(event.get("step")): event.get("loss") for event in run.events()[0] if event.kind == kind}


def apart(one: Run, other: Run) -> float:
    """The largest difference of two runs' losses, in training and of held-out rows."""
    found = 0.0
    for kind in ("step", "eval"):
        ours, theirs = losses(one, kind), losses(other, kind)
        assert ours.keys() == theirs.keys()
        found = max([found, *(abs(ours[step] - theirs[step]) for step in ours)])
    return found


def weights(run: Run) -> dict[str, Any]:
    return load_file(checkpoint.sealed(run.checkpoints)[-1] / checkpoint.TRAINED)


def same_shapes(one: Run, other: Run) -> None:
    """What is saved is whole, whatever it was spread over: checkpoints and result."""
    ours, theirs = weights(one), weights(other)
    assert {name: value.shape for name, value in ours.items()} == {name: value.shape for name, value in theirs.items()}
    sizes = [{path.name: path.stat().st_size for path in run.tuned.glob("*.safetensors")} for run in (one, other)]
    assert sizes[0] == sizes[1] != {}
    assert max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 1e-3


def processes(run: Run) -> list[psutil.Process]:
    """All that works on the run, the launcher first."""
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        if str(run.folder) in (each.info["cmdline"] or []) and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(each)
    return sorted(found, key=lambda each: each.pid)


def gone(run: Run, seconds: float = 45) -> None:
    deadline = time.monotonic() + seconds
    while left := processes(run):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def ranks(run: Run) -> dict[int, psutil.Process]:
    return {int(each.environ()["RANK"]): each for each in processes(run) if "RANK" in each.environ()}


STRATEGIES = [("ddp", "trainer", "full"), ("fsdp", "loop", "lora"), ("zero-2", "loop", "lora"), ("zero-3-offload", "loop", "full"), ("tensor-parallel", "loop", "full")]  # fmt: skip
MORE = [("ddp", "trainer", "lora"), ("ddp", "loop", "full"), ("ddp", "loop", "lora"), *(("fsdp", "loop", kind) for kind in launcher.SHARDED if kind not in ("lora", "bitfit")), *(("zero-3", "loop", kind) for kind in launcher.SHARDED if kind != "bitfit"), ("zero-2", "loop", "full"), ("zero-2-offload", "loop", "lora")]  # fmt: skip


@QUIET
@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "engine", "method"), STRATEGIES)
def test_two_processes_have_the_losses_of_one(strategy: str, engine: str, method: str, workspace: Workspace, recipe: Make) -> None:  # fmt: skip
    compare(workspace, recipe, two(strategy, engine, method__kind=method))


@QUIET
@pytest.mark.long
@pytest.mark.parametrize("added", [1, 2])
@pytest.mark.parametrize("padding_free", [True, False])
@pytest.mark.parametrize(("strategy", "engine", "method"), [*STRATEGIES, *MORE])
def test_many_ways_have_the_losses_of_one(strategy: str, engine: str, method: str, padding_free: bool, added: int, workspace: Workspace, recipe: Make) -> None:  # fmt: skip
    changes = {
        "training__padding_free": padding_free,
        "training__gradient_accumulation_steps": added,
        "training__keep_best": True,
    }
    compare(workspace, recipe, two(strategy, engine, method__kind=method, **changes))


def compare(workspace: Workspace, recipe: Make, settings: dict[str, Any]) -> None:
    many = trained(workspace, recipe(**settings))
    one = alone(workspace, recipe(**{**settings, **ONE, "compute__processes": 1, "compute__strategy": "single"}))
    found = apart(one, many)
    print(
        f"{settings['compute__strategy']}, {settings['training__engine']}, {settings['method__kind']}: losses differ by {found:.1e} at most"
    )
    assert found <= NEAR
    same_shapes(one, many)
    facts = next(event for event in many.events()[0] if event.kind == "model")
    assert (facts.get("strategy"), facts.get("processes")) == (settings["compute__strategy"], 2)
    assert kinds(many).count("finished") == kinds(many).count("started") == 1
    gone(many)


LONG = {"training__max_steps": 240, "training__save_steps": 20, "training__eval_steps": 60, "method__lora_dropout": 0.2}


def reached(run: Run, step: int, seconds: float = 120) -> None:
    wait(run, lambda: max([0, *losses(run)]) >= step, seconds=seconds)


def outcome(run: Run) -> tuple[dict[int, float], dict[int, float], dict[str, bytes]]:
    saved = {path.name: path.read_bytes() for path in sorted(run.tuned.glob("*.safetensors"))}
    assert saved
    return losses(run), losses(run, "eval"), saved


ENDS = {1: "failed", 0: "lost", None: "lost"}
"""How a run ends whose second process, first process or launcher (None) is killed."""


def survives(workspace: Workspace, settings: dict[str, Any], recipe: Make, victims: tuple[int | None, ...]) -> None:
    """Processes are killed one by one: nothing is left over each time, and in the end nothing is to be seen."""
    whole = trained(workspace, recipe(**settings))
    gone(whole)
    run = supervisor.start(workspace, recipe(**settings))
    for index, victim in enumerate(victims):
        reached(run, 50 + 60 * index)
        ends = ENDS[victim]
        worker = ranks(run)[victim] if victim is not None else run.worker()
        assert worker
        began = time.monotonic()
        worker.kill()
        assert wait(run, seconds=60) == ends, told(run)
        gone(run)
        print(
            f"rank {'launcher' if victim is None else victim} killed: {ends} and no process left after {time.monotonic() - began:.1f} s"
        )
        if ends == "failed":
            assert "Another process of this run ended" in run.events()[0][-1].get("en")
        supervisor.resume(run)
    assert wait(run, seconds=240) == "finished", told(run)
    resumed = [event.get("step") for event in run.events()[0] if event.kind == "resumed"]
    assert [step % 20 for step in resumed] == [0] * len(victims)
    assert min(resumed) >= 40
    assert outcome(run) == outcome(whole)
    files = {path.name for path in checkpoint.sealed(run.checkpoints)[-1].iterdir()}
    assert {"1-chance.safetensors", "rng_state_1.pth"} & files
    gone(run)


@pytest.mark.slow
def test_a_killed_process_ends_all_and_the_run_goes_on_bit_by_bit(workspace: Workspace, recipe: Make) -> None:
    settings = {**two("ddp", "loop"), **LONG, "training__max_steps": 150}
    survives(workspace, settings, recipe, (1, 0))


@pytest.mark.long
@pytest.mark.parametrize(
    ("strategy", "engine", "method"), [("ddp", "trainer", "lora"), ("fsdp", "loop", "full"), *STRATEGIES[1:]]
)
def test_every_strategy_goes_on_bit_by_bit(strategy: str, engine: str, method: str, workspace: Workspace, recipe: Make) -> None:  # fmt: skip
    settings = {**two(strategy, engine), **LONG}
    if method != "lora":
        settings.pop("method__lora_dropout")
    survives(workspace, {**settings, "method__kind": method}, recipe, (None, 1, 0))


@pytest.mark.slow
def test_processes_pause_and_stop_together_and_a_cancel_takes_all(workspace: Workspace, recipe: Make) -> None:
    endless = {**two("fsdp", "loop"), "training__max_steps": 100_000}
    run = supervisor.start(workspace, recipe(**endless))
    reached(run, 5)
    run.ask_to_pause()
    wait(run, lambda: "paused" in kinds(run))
    at = max(losses(run))
    time.sleep(1)
    assert max(losses(run)) <= at + 1
    assert len(ranks(run)) == 2
    run.ask_to_pause(False)
    reached(run, at + 5)
    supervisor.stop(run)
    assert wait(run) == "stopped", told(run)
    assert (run.tuned / "adapter_model.safetensors").stat().st_size > 1000
    gone(run)
    supervisor.resume(run)
    reached(run, max(losses(run)) + 5)
    supervisor.cancel(run)
    assert run.status == "stopped"
    gone(run, 5)


@pytest.mark.long
def test_a_signal_to_the_launcher_saves_and_ends_as_the_button_does(workspace: Workspace, recipe: Make) -> None:
    run = supervisor.start(workspace, recipe(**{**two("ddp", "trainer"), "training__max_steps": 100_000}))
    reached(run, 5)
    os.kill(run.worker().pid, signal.SIGTERM)  # type: ignore[union-attr]
    assert wait(run) == "stopped", told(run)
    assert (run.tuned / "adapter_model.safetensors").is_file()
    assert losses(run).keys() == set(range(1, checkpoint_step(run) + 1))
    gone(run)


def checkpoint_step(run: Run) -> int:
    return int(checkpoint.sealed(run.checkpoints)[-1].name.removeprefix(checkpoint.PLACE))


@pytest.mark.long
@pytest.mark.parametrize(("task", "family", "method", "engine", "strategy", "near"), [
    ("preference", "llama", "lora", "trainer", "ddp", NEAR), ("reward", "llama", "lora", "trainer", "ddp", NEAR),
    ("text-classification", "bert", "adalora", "trainer", "ddp", NEAR), ("text-classification", "bert", "full", "loop", "fsdp", NEAR),
    ("question-answering", "bert", "full", "trainer", "ddp", NEAR), ("chat", "llama", "prefix-tuning", "loop", "ddp", NEAR),
    ("text-classification", "bert", "bitfit", "loop", "fsdp", NEAR), ("text-classification", "bert", "lora", "loop", "fsdp", NEAR),
    ("translation", "t5", "lora", "loop", "ddp", 2e-2), ("translation", "t5", "lora", "loop", "fsdp", 2e-2),
])  # fmt: skip
def test_other_tasks_have_the_losses_of_one(task: str, family: str, method: str, engine: str, strategy: str, near: float, workspace: Workspace) -> None:  # fmt: skip
    """T5 takes the mean of its own answers whatever it is told, so processes with fewer answers weigh as much (see docs/compute.md)."""
    values = {
        "task": {"kind": task, "max_length": 120}, "model": {"id": str(matrix.model_folder(family))},
        "method": {"kind": method, **matrix.SETTINGS.get(method, {})}, "data": {"dataset": TASKS.get(task).sample, "max_rows": 40},
        "training": {"engine": engine, "max_steps": 6, "learning_rate": 5e-3, "eval_steps": 3},
        "evaluation": {"max_rows": 8, "samples": 0, "baseline": False}, "compute": {"threads": 1},
    }  # fmt: skip
    many = {"training.per_device_train_batch_size": 2, "compute.strategy": strategy, "compute.processes": 2}
    one = trained(workspace, parse(values).replace({"training.per_device_train_batch_size": 4}))
    found = apart(one, trained(workspace, parse(values).replace(many)))
    print(f"{task}, {method}, {engine}, {strategy}: losses differ by {found:.1e} at most")
    assert found <= near


@QUIET
@pytest.mark.slow
def test_two_machines_have_the_losses_of_one(workspace: Workspace, recipe: Make) -> None:
    settings = {
        **two("ddp", "loop"),
        "compute__processes": 1,
        "compute__machines": 2,
        "compute__main_address": "127.0.0.1",
    }
    run = supervisor.start(workspace, recipe(**settings, compute__main_port=launcher._free_port()))
    command = read_json(run.folder / "launch.json")["others"][0]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        assert wait(run, seconds=240) == "finished", told(run)
        assert other.wait(30) == 0
    one = alone(workspace, recipe(**{**settings, **ONE, "compute__machines": 1, "compute__strategy": "single"}))
    print(f"ddp, two machines of one process: losses differ by {apart(one, run):.1e} at most")
    assert apart(one, run) <= NEAR
    same_shapes(one, run)
    assert kinds(run).count("started") == 1


@pytest.mark.slow
def test_a_worker_that_is_not_one_of_as_many_as_promised_says_so(workspace: Workspace, recipe: Make) -> None:
    run = create(workspace, recipe(**two("ddp")))
    done = subprocess.run([sys.executable, "-m", "workbench.engine.worker", str(run.folder)], cwd=ROOT, timeout=90, check=False)  # fmt: skip
    assert done.returncode == 2
    event = run.events()[0][-1]
    assert (event.kind, event.get("field")) == ("failed", "compute.processes")
    assert "2 processes" in event.get("en")
    assert "Traceback" not in str(event.facts)


@pytest.mark.parametrize("strategy", ["ddp", "fsdp", "deepspeed", "tensor-parallel"])
def test_a_wrapper_that_is_not_the_promised_one_is_refused(strategy: str) -> None:
    import torch

    from workbench.engine import spread
    from workbench.engine.world import World

    plain = SimpleNamespace(model=torch.nn.Linear(2, 2), accelerator=SimpleNamespace(num_processes=2))
    with pytest.raises(UserError, match="Linear") as caught:
        spread.assert_spread(World(0, 2, strategy), plain)
    assert caught.value.field == "compute.strategy"


REFUSED = [
    ({"strategy": "ddp"}, {}, "compute.processes"),
    ({"strategy": "single", "processes": 2}, {}, "compute.strategy"),
    ({"strategy": "ddp", "machines": 2}, {}, "compute.main_address"),
    ({"strategy": "fsdp", "processes": 2}, {"training.engine": "trainer"}, "training.engine"),
    ({"strategy": "fsdp", "processes": 2}, {"method.kind": "adalora"}, "method.kind"),
    ({"strategy": "fsdp", "processes": 2}, {"training.optim": "adafactor"}, "training.optim"),
    ({"strategy": "fsdp", "processes": 2, "precision": "fp16"}, {}, "compute.precision"),
    ({"strategy": "fsdp", "processes": 2, "torch_compile": True}, {}, "compute.torch_compile"),
    ({"strategy": "fsdp", "processes": 2}, {"task.kind": "preference", "data.dataset": "preferences-en"}, "compute.strategy"),
    ({"strategy": "deepspeed", "processes": 2}, {"training.engine": "trainer"}, "training.engine"),
    ({"strategy": "deepspeed", "processes": 2}, {"method.kind": "oft"}, "method.kind"),
    ({"strategy": "deepspeed", "processes": 2, "precision": "fp16"}, {}, "compute.precision"),
    ({"strategy": "deepspeed"}, {}, "compute.processes"),
    ({"strategy": "device-map"}, {}, "compute.strategy"),
    ({"strategy": "device-map", "processes": 2}, {}, "compute.strategy"),
    ({"strategy": "tensor-parallel", "processes": 2}, {"method.kind": "lora"}, "method.kind"),
    ({"strategy": "tensor-parallel", "processes": 3}, {"method.kind": "full"}, "compute.processes"),
]  # fmt: skip


@pytest.mark.parametrize(("compute", "others", "field"), REFUSED, ids=lambda each: str(each))
def test_what_cannot_be_spread_is_refused_before_anything_is_loaded(compute: dict[str, Any], others: dict[str, Any], field: str, recipe: Make) -> None:  # fmt: skip
    base: dict[str, Any] = {
        "training__engine": "loop",
        **{f"compute__{name}": value for name, value in compute.items()},
    }
    made = recipe(**base).replace(others)
    with pytest.raises(UserError) as caught:
        launcher.check(made, {"num_attention_heads": 4, "num_key_value_heads": 2})
    assert caught.value.field == field
    assert caught.value.text.zh


def test_deepspeed_that_is_missing_is_said_with_the_remedy(recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zero.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install deepspeed") as caught:
        launcher.check(recipe(compute__strategy="deepspeed", compute__processes=2, training__engine="loop"), None)
    assert "fsdp" in caught.value.text.zh


def test_a_device_map_takes_every_gpu_in_one_process(recipe: Make, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(queue, "devices", lambda: ("cuda:0", "cuda:1", "cpu"))
    chosen = recipe(compute__strategy="device-map")
    launcher.check(chosen, None)
    run = create(workspace, chosen)
    assert queue.device_for(run, set()) == "cuda:0,cuda:1"
    assert queue.device_for(run, {"cuda:1"}) is None
    assert "torch.distributed.run" not in launcher.command_of(run, 0, 1)
    assert places.loading(chosen.compute, "cuda") == {"device_map": "balanced"}


def mapped(monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]) -> None:
    """What a machine with two GPUs would do: every block has a home of its own, and values are carried there. Here all homes are the CPU."""
    from accelerate.hooks import attach_align_device_hook_on_blocks

    from workbench.models import loading

    plain = loading.load_model

    def load(folder: Path, task: Any, options: dict[str, Any], device: str = "cpu", dtype: str = "fp32") -> Any:
        assert options.pop("device_map") == "balanced"
        model = plain(folder, task, options, device, dtype)
        attach_align_device_hook_on_blocks(model, dict.fromkeys(told, "cpu"), offload=dict.fromkeys(told, False))
        model.hf_device_map = dict(told)
        return model

    monkeypatch.setattr(loading, "load_model", load)
    monkeypatch.setattr(places, "loading", lambda compute, device: {"device_map": "balanced"})


HOMES = {
    "model.embed_tokens": 0,
    "model.layers.0": 0,
    "model.layers.1": 1,
    "model.norm": 1,
    "model.rotary_emb": 0,
    "lm_head": 1,
}


@QUIET
@pytest.mark.parametrize("engine", ["loop", "trainer"])
def test_a_model_on_several_devices_has_the_losses_of_one(engine: str, workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    settings = {**ONE, **steps(6), "training__engine": engine, "training__padding_free": False}
    one = alone(workspace, recipe(**settings))
    mapped(monkeypatch, HOMES)
    several = alone(workspace, recipe(**settings, compute__strategy="device-map"))
    assert apart(one, several) <= NEAR
    facts = next(event for event in several.events()[0] if event.kind == "model")
    assert (facts.get("strategy"), facts.get("places")) == ("device-map", ["0", "1"])


@pytest.mark.parametrize("homes", [{}, {"": 0}, {"model": 0, "lm_head": "cpu"}, {"model": 0, "lm_head": "disk"}])
def test_a_device_map_that_came_to_nothing_is_refused(homes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="device-map") as caught:
        places.assert_several(SimpleNamespace(hf_device_map=homes))
    assert caught.value.field == "compute.strategy"


def test_more_processes_than_gpus_are_refused_and_each_gets_its_own(recipe: Make, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(queue, "devices", lambda: ("cuda:0", "cuda:3", "cpu"))
    chosen = recipe(compute__strategy="ddp", compute__processes=2)
    launcher.check(chosen, None)
    run = create(workspace, chosen)
    assert queue.device_for(run, set()) == "cuda:0,cuda:3"
    assert queue.device_for(run, {"cuda:3"}) is None
    assert launcher.environment(chosen.compute, "cuda:0,cuda:3")["CUDA_VISIBLE_DEVICES"] == "0,3"
    with pytest.raises(UserError, match="has 2"):
        launcher.check(recipe(compute__strategy="ddp", compute__processes=3), None)


def test_a_checkpoint_of_another_strategy_is_refused_and_named(tmp_path: Path) -> None:
    mark = {"recipe": "a", "data": "b", "model": "c"}
    folder = tmp_path / "step-3"
    folder.mkdir()
    for name in (checkpoint.TRAINED, checkpoint.STATE):
        (folder / name).write_text(name)
    checkpoint.seal(folder, 3, {**mark, "spread": "ddp × 2"})
    assert checkpoint.wrong_with(folder, {**mark, "spread": "ddp × 2"}) is None
    for other in ({}, {"spread": "fsdp × 2"}, {"spread": "ddp × 3"}):
        reason = checkpoint.wrong_with(folder, {**mark, **other})
        assert reason is not None
        assert "ddp × 2" in reason.en
        assert "ddp × 2" in reason.zh
