"""The result of a run on disk: the adapter or the model, beside its tokenizer; whole or not at all."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

from workbench.core.files import sync_folder
from workbench.engine.room import patiently
from workbench.models.loading import save_tuned


def save(session: Any) -> None:
    """Written beside its place, then renamed; a full disk is waited out."""
    run = session.run
    session.stage.write("phase", phase="save")
    part, size = (
        run.result / "model.part",
        sum(value.numel() * value.element_size() for value in session.model.parameters() if value.requires_grad),
    )
    clear = partial(shutil.rmtree, part, ignore_errors=True)
    clear()
    patiently(session.stage, run.folder, size, lambda: save_tuned(run, session.model, session.tokenizer, session.options, part), clear)  # fmt: skip
    shutil.rmtree(run.tuned, ignore_errors=True)
    patiently(session.stage, run.folder, 0, lambda: _put(part, run.tuned), lambda: None)
    sync_folder(run.result)


def _put(part: Path, place: Path) -> None:
    part.rename(place)
