"""The best weights so far, by held-out loss, and whether it is time to stop looking for better ones."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

NAME = "best.safetensors"


class Best:
    """Keeps what is trained on disk whenever the held-out loss has never been lower."""

    def __init__(self, folder: Path, patience: int, wanted: bool) -> None:
        self.path, self.patience, self.wanted = folder / NAME, patience, wanted or patience > 0
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

    def _keep(self, model: Any) -> None:
        from safetensors.torch import save_file

        self.path.parent.mkdir(parents=True, exist_ok=True)
        trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        save_file({name: value.detach().cpu().clone() for name, value in trained.items()}, str(self.path))

    def restore(self, model: Any) -> int | None:
        """Lay the best weights over the last ones; the step they are from, or None when there is nothing to do."""
        from safetensors.torch import load_file

        if not self.path.is_file():
            return None
        model.load_state_dict(load_file(str(self.path)), strict=False)
        self.path.unlink()
        return self.step
