"""Fifteen ways in which a Hub fails, for a model and for a dataset: one sentence soon, nothing half fetched, the token to nobody else."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faults
import pytest
from fakehub import Handler, Hub, serve_hub
from tinymodels import raw_model

from workbench.core.errors import UserError
from workbench.core.workspace import Workspace
from workbench.data import hubset
from workbench.models import catalog

NAME = "someone/small-model"
MODEL, DATA = "model", "dataset"
FAULTS: dict[str, tuple[Any, bool]] = {
    "401": (401, False), "403": (403, False), "404": (404, False), "429": (429, False), "500": (500, False), "503": (503, False),
    "a page instead of data": ("html", False), "a page instead of a file": ("html", True), "half a listing": ("half", False),
    "a connection that is reset": ("reset", False), "a reset in a file": ("reset", True), "no answer": ("hang", False), "no answer for a file": ("hang", True),
    "a body cut short": ("truncate", True), "bytes that are not the listed ones": ("corrupt", True), "a body that stalls": ("stall", True),
}  # fmt: skip
"""What is named → (the fault, whether it strikes only files)."""


class Broken(Handler):
    """The small Hub with more ways to fail."""

    elsewhere = ""

    def _answer(self, body: bool) -> None:
        fault = self.hub.fault if "/resolve/" in self.path or not self.hub.only_files else None
        if fault == "html":
            self._raw(b"<html><body>Please log in to this network.</body></html>")
        elif fault == "half":
            self._raw(b'{"id": "someone/small-model", "siblings": [{"rfil')
        elif fault == "redirect":
            self.send_response(302)
            self.send_header("Location", f"{self.elsewhere}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            self.connection.close()
            self.close_connection = True
        else:
            self.hub.rate = 0.001 if fault == "stall" else 0
            super()._answer(body)

    def _raw(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def filled(root: Path) -> Path:
    raw_model(root / NAME, 50_000)
    data = root / "datasets" / NAME
    data.mkdir(parents=True)
    (data / "train.jsonl").write_text('{"text": "good film", "label": "a"}\n{"text": "bad film", "label": "b"}\n' * 400)
    return root


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Hub]:
    with serve_hub(filled(tmp_path / "elsewhere")) as hub:
        yield hub


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Hub) -> Iterator[Hub]:
    monkeypatch.setattr(Broken, "elsewhere", elsewhere.url.replace("127.0.0.1", "localhost"))
    monkeypatch.setattr("workbench.models.hub.TIMEOUT", 1.0)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with serve_hub(filled(tmp_path / "hub"), handler=Broken) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def fetch(what: str, workspace: Workspace) -> None:
    if what == MODEL:
        catalog.fetch(workspace, catalog.locate(workspace, NAME))
    else:
        for _ in hubset.fetching(workspace, hubset.Wish(NAME), "mine"):
            pass


@pytest.mark.parametrize("what", [MODEL, DATA])
@pytest.mark.parametrize("name", FAULTS)
def test_each_is_one_sentence_soon_and_nothing_is_half_fetched(what: str, name: str, workspace: Workspace, broken: Hub) -> None:  # fmt: skip
    broken.fault, broken.only_files = FAULTS[name]
    begin = time.monotonic()
    with pytest.raises(UserError) as caught:
        fetch(what, workspace)
    faults.note("F12", "seconds until a Hub’s fault is told", time.monotonic() - begin, "s", most=10)
    assert len(caught.value.text.en) > 20
    assert caught.value.text.zh != caught.value.text.en
    assert "hf_secret" not in str(caught.value)
    assert whole(workspace) == []
    broken.closing.set()


def whole(workspace: Workspace) -> list[str]:
    """What could be taken for a model or a dataset."""
    return [path.name for folder in (workspace.models, workspace.datasets) for path in folder.iterdir() if path.name[0] != "."]  # fmt: skip


@pytest.mark.parametrize("what", [MODEL, DATA])
@pytest.mark.parametrize("files", [False, True])
def test_a_token_stays_with_the_hub_that_sends_us_elsewhere(what: str, files: bool, workspace: Workspace, broken: Hub, elsewhere: Hub) -> None:  # fmt: skip
    broken.fault, broken.only_files = "redirect", files
    try:
        fetch(what, workspace)
    except UserError:
        assert whole(workspace) == []
    assert broken.tokens or "hf_secret" not in str(elsewhere.tokens)
    leaked = sum("hf_secret" in each for each in elsewhere.tokens)
    faults.note("F12", "times a token went to another host", leaked, most=0)
    assert leaked == 0
