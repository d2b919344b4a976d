"""Ask another process: torch, tokenizers and models are loaded there, never in the page or the command line.

The question goes in as one JSON object on stdin, the answer comes back as the last line of stdout; lines before it may tell how far
the work is. Whatever happens there is an answer too: a UserError keeps its two sentences and its field.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import Any

import workbench
from workbench.core.errors import UserError, shorten
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.models import consent

Answer = dict[str, Any]
Question = dict[str, Any]
TOLD = "… "
"""A line that tells how far the work is begins so."""

ASKER = "asker"
"""Where a question names the process that asks."""


class Asked:
    """A question that is being answered, so that somebody else may see how far it is and call it off."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.cancelled = False
        self.told: Answer = {}
        """What `tell` said last on the other side."""

    def cancel(self) -> None:
        """End the process that works on it."""
        self.cancelled = True
        if self.process is not None:
            self.process.kill()


def ask(module: str, workspace: Workspace, question: Question, asked: Asked | None = None) -> Answer:
    """What `python -m workbench.engine.MODULE` answers; raises the UserError it met."""
    command = [sys.executable, "-m", f"workbench.engine.{module}", str(workspace.root.resolve())]
    asked = asked or Asked()
    pipes: Any = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(command, **pipes, stderr=errors, text=True, encoding="utf-8", cwd=workbench.ROOT) as process,
    ):
        asked.process = process
        if asked.cancelled:
            process.kill()
        last = _listened(process, question, asked)
        process.wait()
        errors.seek(0)
        err = errors.read()
    if asked.cancelled:
        raise UserError("Cancelled; nothing was changed.", "已取消，未作任何改动。")
    try:
        answer = json.loads(last)
    except ValueError:
        reason = shorten(err.strip().rsplit("\n", 1)[-1] or f"exit {process.returncode}", 200)
        raise UserError(
            f"The process that looked into this broke off: {reason}. Close what needs memory and try again.",
            f"执行该检查的进程意外中断：{reason}。请关闭占用内存的程序后重试。",
        ) from None
    if "error" in answer:
        raise UserError(answer["error"]["en"], answer["error"]["zh"], answer["error"]["field"])
    return dict(answer)


def _listened(process: Any, question: Question, asked: Asked) -> str:
    """The last line that comes back."""
    with contextlib.suppress(BrokenPipeError), process.stdin:
        json.dump({**question, ASKER: os.getpid()}, process.stdin)
    last = ""
    for line in process.stdout:
        if line.startswith(TOLD):
            asked.told = json.loads(line.removeprefix(TOLD))
        elif line.strip():
            last = line
    return last


def tell(**facts: Any) -> None:
    """The other side: how far the work is."""
    print(TOLD + json.dumps(facts), flush=True)


def _heard() -> Question:
    """The question. Whoever asked may be killed at any moment; then nobody wants the answer, and this process ends, too."""
    from workbench.engine.world import die_with_launcher

    question: Question = json.load(sys.stdin)
    die_with_launcher(question.pop(ASKER, None))
    return question


def unforeseen(error: Exception) -> Text:
    name, words = type(error).__name__, shorten(str(error).strip().split("\n")[0], 160)
    return Text(
        f"This could not be found out ({name}: {words}). Check model, task and data, then try again.",
        f"未能得出结果（{name}：{words}）。请检查模型、任务和数据后重试。",
    )


def answer(work: Callable[[Workspace, Question], Answer]) -> int:
    """The other side: one line of JSON on stdout in any case. Exit status 2 when the answer is an error."""
    from workbench.engine.worker import be_polite, explain

    be_polite()
    try:
        workspace = Workspace(sys.argv[1])
        consent.look_in(workspace)
        found = work(workspace, _heard())
    except UserError as error:
        found = {"error": {"en": error.text.en, "zh": error.text.zh, "field": error.field}}
    except Exception as error:  # the edge of the process
        traceback.print_exc()
        text = explain(error) if isinstance(error, MemoryError | RuntimeError) else unforeseen(error)
        found = {"error": {"en": text.en, "zh": text.zh, "field": None}}
    print(json.dumps(found, ensure_ascii=False))
    return 2 if "error" in found else 0
