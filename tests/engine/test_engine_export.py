"""Job files really run: Slurm's script between a fake srun and scontrol, the others as far as their words go."""

from __future__ import annotations

import contextlib
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from fewrows import LABELS, write_rows
from places import ROOT

from workbench import cli
from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.recipe import Recipe, parse, read
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.engine import machine
from workbench.engine.target import TARGETS, Job, Size, sized, write

Make = Callable[..., Recipe]
HOSTILE = ['it\'s "quoted"', "电影 评论", "$(touch pwned) `id`", "a\nrm -rf x", "-rf *", "%s \\ ${HOME} !"]
SRUN = """#!/usr/bin/env python3
# Two machines on one: the command once for each, signals handed on, all ended when one fails (--kill-on-bad-exit), the worst status given back.
import os, signal, subprocess, sys, time
words = sys.argv[1:]
with open(os.environ["FAKE"] + "/srun.txt", "a") as told:
    while words[0].startswith("--"):
        told.write(words.pop(0) + chr(10))
tasks = [subprocess.Popen(words, env={**os.environ, "SLURM_PROCID": str(node), "SLURM_NODEID": str(node)}) for node in range(int(os.environ["FAKE_MACHINES"]))]
end = lambda *_: [task.terminate() for task in tasks]
signal.signal(signal.SIGTERM, end)
while None in [task.poll() for task in tasks]:
    if any(task.poll() for task in tasks):
        end()
    time.sleep(0.2)
sys.exit(max(abs(task.returncode) for task in tasks))
"""
SCONTROL = """#!/bin/bash
echo "$@" >> "$FAKE/scontrol.txt"
[ "$1 $2" != "show hostnames" ] || printf 'localhost\\nlocalhost\\n'
"""


def job(recipe: Recipe, workspace: Workspace, folder: Path, **size: Any) -> Job:
    checked, wanted = sized(recipe.replace({"data.version": 1}), Size(**size))
    return Job(checked, "2026-01-01-000000-few-lora-0000", folder / "job.recipe.yaml", workspace, wanted)


@pytest.fixture
def on_cpu(recipe: Make) -> Recipe:
    return recipe(compute__device="cpu", evaluation__max_rows=4, evaluation__samples=0, evaluation__baseline=False)


@pytest.mark.parametrize("target", TARGETS.all(), ids=lambda target: target.kind)
def test_every_target_names_dataset_model_and_the_one_command(
    target: Any, on_cpu: Recipe, workspace: Workspace, tmp_path: Path
) -> None:
    made = job(on_cpu, workspace, tmp_path)
    files = write(target, made, tmp_path / "job")
    text = files[0].read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert any("few, version 1" in line for line in head)
    assert any("few，版本 1" in line for line in head)
    assert any(f"Model: {on_cpu.model.id}" in line for line in head)
    assert read(files[1]).training == on_cpu.training
    words = command_of(target.kind, text)
    at = words.index("workbench.cli")
    assert words[at - 1 : at + 3] == ["-m", "workbench.cli", "join", made.run]
    said = cli.parser().parse_args([word for word in words[at + 1 :] if not word.startswith("--machine=")])
    assert (said.verb, said.run, said.machines, said.processes) == ("join", made.run, 1, 1)
    assert said.address
    assert "gpu" not in "".join(line for line in text.splitlines() if not line.startswith("# ")).lower()


def command_of(kind: str, text: str) -> list[str]:
    """The words that start the workbench on a machine, as a shell or a kubelet would read them."""
    if kind == "slurm":
        return shlex.split(text[text.index('"$python" -m') :].splitlines()[0])[:-1]
    documents = list(yaml.safe_load_all(text))
    if kind == "skypilot":
        return shlex.split(documents[0]["run"][documents[0]["run"].index("exec timeout") :].replace("\\\n", " "))
    return list(documents[-1]["spec"]["template"]["spec"]["containers"][0]["command"])


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("target", TARGETS.all(), ids=lambda target: target.kind)
def test_hostile_names_stay_names(target: Any, name: str, on_cpu: Recipe, tmp_path: Path) -> None:
    place = Workspace(tmp_path / name.replace("/", "") / "w")
    plain = name.replace("\n", " ")  # a recipe's own name of two lines is refused where it is read
    recipe = parse({**on_cpu.dump(), "name": plain, "data": {"dataset": name}, "model": {"id": f"/models/{name}"}})
    made = Job(
        recipe, "2026-01-01-电影-lora-0000", tmp_path / name.replace("/", "") / "job.recipe.yaml", place, Size(1, 1)
    )
    text = target.render(made)
    begins = {"slurm": "set -euo", "skypilot": "name:", "kubernetes": "apiVersion:"}[target.kind]
    assert all(line.startswith("#") for line in text[: text.index(f"\n{begins}")].splitlines())
    if target.kind == "slurm":
        checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert str(made.recipe_file) in shlex.split(text[text.index('"$python" -m') : text.index("--address")])
    else:
        *_, last = list(yaml.safe_load_all(text))
        assert (last.get("name") or last["metadata"]["name"]).replace("-", "").isascii()
        if target.kind == "skypilot":
            assert subprocess.run(["bash", "-n"], input=last["run"], text=True, check=False).returncode == 0
    assert not (ROOT / "pwned").exists()


@pytest.mark.parametrize("target", TARGETS.all(), ids=lambda target: target.kind)
def test_every_target_is_told_in_both_languages(target: Any) -> None:
    assert target.label.en
    assert target.label.zh
    assert any("\u4e00" <= char <= "\u9fff" for char in target.help.zh)


def test_a_kubelet_puts_in_the_index_only(on_cpu: Recipe, workspace: Workspace, tmp_path: Path) -> None:
    made = Job(on_cpu, "$(HOME)", tmp_path / "r.yaml", workspace, Size(8, 2))
    text = TARGETS.get("kubernetes").render(made)
    words = command_of("kubernetes", text)
    assert "$$(HOME)" in words
    assert "--machine=$(JOB_COMPLETION_INDEX)" in words
    config, service, work = yaml.safe_load_all(text)
    there = parse(yaml.safe_load(config["data"]["recipe.yaml"]))
    assert there == on_cpu.replace({"model.id": "/work/models/llama"})
    assert (service["spec"]["clusterIP"], work["spec"]["completions"]) == ("None", 2)


def test_sizes_and_recipes_must_agree(on_cpu: Recipe) -> None:
    with pytest.raises(UserError, match="one process"):
        sized(on_cpu, Size(processes=8))
    for wrong in ({"hours": 0.0}, {"hours": float("nan")}, {"machines": -1}, {"partition": "gpu\n#SBATCH --x"}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            Size(**wrong)
    several, size = sized(on_cpu.replace({"compute.strategy": "ddp"}), Size(processes=8, machines=8))
    assert (several.compute.processes, several.compute.machines) == (8, 8)
    assert (size.processes, size.machines) == (8, 8)


def test_gpus_time_and_partition_are_asked_for(recipe: Make, workspace: Workspace, tmp_path: Path) -> None:
    many = recipe(compute__strategy="ddp", compute__processes=8)
    text = TARGETS.get("slurm").render(job(many, workspace, tmp_path, machines=8, hours=30.5, partition="a100"))
    for line in (
        "--nodes=8",
        "--ntasks-per-node=1",
        "--gpus-per-node=8",
        "--time=30:30:00",
        "--partition=a100",
        "--requeue",
    ):
        assert f"#SBATCH {line}\n" in text
    task = yaml.safe_load(TARGETS.get("skypilot").render(job(many, workspace, tmp_path, machines=8)))
    assert (task["num_nodes"], task["resources"]) == (8, {"accelerators": "A100:8"})


@pytest.mark.parametrize(("threads", "processes", "cores"), [(0, 1, 4), (0, 8, 32), (2, 2, 8), (16, 2, 32)])
def test_slurm_is_asked_for_cores_and_told_of_memory(recipe: Make, workspace: Workspace, tmp_path: Path, threads: int, processes: int, cores: int) -> None:  # fmt: skip
    many = recipe(compute__strategy="ddp" if processes > 1 else "single", compute__processes=processes, compute__threads=threads)  # fmt: skip
    text = TARGETS.get("slurm").render(job(many, workspace, tmp_path))
    assert f"#SBATCH --cpus-per-task={cores}\n" in text
    memory = next(line for line in text.splitlines() if line.startswith("##SBATCH --mem="))
    assert 2 * processes < int(memory.removeprefix("##SBATCH --mem=").removesuffix("G")) < 5 * processes
    unknown = job(many.replace({"model.id": "somebody/some-model"}), workspace, tmp_path)
    assert unknown.memory_gb == 16 * processes


def test_a_mistake_is_not_tried_again_by_kubernetes(on_cpu: Recipe, workspace: Workspace, tmp_path: Path) -> None:
    work = list(yaml.safe_load_all(TARGETS.get("kubernetes").render(job(on_cpu, workspace, tmp_path))))[2]["spec"]
    ignored, fatal = work["podFailurePolicy"]["rules"]
    assert ignored["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert (fatal["action"], fatal["onExitCodes"]["values"]) == ("FailJob", [machine.REFUSED])
    pod = work["template"]["spec"]
    assert (pod["restartPolicy"], pod["containers"][0]["name"]) == ("Never", fatal["onExitCodes"]["containerName"])


@pytest.mark.parametrize(("cause", "status"), [("recipe", machine.REFUSED), ("peer", 1)])
def test_torchrun_s_status_is_made_plain(workspace: Workspace, on_cpu: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: Callable[..., EventWriter], cause: str, status: int) -> None:  # fmt: skip
    on_cpu.save(tmp_path / "r.yaml")
    monkeypatch.setattr(machine, "command", lambda run, place: [sys.executable, "-c", "raise SystemExit(1)"])

    def fails(process: Any, asked: Any) -> int:
        writer(workspace.run_folder("r1") / "events.jsonl").write("failed", en="…", zh="…", cause=cause)
        return int(process.wait())

    monkeypatch.setattr(machine, "_attend", fails)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert machine.join(workspace, "r1", tmp_path / "r.yaml", machine.Place()) == status
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_unknown_target_is_one_sentence(workspace: Workspace, tmp_path: Path) -> None:
    done = call(workspace, "export", "persona", "--to", "moon", "--out", str(tmp_path / "x"))
    assert done.returncode == 2
    assert "slurm, skypilot, kubernetes" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def call(workspace: Workspace, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench.cli", "--workspace", str(workspace.root), *words]
    environ = {**os.environ, "WORKBENCH_LANG": "en"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environ, check=False)


@pytest.fixture
def slurm(tmp_path: Path) -> Callable[[Path, int], subprocess.Popen[str]]:
    """Starts a batch script as Slurm would, with srun and scontrol of our own before all others."""
    fake = tmp_path / "fake"
    fake.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (fake / name).write_text(text)
        (fake / name).chmod(0o755)

    def start(script: Path, machines: int) -> subprocess.Popen[str]:
        told = {
            "FAKE": str(fake),
            "FAKE_MACHINES": str(machines),
            "SLURM_JOB_ID": str(job_id()),
            "SLURM_JOB_NODELIST": "n[1-2]",
        }
        environ = {**os.environ, **told, "PATH": f"{fake}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            ["bash", str(script)], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def job_id() -> int:
    """A number whose port (20000 and the rest of a division by 12000) nobody has."""
    while True:
        number = random.randrange(10**6)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", 20000 + number % 12000))
            return number


def only_run(workspace: Workspace) -> Run:
    (folder,) = [path for path in workspace.runs.iterdir() if not path.name.startswith(".")]
    return Run(folder)


@pytest.mark.slow
def test_slurm_runs_the_recipe_and_a_second_submission_finds_it_done(
    on_cpu: Recipe, workspace: Workspace, tmp_path: Path, slurm: Any
) -> None:
    on_cpu.save(tmp_path / "mine.yaml")
    script = tmp_path / "a folder's 名" / "job.sh"
    done = call(workspace, "export", str(tmp_path / "mine.yaml"), "--to", "slurm", "--out", str(script))
    assert done.returncode == 0, done.stderr
    process = slurm(script, 1)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    run = only_run(workspace)
    assert (run.status, run.device) == ("finished", machine.DEVICE)
    assert run.tuned.is_dir()
    again = slurm(script, 1)
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert [event.kind for event in run.events()[0]].count("started") == 1


@pytest.mark.slow
def test_slurm_saves_before_the_time_is_up_and_goes_on(
    on_cpu: Recipe, workspace: Workspace, tmp_path: Path, slurm: Any
) -> None:
    on_cpu.replace({"training.max_steps": 200}).save(tmp_path / "mine.yaml")
    script = tmp_path / "job.sh"
    assert call(workspace, "export", str(tmp_path / "mine.yaml"), "--to", "slurm", "--out", str(script)).returncode == 0
    process = slurm(script, 1)
    until = time.monotonic() + 120
    while not [event for path in workspace.runs.glob("2*") for event in Run(path).events()[0] if event.kind == "step"]:
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGUSR1)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == machine.INTERRUPTED, said
    assert "requeue" in (tmp_path / "fake" / "scontrol.txt").read_text()
    run = only_run(workspace)
    assert run.status == "stopped"
    stopped = [event.get("step") for event in run.events()[0] if event.kind == "step"][-1]
    assert stopped < 200
    again = slurm(script, 1)
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    events, _ = run.events()
    assert [event.get("step") for event in events if event.kind == "resumed"] == [stopped]
    assert [event.get("step") for event in events if event.kind == "step"] == list(range(1, 201))
    assert run.status == "finished"


@pytest.mark.slow
def test_slurm_trains_on_two_machines(workspace: Workspace, on_cpu: Recipe, tmp_path: Path, slurm: Any) -> None:
    rows = [{"text": f"{LABELS[i % 2]} film {i}", "label": LABELS[i % 2]} for i in range(20)]
    write_rows(workspace, tmp_path / "rows.jsonl", rows)
    on_cpu.replace({"compute.strategy": "ddp", "training.max_steps": 3}).save(tmp_path / "mine.yaml")
    script = tmp_path / "job.sh"
    done = call(
        workspace, "export", str(tmp_path / "mine.yaml"), "--to", "slurm", "--machines", "2", "--out", str(script)
    )
    assert done.returncode == 0, done.stderr
    process = slurm(script, 2)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    run = only_run(workspace)
    assert run.status == "finished"
    assert [event.get("step") for event in run.events()[0] if event.kind == "step"] == [1, 2, 3]
    assert len(list((run.folder / "tensorboard").iterdir())) == 1, "only the first process tells"
    assert "--ntasks-per-node=1" in (tmp_path / "fake" / "srun.txt").read_text()
