"""The workspace: the root folder that holds datasets/, runs/ and models/. Nothing else on the machine is written to."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from workbench.core.errors import UserError
from workbench.core.files import inside, safe_name


class Workspace:
    """Paths of one workspace. The folders are made on first use; a root that we make is the owner's alone, one that was there stays as it is."""

    def __init__(self, root: Path | str | None = None) -> None:
        chosen = root or os.environ.get("WORKBENCH_HOME") or "workspace"
        self.root = Path(chosen).expanduser().resolve()
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.datasets, self.runs, self.models):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"The workspace {self.root} cannot be written ({error.strerror}); choose another with --workspace.",
                f"工作区 {self.root} 无法写入（{error.strerror}）；请用 --workspace 另选一个。",
            ) from error

    @property
    def datasets(self) -> Path:
        """Saved datasets, a folder each."""
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        """Runs, a folder each."""
        return self.root / "runs"

    @property
    def models(self) -> Path:
        """Downloaded models."""
        return self.root / "models"

    def run_folder(self, run_id: str) -> Path:
        """The folder of a run by its id, guarded."""
        return inside(self.runs, safe_name(run_id, "run"))

    def dataset_folder(self, name: str) -> Path:
        """The folder of a dataset by its name, guarded."""
        return inside(self.datasets, safe_name(name, "dataset name"))

    def exposed(self) -> bool:
        """Whether other users of this machine get into the root: by its rights and those of every folder above it. Never on Windows, where
        the rights of a file say nothing of others."""
        if os.name != "posix":
            return False
        return bool(self.root.stat().st_mode & 0o077) and all(each.stat().st_mode & 0o011 for each in self.root.parents)

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold an exclusive lock shared by every process that uses this workspace (page, command line, a second page)."""
        with locked(self.root / f".{name}.lock"):
            yield


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file exclusively, whoever else wants it."""
    with path.open("a") as stream:
        _flock(stream.fileno(), True)
        try:
            yield
        finally:
            _flock(stream.fileno(), False)


def _flock(handle: int, take: bool) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_LOCK if take else msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(handle, fcntl.LOCK_EX if take else fcntl.LOCK_UN)
