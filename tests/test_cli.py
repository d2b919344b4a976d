"""The command line: what was asked for happens with exit status 0, or one sentence on stderr with exit status 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakehub import Hub
from places import ROOT, SHARED
from tinymodels import tiny_llama

from workbench.core.run import find
from workbench.core.workspace import Workspace

SAMPLE = "text,label\ngood day,yes\nbad day,no\nfine day,yes\npoor day,no\n"


def call(workspace: Workspace, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "WORKBENCH_LANG": "en", **environ}
    command = [sys.executable, "-m", "workbench.cli", *words, "--workspace", str(workspace.root)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize("what", ["tasks", "methods", "metrics", "presets", "models"])
def test_list_tells_kind_and_both_labels(workspace: Workspace, what: str) -> None:
    for item in answer(call(workspace, "list", what, "--json")):
        assert item["kind"]
        assert item["label"]["en"]
        assert item["label"]["zh"]


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("training.learning_rate=abc", "abc"),
        ("training.learning_rate=-1", "-1"),
        ("training.learning_rate=1e30", "1e30"),
        ("training.num_train_epochs=0", "0"),
        ("model.id=no/such/thing", "no/such/thing"),
        ("data.dataset=nowhere", "nowhere"),
        ("data.roles={nocolumn: text}", "nocolumn"),
        ("method.kind=magic", "lora"),
    ],
)
def test_a_bad_setting_is_refused_before_anything_is_written(workspace: Workspace, setting: str, word: str) -> None:
    assert word in refused(call(workspace, "run", "quickstart", "--set", setting))
    assert list(workspace.runs.iterdir()) == []


def test_the_same_sentence_in_chinese(workspace: Workspace) -> None:
    done = call(workspace, "run", "quickstart", "--set", "training.learning_rate=-1", WORKBENCH_LANG="zh")
    assert "学习率" in refused(done)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"text,label\n", "header"),
        ("broken.json", b'[{"text": "a", "label": "b"},\n{"text": ]', "2"),
    ],
)
def test_a_bad_file_is_refused_and_leaves_nothing(
    workspace: Workspace, tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert word in refused(call(workspace, "data", "import", str(tmp_path / name), "--name", "mine"))
    assert list(workspace.datasets.iterdir()) == []


@pytest.mark.parametrize(
    "rows", ["good,yes\nfine,yes\nnice,yes\n", "good,\nbad,\nfine,\n"], ids=["one class", "no label"]
)
def test_rows_that_cannot_teach_are_refused_before_a_run_exists(
    workspace: Workspace, tmp_path: Path, rows: str
) -> None:
    (tmp_path / "one.csv").write_text("text,label\n" + rows)
    call(
        workspace,
        "data",
        "import",
        str(tmp_path / "one.csv"),
        "--name",
        "one",
        "--role",
        "text=text",
        "--role",
        "label=label",
    )
    assert refused(call(workspace, "run", "quickstart", "--set", "data.dataset=one"))
    assert list(workspace.runs.iterdir()) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_import_names_the_encoding_and_the_roles(workspace: Workspace, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("文本,标签\n很好,正面\n很差,负面\n不错,正面\n难吃,负面\n".encode(encoding))
    found = answer(call(workspace, "data", "import", str(tmp_path / "a.csv"), "--name", "评价", "--json"))
    assert found["dataset"] == "评价"
    assert (found["version"], found["rows"], found["refused"]) == (1, 4, [])
    assert found["roles"] == {"文本": "text", "标签": "label"}
    assert found["encoding"].replace("-", "").replace("_", "").startswith(encoding.replace("-", "")[:3])


def test_only_pickled_weights_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert "safetensors" in refused(call(workspace, "run", "quickstart", "--set", f"model.id={tmp_path}"))


def test_an_unreachable_hub_ends_the_run_with_one_sentence(workspace: Workspace) -> None:
    done = call(
        workspace, "run", "quickstart", "--set", "model.id=someone/some-model", HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "someone/some-model" in done.stderr or "Hub" in done.stderr
    assert answer(call(workspace, "runs", "list", "--json"))[0]["status"] == "failed"


def test_a_busy_port_is_one_sentence(workspace: Workspace) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "--port" in refused(call(workspace, "ui", "--port", str(port)))


QUICK = ["training.max_steps=2", "evaluation.max_rows=4", "evaluation.samples=1", "evaluation.max_new_tokens=4"]


@pytest.mark.slow
def test_a_hub_model_is_downloaded_with_progress_tuned_and_kept(workspace: Workspace, hub: Hub) -> None:
    tiny_llama(hub.root / "someone" / "tiny-llama")
    words = [word for setting in ("model.id=someone/tiny-llama", *QUICK) for word in ("--set", setting)]
    for _ in range(2):
        run = answer(call(workspace, "run", "persona", *words, "--json", HF_ENDPOINT=hub.url))
        assert run["status"] == "finished"
    first, second = (
        find(workspace, item["run"]) for item in reversed(answer(call(workspace, "runs", "list", "--json")))
    )
    fetched = [event for event in first.events()[0] if event.kind == "download"]
    assert fetched[-1].get("done") == fetched[-1].get("total") > 0
    assert not [event for event in second.events()[0] if event.kind == "download"], "what is here is not fetched again"


@pytest.mark.slow
def test_a_local_folder_of_real_weights_learns_to_chat_and_answers(workspace: Workspace) -> None:
    folder = SHARED / "models" / "stories260K"
    if not folder.is_dir():
        pytest.skip("the folder of real models is not beside the repository")
    words = [word for setting in (f"model.id={folder}", *QUICK) for word in ("--set", setting)]
    assert answer(call(workspace, "run", "persona", *words, "--json"))["status"] == "finished"
    done = subprocess.run(
        [sys.executable, "-m", "workbench.cli", "chat", "last", "--workspace", str(workspace.root)],
        input="Once upon a time\n\n", capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.slow
def test_a_thousand_real_rows_beat_the_majority_by_25_points(workspace: Workspace) -> None:
    train, dev = SHARED / "data" / "sst2_train.tsv", SHARED / "data" / "sst2_dev.tsv"
    if not train.exists():
        pytest.skip("the folder of real data is not beside the repository")
    for name, path in (("sst2", train), ("sst2-dev", dev)):
        answer(call(workspace, "data", "import", str(path), "--name", name, "--json"))
    settings = ["data.dataset=sst2", "data.max_rows=1000", "training.num_train_epochs=2", "task.max_length=64"]
    words = [word for setting in settings for word in ("--set", setting)]
    run = answer(call(workspace, "run", "sentiment-en", *words, "--json"))
    assert run["status"] == "finished"
    assert run["metrics"]["accuracy"] > run["before"]["accuracy"]
    scored = answer(call(workspace, "evaluate", run["run"], "--data", "sst2-dev", "--json"))
    majority = 444 / 872  # the larger class of the official dev rows
    assert scored["rows"] == 872
    assert scored["metrics"]["accuracy"] >= majority + 0.25
    listed = answer(call(workspace, "runs", "list", "--json"))
    assert [(item["run"], item["status"], item["method"]) for item in listed] == [(run["run"], "finished", "lora")]


def test_data_clean_replays_steps_and_an_earlier_version_comes_back(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(SAMPLE + "good  day,yes\n", encoding="utf-8")
    answer(call(workspace, "data", "import", str(path), "--name", "days", "--json"))
    steps = tmp_path / "steps.json"
    steps.write_text(json.dumps([{"kind": "whitespace"}, {"kind": "exact_duplicates"}]), encoding="utf-8")
    told = answer(call(workspace, "data", "clean", "days", "--steps", str(steps), "--dry-run", "--json"))
    assert [step["ok"] for step in told] == [True, True]
    made = answer(call(workspace, "data", "clean", "days", "--steps", str(steps), "--json"))
    assert (made["version"], made["rows"], made["steps"][1]["dropped"]) == (2, 4, 1)
    printed = json.loads(call(workspace, "data", "steps", "days").stdout)
    assert [step["kind"] for step in printed] == ["whitespace", "exact_duplicates"]
    back = answer(call(workspace, "data", "back", "days", "--version", "1", "--json"))
    assert (back["version"], back["rows"]) == (3, 5)
    assert "--steps" in refused(call(workspace, "data", "clean", "days"))
    assert "steps" in refused(call(workspace, "data", "clean", "days", "--steps", str(path)))
