"""A yard with a workspace in it and canaries all around: whoever leaves the workspace steps on one."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile.corpus import PATHS
from hostile.watch import MODEL

ROWS = '{"text": "sesame", "label": "a"}\n' * 4


@dataclass(frozen=True)
class Yard:
    """Where everything lies. `root` is empty before `build`."""

    root: Path

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temp(self) -> Path:
        return self.root / "temp"

    @property
    def here(self) -> Path:
        """The folder that the process works in."""
        return self.root / "outside" / "here"

    @property
    def watched(self) -> list[Path]:
        """Folders in which nothing may happen."""
        outside = [path for path in (self.root / "outside", self.root / "workspace_evil", self.home) for path in (path, *path.rglob("*")) if path.is_dir()]  # fmt: skip
        return [self.root, *outside]

    def build(self) -> None:
        """Canaries that look like what may be asked for: keys, recipes, datasets, runs, models; and links that lead to them."""
        for folder in ("outside/here", "workspace_evil", "workspace_evil/v0001", "home/.ssh", "temp", "workspace/datasets", "workspace/runs", "workspace/models"):  # fmt: skip
            (self.root / folder).mkdir(parents=True)
        for folder in ("outside", "outside/here", "workspace_evil", "workspace_evil/v0001", "home", "home/.ssh"):
            for name, text in CANARIES.items():
                (self.root / folder / name).write_text(text)
        os.mkfifo(self.root / "outside" / "fifo")
        for part in ("datasets", "runs", "models", "conversations", "evaluations", "arenas"):
            place = self.workspace / part
            place.mkdir(exist_ok=True)
            (place / "linkout").symlink_to(self.root / "workspace_evil")
            (place / "parent-link").symlink_to(self.root)
            (place / "swapped").symlink_to(self.root / "outside")
        strange = self.workspace / "models" / "strange"
        strange.mkdir()
        (strange / "config.json").write_text(f'{{"model_type": "llama", "_name_or_path": "{self.root}/outside", "auto_map": {{"AutoModel": "evil--mod.X"}}}}')  # fmt: skip
        (strange / "adapter_config.json").write_text(f'{{"base_model_name_or_path": "{self.root}/outside"}}')

    def values(self, run: str, port: int) -> dict[str, str]:
        """The corpus with this yard's places filled in."""
        known = {"«yard»": str(self.root), "«home»": str(self.home), "«workspace»": str(self.workspace), "«run»": run, "«port»": str(port)}  # fmt: skip
        found = {}
        for number, value in PATHS.items():
            for name, text in known.items():
                value = value.replace(name, text)
            found[number] = value
        return found

    def state(self, unread: bool = True) -> dict[str, Any]:
        """What must stay as it is: names, digests and times of all canaries; that of the last reading where they must be `unread`."""
        paths = sorted(
            path for folder in self.watched for path in folder.iterdir() if path.is_file() and path.name not in MODEL
        )
        return {str(path): (path.stat().st_atime_ns if unread else 0, path.stat().st_mtime_ns, _digest(path)) for path in paths} | {str(folder): sorted(path.name for path in folder.iterdir()) for folder in self.watched}  # fmt: skip


def _digest(path: Path) -> str:
    """Read without touching the time of access."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOATIME", 0))
    with os.fdopen(handle, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


CANARIES = {
    "canary.txt": "sesame\n",
    "id_rsa": "sesame key\n",
    ".env": "SECRET=sesame\n",
    "config.json": '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8}',
    "tokenizer.json": '{"model": {"vocab": {}}}',
    "meta.json": '{"rows": 4, "columns": ["text", "label"], "roles": {"text": "text", "label": "label"}}',
    "data.jsonl": ROWS,
    "train.jsonl": ROWS,
    "recipe.yaml": "task: text-classification\nmethod: lora\n",
    "facts.json": "{}",
    "question.json": "{}",
    "x.json": "{}",
}
