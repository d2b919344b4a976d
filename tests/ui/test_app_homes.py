"""Homes in which programs usually stumble: the page starts and works there, or says in one line why it cannot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import faults
import pytest
from places import ROOT

pytestmark = pytest.mark.slow
Home = Callable[[Path], dict[str, str]]


def _a_file(root: Path) -> str:
    (root / "file").write_text("")
    return str(root / "file")


def _locked(root: Path) -> str:
    folder = root / "locked"
    folder.mkdir(mode=0o500)
    return str(folder)


HOMES: dict[str, Home] = {
    "no home": lambda root: {"HOME": ""},
    "a home that is not there": lambda root: {"HOME": str(root / "nowhere")},
    "a home that may not be written to": lambda root: {"HOME": _locked(root)},
    "a home that is no folder": lambda root: {"HOME": _a_file(root)},
    "no temporary folder": lambda root: {"TMPDIR": str(root / "nowhere")},
    "the locale C": lambda root: {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a Chinese locale that is not UTF-8": lambda root: {"LC_ALL": "zh_CN.GBK", "PYTHONIOENCODING": "gbk", "PYTHONUTF8": "0"},
    "a proxy that is not there": lambda root: {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"},
}  # fmt: skip
PLACES = ("with spaces and ’quotes’", "工作区 🪨", "-begins-with-a-hyphen", "a" * 120)
"""Names of workspaces, taken in turn."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(workspace: Path, extra: dict[str, str]) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    base = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}  # fmt: skip
    command = [sys.executable, "-m", "workbench.cli", f"--workspace={workspace}", "ui", "--port", str(port)]
    environ = {**base, "PYTHONPATH": str(ROOT), "HOME": str(workspace.parent), **extra}
    return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT), port


def ended(process: subprocess.Popen[bytes]) -> str:
    process.kill()
    out, _ = process.communicate()
    return out.decode("utf-8", "replace")


def works(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether the page answers, in Chinese, before its process ends."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        try:
            with opener.open(f"http://127.0.0.1:{port}/zh/news", timeout=120) as answer:
                return "还没有" in answer.read().decode() or answer.status == 200
        except urllib.error.HTTPError:
            return False
        except OSError:
            time.sleep(0.1)
    return False


def home(name: str, root: Path) -> tuple[Path, dict[str, str]]:
    return root / PLACES[list(HOMES).index(name) % len(PLACES)], HOMES[name](root)


QUICK = ("no home", "a home that may not be written to", "the locale C")


@pytest.mark.parametrize("name", QUICK)
def test_the_page_starts_in_any_home_or_says_why(name: str, tmp_path: Path) -> None:
    starts_or_says_why(*home(name, tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("name", [each for each in HOMES if each not in QUICK])
def test_the_page_starts_in_odder_homes_or_says_why(name: str, tmp_path: Path) -> None:
    starts_or_says_why(*home(name, tmp_path))


@pytest.mark.long
def test_the_page_starts_where_the_temporary_folder_is_full(tmp_path: Path) -> None:
    place = tmp_path / "full"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        with suppress(OSError), (place / "ballast").open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass
        starts_or_says_why(tmp_path / "w", {"TMPDIR": str(place)})
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def starts_or_says_why(workspace: Path, extra: dict[str, str]) -> None:
    process, port = started(workspace, extra)
    good = works(process, port)
    said = ended(process)
    assert "Traceback" not in said, said
    assert good or 0 < len([line for line in said.splitlines() if line.strip()]) <= 2, said
    faults.note("F25", "homes in which the page neither starts nor says why", 0 if good or said.strip() else 1, most=0)


def test_a_port_that_is_taken_is_one_line_with_the_next(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, "-m", "workbench.cli", f"--workspace={tmp_path}", "ui", "--port", str(port)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert str(port + 1) in done.stderr


def test_a_workspace_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("")
    done = subprocess.run([sys.executable, "-m", "workbench.cli", f"--workspace={tmp_path / 'w'}", "ui"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
