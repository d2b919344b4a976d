"""A full disk is waited out, not died of: whatever is written is written again once there is room, and the wait is told."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from workbench.core.text import Text
from workbench.engine.stage import Stage

FULL = (errno.ENOSPC, errno.EDQUOT)
SPARE = 16 << 20
"""Bytes that stay free beside what is written: for events, and for the page."""
EVERY = 0.5
"""Seconds between two looks at the disk."""


def is_full(error: BaseException) -> bool:
    """Whether this is a full disk or quota, by whatever library found it."""
    words = str(error)
    return (isinstance(error, OSError) and error.errno in FULL) or "No space left" in words or "quota exceeded" in words


def patiently(stage: Stage, folder: Path, need: int, write: Callable[[], None], undo: Callable[[], None]) -> None:
    """Do `write`, which puts about `need` bytes into `folder`; while the disk (or a quota) is full, wait and do it again. `undo` takes
    away what a broken attempt left. Stopped when a person ends the wait; any other error goes on its way."""
    told = False
    while True:
        told = await_room(stage, folder, need, told)
        try:
            write()
        except Exception as error:  # torch and safetensors have errors of their own for a failed write
            undo()
            if not is_full(error) and free(folder) > need:
                raise
            told = _tell(stage, folder, need, told)
            stage.check_stop()
            time.sleep(EVERY)
            continue
        if told:
            stage.write("continued", reason="disk")
        return


def await_room(stage: Stage, folder: Path, need: int, told: bool = False) -> bool:
    """Return once there is room for so many bytes; whether it was told that there was none."""
    while free(folder) < need + SPARE:
        told = _tell(stage, folder, need, told)
        stage.check_stop()
        time.sleep(EVERY)
    return told


def _tell(stage: Stage, folder: Path, need: int, told: bool) -> bool:
    """Say once that the run waits."""
    if not told:
        wanted, there = f"{(need + SPARE) / 1e6:,.0f} MB", f"{free(folder) / 1e6:,.0f} MB"
        text = Text(
            f"The disk or quota is full: the next save needs {wanted}, {there} are free. The run waits, with nothing lost, and goes on "
            "by itself as soon as there is room (Runs → Storage shows what can go).",
            f"磁盘或配额已满：下一次保存需要 {wanted}，剩余 {there}。训练正在等待，不会丢失；腾出空间后会自动继续（“任务”页的“存储”可查看能清理什么）。",
        )
        stage.write("paused", reason="disk", en=text.en, zh=text.zh, need_mb=round((need + SPARE) / 1e6, 1))
    return True


def free(folder: Path) -> int:
    """Bytes free where a folder lies, or will lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
