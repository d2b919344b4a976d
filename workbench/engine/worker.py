"""The process that trains one run: `python -m workbench.engine.worker FOLDER`. The run folder is its only interface.

Exit status: 0 finished or stopped, 2 a mistake a person can mend, 1 anything else (the traceback is in worker.log only).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

import psutil

from workbench.core.errors import UserError, shorten
from workbench.core.events import EventWriter
from workbench.core.run import Run
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine.stage import NonFinite, Stage, Stopped

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "WANDB_DISABLED": "true",
    "WANDB_MODE": "disabled",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "warning",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
}
PACKAGES = ("torch", "transformers", "peft", "accelerate")
NICE = 10
BELOW_NORMAL = 0x4000
"""Windows' BELOW_NORMAL_PRIORITY_CLASS."""


def main(argv: list[str]) -> int:
    """Work on the run in `argv[0]`."""
    run = Run(Path(argv[0]).resolve())
    be_polite()
    if not _own(run):
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: _on_term(run, number, frame))
    again = any(event.kind == "started" for event in run.events()[0])
    stage = Stage(run, EventWriter(run.events_path), again=again)
    stage.write("started", pid=os.getpid(), versions=_versions())
    status = guarded(stage)
    stage.writer.close(patience=600)
    return status


def be_polite() -> None:
    """Beside the page, in the background, silent, and in a process group of its own."""
    os.environ.update(QUIET)
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().nice(NICE if os.name == "posix" else BELOW_NORMAL)
    with contextlib.suppress(OSError, AttributeError):
        os.setsid()


def _own(run: Run) -> bool:
    """True when this process is the run's worker. A launcher killed in mid-start leaves it unclaimed: claim it then."""
    me = psutil.Process()
    with Workspace(run.folder.parent.parent).lock("queue"):
        other = run.worker()
        if other is not None and other.pid != me.pid:
            return False
        if other is None:
            run.claim(me)
    return True


def _on_term(run: Run, number: int, frame: FrameType | None) -> None:
    """SIGTERM asks to save and end, like the button."""
    run.ask_to_stop()


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def guarded(stage: Stage) -> int:
    """The outermost edge: whatever happens becomes exactly one terminal event."""
    from workbench.engine.session import train

    try:
        train(stage)
    except Stopped:
        stage.write("stopped", step=stage.step, seconds=stage.seconds)
        return 0
    except UserError as error:
        stage.write("failed", en=error.text.en, zh=error.text.zh, field=error.field)
        return 2
    except BaseException as error:  # the edge of the process: nothing may leave without an event
        traceback.print_exc()
        text = explain(error)
        facts = {"step": error.step} if isinstance(error, NonFinite) else {}
        stage.write("failed", en=text.en, zh=text.zh, field=None, **facts)
        return 1
    stage.write("finished", seconds=stage.seconds)
    return 0


def explain(error: BaseException) -> Text:
    """One plain sentence for what was not foreseen."""
    if isinstance(error, NonFinite):
        return Text(
            f"The {error.what} became NaN or infinite at step {error.step}, so the run ended there; the last good "
            "checkpoint is kept. Lower the learning rate (a tenth of it), or add warm-up, and look for damaged rows.",
            f"第 {error.step} 步时{_WHAT_ZH.get(error.what, '数值')}变成 NaN 或无穷大，训练已停止；最后一个正常的检查点已保留。"
            "请把学习率降到十分之一、增加预热，并检查数据是否有损坏的行。",
        )
    if _out_of_memory(error):
        return Text(
            "The memory ran out. Lower the batch size (and raise gradient accumulation), shorten the maximum length, or "
            "turn on gradient checkpointing.",
            "内存不足。请减小批大小（同时增大梯度累积）、缩短最大长度，或打开激活重算。",
        )
    name, words = type(error).__name__, shorten(str(error).strip().split("\n")[0], 160)
    return Text(
        f"The run ended unexpectedly ({name}: {words}). The details are in worker.log in the run's folder.",
        f"训练意外中止（{name}：{words}）。详情见任务文件夹中的 worker.log。",
    )


_WHAT_ZH = {"loss": "损失", "gradient": "梯度", "weights": "权重"}


def _out_of_memory(error: BaseException) -> bool:
    words = str(error)
    return isinstance(error, MemoryError) or "out of memory" in words or "can't allocate memory" in words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
