"""Whole runs in real worker processes: what happens when they are stopped, killed, orphaned, queued or fed bad numbers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from fewrows import kinds, wait, write_rows
from tinymodels import copy_with

from workbench.core.errors import UserError
from workbench.core.events import EventWriter
from workbench.core.files import read_json, sha256
from workbench.core.recipe import Recipe
from workbench.core.run import Run, all_runs, create
from workbench.core.workspace import Workspace
from workbench.engine import evidence, session, supervisor, worker
from workbench.engine.stage import NonFinite, Stage

Make = Callable[..., Recipe]
LONG = {"training__max_steps": 100_000, "evaluation__baseline": False}
REPORT = {
    "task", "main_metric", "rows", "before", "after", "baseline", "confusion", "per_class", "examples", "verdict", "seconds",
    "peak_memory_mb", "tokens_per_second", "trainable", "total", "interval",
    "intervals", "test", "tests", "outcome", "signatures", "beside", "changes", "reliability", "overlap", "probe", "alone",
}  # fmt: skip


def stepped(run: Run) -> bool:
    return "step" in kinds(run)


def failed(run: Run) -> dict[str, object]:
    event = run.events()[0][-1]
    assert event.kind == "failed"
    assert "Traceback" not in str(event.facts)
    return event.facts


@pytest.mark.slow
def test_a_stop_saves_and_ends_and_the_next_in_the_queue_starts(workspace: Workspace, recipe: Make) -> None:
    made: list[Run] = []
    threads = [threading.Thread(target=lambda: made.append(supervisor.start(workspace, recipe(**LONG)))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run.status for run in made) == ["queued", "running"]
    first, second = sorted(made, key=lambda run: run.status == "queued")
    wait(first, lambda: stepped(first))
    supervisor.stop(first)
    assert wait(first) == "stopped"
    assert (first.tuned / "adapter_model.safetensors").is_file()
    check_manifest(next(first.checkpoints.glob("step-*")))
    supervisor.launch_next(workspace)
    assert second.status == "running"
    wait(second, lambda: stepped(second))
    os.kill(second.worker().pid, signal.SIGTERM)  # type: ignore[union-attr]
    assert wait(second) == "stopped"


def check_manifest(folder: Path) -> None:
    files = read_json(folder / "manifest.json")["files"]
    assert "trained.safetensors" in files
    assert all(sha256(folder / name) == facts["sha256"] for name, facts in files.items())


@pytest.mark.slow
def test_a_worker_survives_its_parent_and_a_killed_worker_is_seen_as_lost(workspace: Workspace, recipe: Make) -> None:
    create(workspace, recipe(**LONG))
    code = (
        "import sys, time; from workbench.core.workspace import Workspace; from workbench.engine import supervisor;"
        "supervisor.launch_next(Workspace(sys.argv[1])); print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(workspace.root)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"up\n"
        parent.kill()
    run = all_runs(workspace)[0]
    wait(run, lambda: stepped(run))
    worker = run.worker()
    assert worker
    assert os.getpgid(worker.pid) == worker.pid
    worker.kill()
    assert wait(run) == "lost"


@pytest.mark.slow
def test_a_worker_whose_folder_was_deleted_ends(workspace: Workspace, recipe: Make) -> None:
    run = supervisor.start(workspace, recipe(**LONG))
    wait(run, lambda: stepped(run))
    worker = run.worker()
    assert worker
    shutil.rmtree(run.folder)
    psutil.wait_procs([worker], timeout=60)
    assert not run.folder.exists()
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_a_number_that_is_not_finite_ends_the_run_at_that_step(workspace: Workspace, recipe: Make, llama: Path, tmp_path: Path) -> None:  # fmt: skip
    poisoned = copy_with(llama, tmp_path / "poisoned", byte="~")
    rows = [{"text": f"film {i}" + "~" * (i in (6, 7)), "label": "ab"[i % 2]} for i in range(12)]
    write_rows(workspace, tmp_path / "poison.jsonl", rows)
    run = supervisor.start(
        workspace,
        recipe(
            model__id=str(poisoned), training__max_steps=40, training__per_device_train_batch_size=1,
            training__save_steps=1, training__save_total_limit=100, training__eval_steps=1000,
        ),
    )  # fmt: skip
    assert wait(run) == "failed"
    step = failed(run)["step"]
    steps = [event for event in run.events()[0] if event.kind == "step"]
    assert [event.get("step") for event in steps] == list(range(1, step + 1))  # type: ignore[operator]
    assert [event.get("loss") == "nan" for event in steps] == [False] * (len(steps) - 1) + [True]
    assert len(list(run.checkpoints.glob("step-*"))) == len(steps) - 1
    assert not run.result.exists()


@pytest.mark.slow
def test_a_finished_run_has_the_whole_report_and_can_be_scored_again(workspace: Workspace, recipe: Make) -> None:
    from workbench.engine.evaluate_model import evaluate_target

    run = supervisor.start(workspace, recipe())
    assert wait(run) == "finished"
    report = run.report
    assert report
    assert set(report) == REPORT
    assert report["verdict"]["zh"]
    assert report["alone"] == {"rows": report["rows"], "flipped": 0}
    assert [key for key, value in report.items() if value is None] == ["probe"]  # a classifier has no next token
    assert [row["id"] for row in evidence.rows_of(run.result)] == list(dict.fromkeys(row["id"] for row in evidence.rows_of(run.result)))  # fmt: skip
    assert sum(report["changes"].values()) == report["rows"] == len(evidence.rows_of(run.result))
    assert run.recipe.data.version == 1
    assert (run.result / "README.md").read_text(encoding="utf-8").startswith("---\nbase_model:")
    again = evaluate_target(workspace, run.id, "few")
    assert (again["rows"], again["left_out"]) == (report["rows"], 20 - report["rows"]), (
        "what it was trained on says nothing"
    )


@pytest.mark.slow
def test_a_failure_a_person_can_mend_is_told_with_its_field(workspace: Workspace, recipe: Make) -> None:  # fmt: skip
    run = create(workspace, recipe(task__max_length=8, compute__precision="fp16"))
    supervisor.launch_next(workspace)
    assert wait(run) == "failed"
    assert failed(run)["field"] == "compute.precision"


@pytest.mark.parametrize(
    ("error", "words"),
    [(RuntimeError("odd"), "worker.log"), (MemoryError(), "batch size"), (NonFinite(3, "loss"), "at step 3")],
)
def test_a_crash_is_one_plain_sentence_and_the_traceback_is_in_the_log_only(
    error: Exception, words: str, workspace: Workspace, recipe: Make, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def crash(stage: Stage) -> None:
        raise error

    run = create(workspace, recipe())
    stage = Stage(run, EventWriter(run.events_path))
    monkeypatch.setattr(session, "train", crash)
    assert worker.guarded(stage) == 1
    stage.writer.close()
    assert run.status == "failed"
    assert words in str(failed(run)["en"])
    assert "Traceback" in capsys.readouterr().err


def test_what_can_be_seen_without_torch_is_refused_before_a_folder_is_made(workspace: Workspace, recipe: Make, tmp_path: Path) -> None:  # fmt: skip
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text("{}")
    (tmp_path / "old" / "pytorch_model.bin").write_bytes(b"x")
    bad = {
        "data__dataset": "none", "data__version": 9, "model__id": str(tmp_path / "old"), "task__kind": "chat",
    }  # fmt: skip
    for key, value in {**bad, "model__id ": str(tmp_path / "missing")}.items():
        with pytest.raises(UserError):
            supervisor.start(workspace, recipe(**{key.strip(): value}))
    assert all_runs(workspace) == []


def test_a_queued_run_that_is_stopped_never_starts(workspace: Workspace, recipe: Make) -> None:
    run = create(workspace, recipe())
    supervisor.stop(run)
    assert run.status == "stopped"
    assert supervisor.launch_next(workspace) is None
