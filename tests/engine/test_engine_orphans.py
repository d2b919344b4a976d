"""Whoever is asked ends when who asked is gone: nobody is left to take the answer, and what was half written is swept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from places import ROOT

from workbench.engine.world import lives

ASKED = """
import contextlib, os, sys, time
from workbench.engine import ask
def work(workspace, question):
    with contextlib.suppress(BrokenPipeError):
        ask.tell(pid=os.getpid(), heard=sorted(question))
    time.sleep(60)
sys.exit(ask.answer(work))
"""
ASKER = f"""
import json, subprocess, sys, os
child = subprocess.Popen([sys.executable, "-c", {ASKED!r}, sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
json.dump({{"do": "write", "asker": os.getpid()}}, child.stdin)
child.stdin.close()
print(child.pid, flush=True)
print(child.stdout.readline() if sys.argv[2] == "later" else "", end="", flush=True)
__import__("time").sleep(60)
"""


def ended(pid: int) -> bool:
    """Within the time that a slow machine may take to start it and look."""
    for _ in range(600):
        if not lives(pid):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
@pytest.mark.parametrize("when", ["at once", "later"])
def test_the_asked_end_with_the_asker(when: str, tmp_path: Path) -> None:
    words = [sys.executable, "-c", ASKER, str(tmp_path), when]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as asker:  # fmt: skip
        assert asker.stdout is not None
        pid = int(asker.stdout.readline())
        if when == "later":
            told = json.loads(asker.stdout.readline().removeprefix("… "))
            assert told == {"pid": pid, "heard": ["do"]}
        assert psutil.pid_exists(pid)
        asker.send_signal(signal.SIGKILL)
    assert ended(pid)


def test_a_process_that_is_over_does_not_live() -> None:
    assert lives(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not lives(process.pid)
