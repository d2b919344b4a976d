"""What somebody who is no browser may post to a started page: uploads with hostile names, and files of the machine in the place of an upload."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import note
from hostile.watch import Inotify
from hostile.yard import Yard
from places import ROOT

from workbench.core.workspace import Workspace
from workbench.ui.app import uploads_of

pytestmark = pytest.mark.slow
API = "/en/gradio_api"


class Page:
    """A started page in a yard."""

    def __init__(self, yard: Yard) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.yard, self.url = yard, f"http://127.0.0.1:{port}"
        env = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
        env |= {"HOME": str(yard.home), "TMPDIR": str(yard.temp), "HF_HOME": str(yard.temp / "hf"), "PYTHONPATH": str(ROOT)}  # fmt: skip
        command = [sys.executable, "-m", "workbench.cli", "ui", "--port", str(port), "--workspace", str(yard.workspace)]
        self.process = subprocess.Popen(command, cwd=yard.here, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        until = time.monotonic() + 90
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                self.ask("/health")
                return
            time.sleep(0.1)
        raise TimeoutError

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, str]:
        """Status and text; of a stream what comes until an event has ended."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                if "queue/data" not in path:
                    return answer.status, answer.read().decode()
                return answer.status, next((line.decode() for line in answer if b"process_completed" in line), "")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    yard = Yard(tmp_path_factory.mktemp("wire"))
    yard.build()
    made = Page(yard)
    yield made
    made.process.kill()
    made.process.wait()


def test_an_upload_lies_in_the_temporary_folder_whatever_it_is_called(page: Page) -> None:
    before = page.yard.state()
    watch = Inotify(page.yard.watched)
    place = uploads_of(Workspace(page.yard.workspace))
    for value in page.yard.values("r", 9).values():
        name = value.encode("utf-8", "replace").replace(b'"', b"%22").replace(b"\r", b"").replace(b"\n", b"\\n")
        body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + name + b'"\r\n\r\ntext,label\na,b\n\r\n--x--\r\n'  # fmt: skip
        status, told = page.ask(f"{API}/upload", body, "multipart/form-data; boundary=x")
        places = [Path(path) for path in json.loads(told)] if status == 200 and told.startswith("[") else []
        assert all(path.resolve().is_relative_to(place) for path in places), (value, places)
    assert watch.told() == []
    assert page.yard.state() == before


def test_a_file_of_the_machine_is_no_upload(page: Page) -> None:
    before = page.yard.state()
    watch = Inotify(page.yard.watched)
    config = json.loads(page.ask("/en/config")[1])
    files = {each["id"] for each in config["components"] if each["type"] == "file"}
    texts = {each["id"] for each in config["components"] if each["type"] == "textbox"}
    taking = [each for each in config["dependencies"] if files & set(each["inputs"]) and each["backend_fn"]]
    other = next(each for each in config["dependencies"] if each["inputs"] and set(each["inputs"]) <= texts and each["backend_fn"])  # fmt: skip
    values = [value for value in page.yard.values("r", 9).values() if value.strip()]
    assert len(taking) >= 5
    tried = [posted(page, each, files | (texts if each is other else set()), value) for each in (*taking, other) for value in values]  # fmt: skip
    assert watch.told() == []
    assert page.yard.state() == before
    note("S2", "files of the machine posted as uploads", len(tried))
    note("S2", "of them taken", sum(tried), most=0)
    assert not any(tried)


def posted(page: Page, event: Any, files: set[int], path: str) -> bool:
    """Whether the handler was given a file that was never uploaded."""
    file = {"path": path, "orig_name": path, "meta": {"_type": "gradio.FileData"}}
    data = [file if number in files else None for number in event["inputs"]]
    session = f"s{event['id']}"
    asked = {"data": data, "fn_index": event["id"], "session_hash": session}
    status, told = page.ask(f"{API}/queue/join", json.dumps(asked).encode())
    if status == 200:
        status, told = page.ask(f"{API}/queue/data?session_hash={session}")
    assert "sesame" not in told
    return status == 200 and bool(json.loads(told.removeprefix("data:").strip() or "{}").get("success"))
