"""The real page and its real supervisor, with a stand-in for the worker that starts at once: for faults of the page over many runs.

python tests/standin.py ui --port P --workspace DIR    the page; the workers it starts are the stand-in
python tests/standin.py FOLDER                         the stand-in: tells what a worker tells, a step every `PAUSE` seconds, learns nothing
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
PAUSE = float(os.environ.get("STANDIN_PAUSE", "0.02"))


def work(folder: Path) -> int:
    """As many steps as the recipe says, or until a stop is asked for."""
    from workbench.core.events import EventWriter
    from workbench.core.run import Run

    run = Run(folder)
    total = run.recipe.training.max_steps
    writer = EventWriter(run.events_path)
    writer.write("started", pid=os.getpid())
    writer.write("phase", phase="train")
    began = time.monotonic()
    for step in range(1, total + 1):
        time.sleep(PAUSE)
        writer.write("step", step=step, total=total, loss=2 / step, learning_rate=1e-4, seconds=time.monotonic() - began, memory_mb=1.0)  # fmt: skip
        print(f"step {step}")
        if run.stop_asked:
            break
    writer.write("finished" if step == total else "stopped", seconds=time.monotonic() - began)
    writer.close()
    return 0


def page(words: list[str]) -> int:
    """The command line, with other workers."""
    from workbench import cli
    from workbench.core.run import Run
    from workbench.engine import launcher

    def command(run: Run, machine: int, port: int) -> list[str]:
        return [sys.executable, str(Path(__file__).resolve()), str(run.folder)]

    launcher.command_of = command
    return cli.main(words)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(page(sys.argv[1:]) if sys.argv[1] == "ui" else work(Path(sys.argv[1])))
