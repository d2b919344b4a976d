"""The process that trains one run: `python -m workbench.engine.worker FOLDER`. The run folder is its only interface.

Exit status: 0 finished or stopped, 2 a mistake a person can mend, 1 anything else (the traceback is in worker.log only).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType

import psutil

from workbench.core.errors import UserError, shorten
from workbench.core.events import EventWriter
from workbench.core.files import there
from workbench.core.polite import TRAINING, give_way
from workbench.core.run import Run
from workbench.core.sections import DEEPSPEED, SINGLE
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import logcap, world
from workbench.engine.cause import cause_of, out_of_memory
from workbench.engine.diagnosis import in_words, less_memory
from workbench.engine.stage import NonFinite, Stage, Stopped
from workbench.engine.trackers import MUFFLED

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "warning",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    **{name: value for muffled in MUFFLED.values() for name, value in muffled.items()},
}
PACKAGES = ("torch", "transformers", "peft", "accelerate")
OOM, FIRST_TO_GO = Path("/proc/self/oom_score_adj"), 500
"""Where Linux is told that this process, not the page, shall go when the machine runs out of memory (−1000 … 1000)."""
FIRST_WORD = 3.0
"""Seconds that the others wait before they end for a fault: the first process may be about to say why."""


def main(argv: list[str]) -> int:
    """Work on the run in `argv[0]`."""
    run = Run(Path(argv[0]).resolve())
    be_polite()
    if not own(run):
        return 0
    signal.signal(signal.SIGTERM, lambda number, frame: _on_term(run, number, frame))
    again = any(event.kind == "started" for event in run.events()[0])
    if world.launched():
        world.die_with_launcher()
    path = run.events_path if world.rank() == 0 else Path(os.devnull)
    stage = Stage(run, EventWriter(path), again=again, world=world.promised(run.recipe.compute))
    stage.write("started", pid=os.getpid(), versions=_versions())
    if world.rank() == 0:
        print(logcap.BEGIN, flush=True)
        logcap.watch(run.folder / "worker.log")
    status = guarded(stage)
    stage.writer.close(patience=600)
    if status and not stage.world.main:
        time.sleep(FIRST_WORD)
    if stage.world.strategy == DEEPSPEED:
        _leave_at_once(status)
    return status


def _leave_at_once(status: int) -> None:
    """All is written. DeepSpeed holds groups of processes that nobody can close, and their threads would turn the end into an abort."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def be_polite() -> None:
    """Beside the page, in the background, silent, and in a process group of its own."""
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    with contextlib.suppress(OSError):
        OOM.write_text(str(FIRST_TO_GO))
    with contextlib.suppress(OSError, AttributeError):
        os.setsid()
    give_way(TRAINING)


def own(run: Run) -> bool:
    """True when this process is the run's worker, or one of several whose launcher is. A launcher killed in mid-start leaves it
    unclaimed: claim it then. Other machines' processes belong to the main machine's claim."""
    if world.launched() and not world.under_launcher(str(run.folder)):
        return False
    if os.environ.get("GROUP_RANK", "0") != "0" and world.launched():
        return True
    me = psutil.Process(os.getppid()) if world.launched() else psutil.Process()
    with Workspace(run.folder.parent.parent).lock("queue"):
        other = run.worker()
        if other is not None and other.pid != me.pid:
            return False
        if other is None:
            run.claim(me)
    return True


def _on_term(run: Run, number: int, frame: FrameType | None) -> None:
    """SIGTERM asks to save and end, like the button. torchrun hands it on to every process, and sends it as well when one of them is
    gone: then there is nothing to save together."""
    if world.launched() and not world.siblings():
        raise world.PeerLost("another process of the run has ended")
    if world.rank() == 0:
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
        meet(stage)
        train(stage)
        world.leave(stage.world)
    except Stopped:
        stage.write("stopped", step=stage.step, seconds=stage.seconds)
        return 0
    except UserError as error:
        stage.write("failed", en=error.text.en, zh=error.text.zh, field=error.field, cause=cause_of(error))
        return 2
    except BaseException as error:  # the edge of the process: nothing may leave without an event
        if not stage.world.main:
            return _fallen(error)
        traceback.print_exc()
        text = explain(error, stage.run)
        facts = {"step": error.step} if isinstance(error, NonFinite) else {}
        stage.write("failed", en=text.en, zh=text.zh, field=None, cause=cause_of(error), **facts)
        return 1
    stage.write("finished", seconds=stage.seconds)
    return 0


def meet(stage: Stage) -> None:
    """The run's other processes, where the recipe wants any."""
    compute = stage.run.recipe.compute
    if compute.strategy == SINGLE and not world.launched():
        return
    from workbench.engine.hardware import device_of

    stage.world = world.join(compute, device_of(compute))


def _fallen(error: BaseException) -> int:
    """One of the others ends; that the first one is gone needs no traceback."""
    if not world.is_loss(error):
        traceback.print_exception(error)
    return 1


def explain(error: BaseException, run: Run | None = None) -> Text:
    """One plain sentence for what was not foreseen; with numbers where the run is known."""
    if isinstance(error, NonFinite):
        return Text(
            f"The {error.what} became NaN or infinite at step {error.step}, so the run ended there; the last good "
            "checkpoint is kept. Lower the learning rate (a tenth of it), or add warm-up, and look for damaged rows.",
            f"第 {error.step} 步时{_WHAT_ZH.get(error.what, '数值')}变成 NaN 或无穷大，训练已停止；最后一个正常的检查点已保留。"
            "请把学习率降到十分之一、增加预热，并检查数据是否有损坏的行。",
        )
    if world.is_loss(error):
        return Text(
            "Another process of this run ended, so all of them did; the last whole checkpoint is kept, and the run can go on from it. "
            "worker.log says more (a process that was killed without a word usually ran out of memory).",
            "本次训练的另一个进程已退出，因此全部进程都已结束；最后一个完整的检查点已保留，可以从那里继续。详情见 worker.log"
            "（无声无息被终止的进程通常是内存不足）。",
        )
    if (text := locked_away(error, run)) is not None:
        return _with_last_good(text, run)
    if out_of_memory(error) and run is not None:
        less = in_words(less_memory(run.recipe))
        return Text(f"The memory ran out. {less.en}", f"内存不足。{less.zh}")
    if out_of_memory(error):
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


_WHAT_ZH = {"loss": "损失", "gradient": "梯度", "weights": "权重", "held-out loss": "留出集损失"}
LOCKED = ("Permission denied", "Read-only file system", "Operation not permitted", "PermissionDenied")


def locked_away(error: BaseException, run: Run | None) -> Text | None:
    """A file or folder of the run that may not be written any more, by whatever library found it."""
    words, name = str(error), getattr(error, "filename", None)
    sign = next((each for each in LOCKED if each in words), None)
    outside = name is not None and run is not None and not Path(str(name)).is_relative_to(run.folder)
    if sign is None or outside:
        return None
    where = shorten(name, 160) if name else "–"
    return Text(
        f"The run's folder cannot be written to any more ({sign}: {where}). Give this user the right to write there again, then go on.",
        f"任务文件夹已无法写入（{sign}：{where}）。请恢复当前用户的写入权限，然后继续训练。",
    )


def _with_last_good(text: Text, run: Run | None) -> Text:
    """The same, with the checkpoint it goes on from."""
    from workbench.engine.checkpoint import sealed

    kept = sealed(run.checkpoints)[-1:] if run is not None and there(run.checkpoints) else []
    if not kept:
        return Text(f"{text.en} There is no checkpoint yet.", f"{text.zh}目前还没有检查点。")
    return Text(
        f"{text.en} The last whole checkpoint is {kept[0].name}.", f"{text.zh}最后一个完整的检查点是 {kept[0].name}。"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
