"""Secrets stay where they were put: in the environment and in the Hub's own store. Not on disk, not on the page, not in what is printed."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import exporting
import httpx
import pytest
from engineruns import QUIET, run_with, worked
from fakehub import Hub, serve_hub
from faults import note
from fewrows import wait, write_rows
from places import ROOT
from tinymodels import raw_model, tiny_llama

from workbench.core.errors import UserError
from workbench.core.recipe import parse
from workbench.core.run import Run, create
from workbench.core.workspace import Workspace
from workbench.engine import arena, judging, supervisor
from workbench.engine.doctor import examine
from workbench.engine.taking import EXPORTS
from workbench.engine.target import TARGETS, Job, Size, sized, write
from workbench.models import catalog

pytestmark = [QUIET, pytest.mark.usefixtures("secret")]
NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "MLFLOW_TRACKING_PASSWORD", judging.KEY, "WORKBENCH_PASSWORD", "WORKBENCH_SERVE_KEY")  # fmt: skip
SECRETS = {name: f"hf_canary{index}{'Zq7x' * 6}" for index, name in enumerate(NAMES)}
DEAR = ("onnx", "quantized", "script", "notebook")
"""Exports whose check takes long."""
TAKEN = [pytest.param(kind, marks=pytest.mark.long if kind in DEAR else ()) for kind in EXPORTS.kinds()]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every secret there may be, and a temp folder of the test's own."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def forms() -> dict[bytes, str]:
    """Each secret as it is, and as a password travels."""
    plain = {value.encode(): name for name, value in SECRETS.items()}
    return plain | {base64.b64encode(b"workbench:" + value): name for value, name in plain.items()}


def leaks(text: bytes) -> list[str]:
    return [name for value, name in forms().items() if value in text]


def leaks_in(text: str | bytes | Path) -> list[str]:
    """Which secrets a text holds; a folder is read to the last file, names too."""
    if isinstance(text, Path):
        paths = [*text.rglob("*")]
        pieces = [path.read_bytes() for path in paths if path.is_file()] + [str(path).encode() for path in paths]
        return [name for piece in pieces for name in leaks(piece)]
    return leaks(text.encode() if isinstance(text, str) else text)


def clean(what: str, *texts: str | bytes | Path) -> None:
    """None of them holds a secret."""
    found = [name for text in texts for name in leaks_in(text)]
    note("S7", f"secrets found in {what}", len(found), "", 0)
    assert found == []


def recipe(folder: Path, **more: Any) -> Any:
    return parse({"task": {"kind": "text-classification", "max_length": 16}, "model": {"id": str(folder)}, "method": "lora", "data": {"dataset": "few"}, "training": {"max_steps": 2}, "evaluation": {"max_rows": 4, "samples": 0}, "compute": {"threads": 1}, **more})  # fmt: skip


@pytest.fixture
def home(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with a few rows."""
    write_rows(workspace, tmp_path / "few.jsonl", [{"text": f"{label} {n}", "label": label} for n in range(10) for label in ("good", "bad")])  # fmt: skip
    return workspace


def test_the_looker_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_text(f"token={SECRETS['HF_TOKEN']}")
    assert leaks_in(tmp_path) == ["HF_TOKEN"]
    assert leaks_in(base64.b64encode(b"workbench:" + SECRETS["WORKBENCH_PASSWORD"].encode())) == ["WORKBENCH_PASSWORD"]


def fall(reporter: Any) -> None:
    """An error nobody foresaw, with everything in reach."""
    raise RuntimeError("unforeseen")


@pytest.mark.slow
def test_a_run_by_a_real_worker_and_one_that_fails(home: Workspace, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    model = tiny_llama(tmp_path / "model")
    done = supervisor.start(home, recipe(model))
    assert wait(done) == "finished"
    broken = create(home, recipe(model, name="broken", data={"dataset": "few", "version": 1}))
    assert worked(broken, monkeypatch, 1, fall) == "failed"
    printed = capfd.readouterr()
    clean("runs, their logs and the temp folder", home.root, tmp_path / "temp", printed.out, printed.err)
    clean("what doctor says", json.dumps(examine(home), default=str))


ENCODERS = {"onnx": {"task": "text-classification", "family": "bert"}}
"""Kinds that are made of a model that reads only."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """A finished run that can be taken away as that kind."""

    @cache
    def made(task: str, family: str) -> Run:
        return run_with(tmp_path_factory.mktemp("taken"), "trainer", {"max_steps": 2}, task=task, family=family)

    return lambda kind: made(**ENCODERS.get(kind, {"task": "chat", "family": "llama"}))


@pytest.mark.slow
@pytest.mark.parametrize("kind", TAKEN)
def test_whatever_is_taken_away(kind: str, finished: Callable[[str], Run], hub: Hub, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:  # fmt: skip
    from huggingface_hub import constants

    run = finished(kind)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    caplog.set_level(logging.DEBUG)
    exporting.take(run, kind, tmp_path / "out", **({"repo": "me/tuned"} if kind == "hub" else {}))
    if kind == "hub":
        assert f"Bearer {SECRETS['HF_TOKEN']}" in hub.tokens
    printed = capfd.readouterr()
    clean("exports and the pushed repository", tmp_path, run.folder, printed.out, printed.err, caplog.text)


@pytest.mark.parametrize("target", TARGETS.all(), ids=lambda target: target.kind)
def test_job_files_carry_none(target: Any, home: Workspace, tmp_path: Path) -> None:
    checked, size = sized(recipe(tiny_llama(tmp_path / "model")).replace({"data.version": 1}), Size())
    write(target, Job(checked, "2026-01-01-000000-few-lora-0000", tmp_path / "job.recipe.yaml", home, size), tmp_path / "job")  # fmt: skip
    clean("job files", tmp_path)


def test_what_a_judge_is_asked_with(home: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []

    def post(url: str, **named: Any) -> Any:
        seen.append(named["headers"])
        return httpx.Response(401, text=f"no such key {named['headers']['Authorization']}", request=httpx.Request("POST", url))  # fmt: skip

    monkeypatch.setattr(httpx, "post", post)
    with pytest.raises(UserError) as caught:
        judging.ask(judging.Judge("http://judge.invalid/v1", "m"), "?")
    assert seen == [{"Authorization": f"Bearer {SECRETS[judging.KEY]}"}]
    clean("what a judge's refusal becomes", caught.value.text.en, caught.value.text.zh)
    monkeypatch.setattr(judging, "spawn", lambda *given: None)
    made = arena.Arena(home.root / "arenas" / "x")
    made.folder.mkdir(parents=True)
    judging.start(home, made, judging.Judge("http://judge.invalid/v1", "m"), 1)
    clean("a judge's settings", home.root)


def test_a_token_does_not_follow_a_redirect_to_another_host(workspace: Workspace, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    raw_model(hub.root / "a" / "b")
    raw_model(tmp_path / "other" / "a" / "b")
    with serve_hub(tmp_path / "other") as other:
        hub.elsewhere = other.url.replace("127.0.0.1", "localhost")
        catalog.fetch(workspace, catalog.locate(workspace, "a/b"))
        assert set(hub.tokens) == {f"Bearer {SECRETS['HF_TOKEN']}"}
        assert len(other.tokens) == 2
        note("S7", "tokens sent to another host", sum(map(bool, other.tokens)), "", 0)
        assert set(other.tokens) == {""}
    clean("a downloaded model", workspace.root)


@pytest.fixture
def page(home: Workspace, secret: None) -> Iterator[tuple[int, Path]]:
    """A page behind a password that was given, and what it prints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    printed = home.root.parent / "printed"
    command = [sys.executable, "-m", "workbench.cli", "ui", "--port", str(port), "--workspace", str(home.root), "--allow-host", "bench.example"]  # fmt: skip
    with printed.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"})  # fmt: skip
    try:
        yield port, printed
    finally:
        process.kill()
        process.wait()


def entered(address: str) -> httpx.Client:
    """Logged in with the password that was given."""
    client = httpx.Client(base_url=address, timeout=60, trust_env=False)
    for _ in range(600):
        try:
            client.get("/login")
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    answer = client.post("/login", data={"name": "workbench", "password": SECRETS["WORKBENCH_PASSWORD"]})
    assert answer.status_code == 303
    return client


@pytest.mark.slow
def test_the_page_shows_none_in_any_tab_or_language(page: tuple[int, Path], home: Workspace, tmp_path: Path) -> None:
    port, printed = page
    with contextlib.closing(entered(f"http://127.0.0.1:{port}")) as client:
        seen = [client.get(f"/{lang}/{part}") for lang in ("en", "zh") for part in ("", "config", "news", "hints")]
        refused = [client.post("/login", data={"name": "workbench", "password": "guess"}), client.get("/no/such/page")]
        assert {answer.status_code for answer in seen} == {200}
        assert all(f"page-{name}" in seen[1].text for name in ("data", "model", "train", "runs", "evaluate", "chat"))
    assert b"WORKBENCH_PASSWORD" in printed.read_bytes()
    clean("pages, their settings and what the page prints", *(each.content for each in [*seen, *refused]), printed.read_bytes())  # fmt: skip
    clean("runs, their logs and the temp folder", home.root, tmp_path / "temp")
