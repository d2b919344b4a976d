"""The labs' own process: it keeps torch and the models a lab looked into, answers one question after another, and ends when nobody asks.

The page never imports torch. One process per page, one thread in it (a run may be training beside it); a line of JSON in, a line out.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
from functools import cache
from typing import Any

import workbench
from workbench.core.errors import UserError
from workbench.core.picture import Picture
from workbench.core.workspace import Workspace

PATIENCE, FIRST = 60.0, 300.0
"""Seconds for an answer; and for the first one, which loads torch and a model, on a machine that may be busy."""
IDLE = 600.0
"""Seconds without a question after which the process ends."""
ONE = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}


@cache
def far(workspace: Workspace) -> Far:
    """The one of a workspace in this process."""
    return Far(workspace)


class Far:
    """Asks the process, starting it when it is not there."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._process: subprocess.Popen[str] | None = None
        self._answered = False
        self._one = threading.Lock()
        atexit.register(self.end)

    def touch(self, kind: str, knobs: dict[str, Any]) -> list[Picture]:
        """What `LABS.get(kind).touch` gives there; UserError it met, or that it took too long."""
        with self._one:
            line = self._asked(json.dumps({"lab": kind, "knobs": knobs}))
        found = json.loads(line)
        if "error" in found:
            raise UserError(found["error"]["en"], found["error"]["zh"], field=found["error"]["field"])
        return list(found["pictures"])

    def warm(self) -> None:
        """Start the process, if it is not there; it loads what it needs while somebody reads."""
        with self._one:
            self._alive()

    def _asked(self, question: str) -> str:
        for _ in range(2):  # a process that ended while nobody looked is started once more
            process = self._alive()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(question + "\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
                if line := self._heard(process):
                    return line
            self.end()
        raise UserError(
            "The labs' process ended without an answer; there may be too little memory. Close what needs memory and try again.",
            "实验进程未给出结果就结束了，可能是内存不足。请关闭占用内存的程序后重试。",
        )

    def _heard(self, process: subprocess.Popen[str]) -> str:
        """The next line, or "" when the process has ended."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            patience = PATIENCE if self._answered else FIRST
            if not waiting.select(patience):
                self.end()
                raise UserError(
                    f"The lab did not answer within {patience:.0f} s; choose a smaller model or a shorter text.",
                    f"实验在 {patience:.0f} 秒内没有结果；请换更小的模型或更短的文本。",
                )
        self._answered = True
        return process.stdout.readline()  # type: ignore[union-attr]

    def _alive(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "workbench.learn._process", str(self.workspace.root)]
            self._answered = False
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                encoding="utf-8", env={**os.environ, **ONE}, cwd=workbench.ROOT,
            )  # fmt: skip
        return self._process

    def end(self) -> None:
        """Let the process go."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
