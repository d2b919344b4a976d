"""The child process: every handler of the page, every function of the boards, every field of a recipe, every word of the command line,
each with every value of the corpus. Tells what it found as one line of JSON.

python tests/hostile/attack.py YARD SET [STRIDE]    SET: handlers, boards, recipes, words. With a STRIDE only every so many-th value is
tried on a field, another one on the next field, so that all values and all fields are met.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
PATIENCE = 20


class TooLong(BaseException):
    """A call that does not come back."""


class Attack:
    """What is tried, and what came of it."""

    def __init__(self, folder: Path, stride: int) -> None:
        from hostile.watch import Inotify, Watch
        from hostile.yard import Yard

        from workbench.core.errors import UserError

        self.yard, self.stride, self.count, self.fields = Yard(folder), stride, 0, 0
        self.errors: Counter[str] = Counter()
        self.slow: list[Any] = []
        self.worst = 0.0
        self.named: set[str] = set()
        """Files that the owner's own hand named: they may be read."""
        self.bare: set[str] = set()
        self.met: set[str] = set()
        self.values = self.yard.values("made-run", 9)
        self.watch = Watch(self.yard.workspace, self.yard.temp)
        self.watch.refuse = lambda: UserError("No process is started here.", "这里不启动进程。")
        self.inotify = Inotify(self.yard.watched)

    def some(self) -> Iterator[tuple[str, str]]:
        """The values for the next field."""
        self.fields += 1
        for place, (number, value) in enumerate(self.values.items()):
            if (place + self.fields) % self.stride == 0:
                self.met.add(number)
                yield number, value

    def call(self, doing: tuple[str, ...], fn: Callable[[], Any]) -> Any:
        """One try, watched. Only what a person may be told comes out."""
        import gradio as gr

        from workbench.core.errors import UserError

        self.count += 1
        self.watch.doing, self.watch.on, begun = doing, True, time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            return fn()
        except UserError:
            self.bare.add(str(doing[1]))
        except (gr.Error, SystemExit):
            return None
        except TooLong:
            self.slow.append(doing)
        except Exception as error:
            self.errors[f"{doing} {type(error).__name__}: {str(error)[:160]} at {_place(error)}"] += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.slow += [doing] * _left_over()
            self.watch.on = False
            self.worst = max(self.worst, time.monotonic() - begun)
        return None

    def told(self) -> dict[str, Any]:
        """Everything, for the test."""
        may = {f"{kind} {path}" for kind in ("open", "read") for path in self.named}
        return {
            "count": self.count, "fields": self.fields, "values": sorted(self.met), "breaches": _few(self.watch.breaches), "models": _few(self.watch.models),
            "kernel": _few([(None, each, "") for each in self.inotify.told() if each not in may]), "errors": dict(self.errors.most_common(60)),
            "slow": self.slow[:40], "worst": self.worst, "bare": sorted(self.bare), "spawned": _few([(doing, "spawn", json.dumps(words)) for doing, words in self.watch.spawned]),
        }  # fmt: skip


def _place(error: BaseException) -> str:
    """The innermost line of ours."""
    found, trace = "", error.__traceback__
    while trace:
        name = trace.tb_frame.f_code.co_filename
        if "workbench/" in name:
            found = f"{name.rpartition('workbench/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _few(found: list[tuple[Any, str, str]]) -> dict[str, Any]:
    """Each kind once, with what was tried when it was seen first."""
    kept: dict[str, Any] = {}
    for doing, event, what in found:
        kept.setdefault(f"{event} {what}", doing)
    return dict(list(kept.items())[:80])


def _left_over() -> int:
    """Wait for the answers that a call left to threads, so that they are watched, too, and change nothing of what comes next: how many do
    not end."""
    begun = [thread for thread in threading.enumerate() if thread.name.startswith("answer-")]
    for thread in begun:
        thread.join(PATIENCE)
    return sum(thread.is_alive() for thread in begun)


def _rung(*_: Any) -> None:
    raise TooLong


def main() -> None:
    yard, which, stride = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1
    signal.signal(signal.SIGALRM, _rung)
    shutil._use_fd_functions = False  # type: ignore[attr-defined]  # it would remove by names that mean nothing alone
    from fakehub import serve_hub

    said, hub = io.StringIO(), yard / "temp" / "hub"
    hub.mkdir()
    with serve_hub(hub) as made, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        os.environ["HF_ENDPOINT"] = made.url  # before anything reads it
        from hostile import boards, handlers, recipes, words

        rooms = {"handlers": handlers.attack, "boards": boards.attack, "recipes": recipes.attack, "words": words.attack}
        attack = Attack(yard, stride)
        rooms[which](attack)
    print(json.dumps(attack.told(), ensure_ascii=True))
    sys.stdout.flush()
    os._exit(0)  # threads of pages and answers do not hold it


if __name__ == "__main__":
    main()
