"""The best weights so far, by held-out loss, and whether it is time to stop looking for better ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

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
        self.loss, self.step, self.worse = math.inf, 0, 0

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
            part.replace(self._path(self.step))

        if self.stage is None:
            write()
            return
        size = sum(value.numel() * value.element_size() for value in learned.values())
        patiently(self.stage, self.folder, size, write, lambda: part.unlink(missing_ok=True))

    def facts(self) -> dict[str, Any] | None:
        """As it stands in a checkpoint; None before the first look."""
        return {"loss": self.loss, "step": self.step, "worse": self.worse} if self.step else None

    def go_on(self, facts: dict[str, Any] | None) -> None:
        """Stand where a checkpoint stood."""
        if facts:
            self.loss, self.step, self.worse = float(facts["loss"]), int(facts["step"]), int(facts["worse"])

    def forget(self, but: set[int]) -> None:
        """Remove the bests of other steps."""
        for path in self.folder.glob("best-*.safetensors"):
            if path.stem.removeprefix("best-") not in {str(step) for step in but}:
                path.unlink(missing_ok=True)

    def restore(self, model: Any) -> int | None:
        """Lay the best weights over the last ones; the step they are from, or None when there is nothing to do."""
        from workbench.engine.checkpoint import lay

        if not self.step or not self._path(self.step).is_file():
            return None
        lay(model, self._path(self.step))
        return self.step
