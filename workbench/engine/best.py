"""The best weights so far, by held-out loss, and whether it is time to stop looking for better ones."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from workbench.core.files import sha256
from workbench.core.text import Text
from workbench.engine.room import patiently
from workbench.engine.stage import Stage


class Best:
    """Keeps what is trained on disk whenever the held-out loss has never been lower. Each best lies in a file of its own, so that a
    run that goes on from an earlier checkpoint finds the best of that time."""

    main: bool = True
    """Whether this is the process that writes."""
    stage: Stage | None = None
    """Where a full disk is told of while it is waited out."""

    def __init__(self, folder: Path, patience: int, wanted: bool) -> None:
        self.folder, self.patience, self.wanted = folder, patience, wanted or patience > 0
        self.loss, self.step, self.worse, self.digest = math.inf, 0, 0, ""

    def look(self, model: Any, step: int, loss: float) -> bool:
        """True when `patience` looks in a row brought nothing better."""
        if not self.wanted:
            return False
        if loss < self.loss:
            self.loss, self.step, self.worse = loss, step, 0
            self._keep(model)
            return False
        self.worse += 1
        return bool(self.patience) and self.worse >= self.patience

    def _path(self, step: int) -> Path:
        return self.folder / f"best-{step}.safetensors"

    def _keep(self, model: Any) -> None:
        from safetensors.torch import save_file

        from workbench.engine.checkpoint import trained

        learned = trained(model)  # of a model in parts, every process has to ask
        if not self.main:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".best-{self.step}.part"

        def write() -> None:
            save_file(learned, str(part))
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
            self.digest = sha256(part)
            part.replace(self._path(self.step))

        if self.stage is None:
            write()
            return
        size = sum(value.numel() * value.element_size() for value in learned.values())
        patiently(self.stage, self.folder, size, write, lambda: part.unlink(missing_ok=True))

    def facts(self) -> dict[str, Any] | None:
        """As it stands in a checkpoint; None before the first look."""
        told = {"loss": self.loss, "step": self.step, "worse": self.worse, "sha256": self.digest}
        return told if self.step else None

    def go_on(self, facts: dict[str, Any] | None) -> None:
        """Stand where a checkpoint stood."""
        if facts:
            self.loss, self.step, self.worse = float(facts["loss"]), int(facts["step"]), int(facts["worse"])
            self.digest = str(facts.get("sha256") or "")

    def forget(self, but: set[int]) -> None:
        """Remove the bests of other steps."""
        for path in self.folder.glob("best-*.safetensors"):
            if path.stem.removeprefix("best-") not in {str(step) for step in but}:
                path.unlink(missing_ok=True)

    def restore(self, model: Any) -> Text | None:
        """Lay the best weights over the last ones, if they are whole; what is to be said of it, None where there is nothing to do."""
        from workbench.engine.checkpoint import lay

        path, step = self._path(self.step), self.step
        if not step or not path.is_file():
            return None
        if self.digest and sha256(path) != self.digest:
            return Text(
                f"The weights of step {step} had the lowest held-out loss, but their file is damaged: the last weights were kept.",
                f"第 {step} 步的留出集损失最低，但其权重文件已损坏：保留了最后的权重。",
            )
        lay(model, path)
        return Text(
            f"The weights of step {step} were kept: the lowest held-out loss.",
            f"保留了第 {step} 步的权重：留出集损失最低。",
        )
