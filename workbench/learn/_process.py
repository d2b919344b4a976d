"""The other side of `_far`: python -m workbench.learn._process WORKSPACE, a line of JSON in, a line of JSON out."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import selectors
import sys
from typing import Any

from workbench.core.errors import UserError
from workbench.core.lab import LABS
from workbench.core.workspace import Workspace
from workbench.engine.ask import unforeseen
from workbench.learn._far import IDLE

AHEAD, SOON = ("transformers.models.auto.modeling_auto", "transformers.trainer", "peft"), 0.3
"""What most labs need, imported while somebody still reads; and the seconds of silence after which the next is."""


def answered(workspace: Workspace, line: str) -> dict[str, Any]:
    """The pictures, or the error, of one question."""
    asked = json.loads(line)
    lab = LABS.get(asked["lab"])
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return {"pictures": lab.touch(lab.section(**asked["knobs"]), workspace)}
    except UserError as error:
        return {"error": {**error.text._asdict(), "field": error.field}}
    except Exception as error:  # the edge of the process
        return {"error": {**unforeseen(error)._asdict(), "field": None}}


def main() -> None:
    """Until nobody asks for a while, or the page is gone."""
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(OSError):
        os.nice(5)
    workspace = Workspace(sys.argv[1])
    waiting = selectors.DefaultSelector()
    waiting.register(sys.stdin, selectors.EVENT_READ)
    ahead = list(AHEAD)
    while True:
        if not waiting.select(SOON if ahead else IDLE):
            if not ahead:
                return
            with contextlib.suppress(ImportError):
                importlib.import_module(ahead.pop(0))
            continue
        line = sys.stdin.readline()
        if not line:
            return
        print(json.dumps(answered(workspace, line), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
