"""A full disk is waited out, not died of: whatever is written is written again once there is room, and the wait is told."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from workbench.core.method import METHODS
from workbench.core.recipe import Recipe
from workbench.core.text import Text
from workbench.engine.stage import Stage
from workbench.models.forecast import OPTIMIZER

FULL = (errno.ENOSPC, errno.EDQUOT)
NUMBER = 4
"""Bytes of a saved number: what is trained is kept in fp32."""
SPARE = 16 << 20
"""Bytes that stay free beside what is written: for events, and for the page."""
EVERY = 0.5
"""Seconds between two looks at the disk."""


def ahead(recipe: Recipe, total: int, trained: int) -> int:
    """Bytes that a run will hold on disk at most, of `total` weights of which `trained` are trained: its checkpoints and one being
    written (weights, optimizer), the best so far, the result."""
    training = recipe.training
    checkpoint = trained * (NUMBER + OPTIMIZER.get(training.optim, 2 * NUMBER))
    best = 2 * trained * NUMBER if training.keep_best or training.early_stopping_patience else 0
    result = (total if METHODS.get(recipe.method.kind).stores == "model" else trained) * NUMBER
    return round((training.save_total_limit + 1) * checkpoint + best + result) + SPARE


def look_ahead(stage: Stage, total: int, trained: int) -> None:
    """Say before the first step that the disk will not do: the run would wait in the middle."""
    need, there = ahead(stage.run.recipe, total, trained), free(stage.run.folder)
    if need > there:
        wanted = f"{need / 1e6:,.0f} MB", f"{there / 1e6:,.0f} MB"
        stage.note(
            Text(
                f"This run may need {wanted[0]} of disk and {wanted[1]} are free: it will wait when the disk is full. Free some (Runs → "
                "Storage), or keep fewer checkpoints (save_total_limit).",
                f"本次训练最多需要 {wanted[0]} 磁盘空间，目前剩余 {wanted[1]}：磁盘满时训练会暂停等待。请先清理（“任务”页的“存储”），"
                "或少保留几个检查点（save_total_limit）。",
            )
        )


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
