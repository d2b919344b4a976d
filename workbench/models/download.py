"""Fetching a model from the Hub: one listing, one GET per file, resumed where it broke, accepted only when whole.

The files are streamed here over huggingface_hub's own session, because its downloader drops a partial file when it fails
and cannot be cancelled. They grow in a hidden folder that is renamed at the end, with a marker written last.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError
from workbench.core.files import read_json, write_json
from workbench.core.workspace import Workspace
from workbench.models import hub
from workbench.models.facts import PICKLES, check_folder, only_pickles

MARKER = ".downloaded.json"
WANTED = re.compile(r"[^/\\]+\.(json|txt|model|jinja|py)|tokenizer[^/\\]*|LICENSE[^/\\]*|README\.md", re.IGNORECASE)
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
SPARE = 64 << 20
ATTEMPTS = 3


class Cancelled(UserError):
    """The person asked to stop; what has arrived is kept for the next time."""

    def __init__(self) -> None:
        super().__init__(
            "The download was cancelled; what has arrived is kept.", "下载已取消；已收到的部分会保留。", "model.id"
        )


@dataclass(frozen=True)
class Located:
    """A model by name; `path` is None when it must be fetched first."""

    id: str
    path: Path | None
    revision: str = "main"


@dataclass(frozen=True)
class Wanted:
    """A file of a repository: its size and a digest to hold it against, where the Hub gives one."""

    name: str
    size: int
    sha256: str | None
    blob: str | None


def folder_name(model_id: str, revision: str) -> str:
    """owner--name, with the revision behind it unless that is main."""
    name = model_id.replace("/", "--")
    return name if revision == "main" else f"{name}@{revision.replace('/', '--')}"


def downloaded(workspace: Workspace, model_id: str, revision: str) -> Path | None:
    """The folder of a model fetched before, whole; None otherwise."""
    folder = workspace.models / folder_name(model_id, revision)
    marker = read_json(folder / MARKER)
    files = marker.get("files") if isinstance(marker, dict) else None
    if not isinstance(files, dict):
        return None
    return folder if all(_size(folder / name) == size for name, size in files.items()) else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def download(
    workspace: Workspace, located: Located, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> Path:
    """Fetch into workspace.models; the network works in a thread, so that a cancel never waits for it."""
    name = folder_name(located.id, located.revision)
    with workspace.lock(f"download-{name}"):
        done = downloaded(workspace, located.id, located.revision)
        if done is not None:
            return done
        job = Job(located, workspace.models / name, workspace.models / f".{name}.part")
        job.start()
        _wait(job, progress, cancelled)
    if job.error is not None or not job.whole:
        raise job.error or hub.unexpected(located.id)
    return job.folder


def _wait(job: Job, progress: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
    shown = -1
    try:
        while job.is_alive():
            job.join(0.1)
            if cancelled():
                raise Cancelled
            if job.total and job.done > shown:
                shown = job.done
                progress(shown, job.total)
    finally:
        job.stop.set()
        job.join(0.5)
    if job.whole:
        progress(job.total, job.total)


class Job(threading.Thread):
    """One download. `done` only grows; after `stop` is set nothing more is written."""

    def __init__(self, located: Located, folder: Path, staged: Path) -> None:
        super().__init__(daemon=True)
        self.located, self.folder, self.staged = located, folder, staged
        self.stop = threading.Event()
        self.done = self.total = 0
        self.whole = False
        self.error: UserError | None = None

    def run(self) -> None:
        """List, fetch, check, put in place; failures become sentences."""
        try:
            with hub.explained(self.located.id):
                self._work()
        except UserError as error:
            self.error = error

    def _work(self) -> None:
        info = hub.listing(self.located.id, self.located.revision)
        files = choose(info, self.located.id)
        self._check_stop()
        self._prepare(str(info.sha))
        total = sum(file.size for file in files)
        _check_space(self.staged, total - sum(_held(self.staged, file) for file in files))
        self.done, self.total = 0, total
        for file in files:
            before = self.done
            self._file(file, str(info.sha))
            self.done = before + file.size
        check_folder(self.staged)
        self._check_stop()
        self._accept(files, str(info.sha))

    def _prepare(self, commit: str) -> None:
        """Keep what an interrupted download of the same commit left; drop anything else."""
        note = self.staged / "commit.part"
        if self.staged.is_dir() and (not note.is_file() or note.read_text(encoding="utf-8") != commit):
            shutil.rmtree(self.staged)
        self.staged.mkdir(parents=True, exist_ok=True)
        note.write_text(commit, encoding="utf-8")

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Cancelled

    def _file(self, file: Wanted, commit: str) -> None:
        target, part = self.staged / file.name, self.staged / f"{file.name}.incomplete"
        if _size(target) == file.size:
            return
        start = self.done
        for attempt in range(ATTEMPTS):
            held = max(0, _size(part))
            self.done = max(self.done, start + min(held, file.size))
            try:
                self._stream(file, commit, part, start)
                break
            except hub.broken() as error:
                if attempt == ATTEMPTS - 1 or hub.final(error) or _size(part) <= held:
                    raise
        if not _same(part, file):
            part.unlink()
            raise hub.damaged(file.name)
        self._check_stop()
        part.replace(target)

    def _stream(self, file: Wanted, commit: str, part: Path, start: int) -> None:
        held = max(0, _size(part))
        if held > file.size:
            part.unlink()
            held = 0
        if held == file.size and part.exists():
            return
        with hub.open_file(self.located.id, file.name, commit, held) as response:
            resumed = response.status_code == 206
            with part.open("ab" if resumed else "wb") as stream:
                written = held if resumed else 0
                for piece in response.iter_raw():
                    self._check_stop()
                    stream.write(piece)
                    written += len(piece)
                    self.done = max(self.done, start + min(written, file.size))
        if written != file.size:
            raise hub.Short(file.name)

    def _accept(self, files: list[Wanted], commit: str) -> None:
        (self.staged / "commit.part").unlink()
        sizes = {file.name: file.size for file in files}
        write_json(self.staged / MARKER, {"id": self.located.id, "commit": commit, "files": sizes})
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.staged.rename(self.folder)
        self.whole = True


def choose(info: Any, model_id: str) -> list[Wanted]:
    """The files worth fetching, small ones first; UserError when the weights are not safetensors."""
    listed = {item.rfilename: item for item in info.siblings or []}
    weights = [name for name in listed if name == "model.safetensors"] or [
        name for name in listed if SHARD.fullmatch(name)
    ]
    adapter = "adapter_config.json" in listed and "config.json" not in listed
    if not weights and not adapter:
        raise only_pickles(list(listed), model_id)
    names = [
        name for name in listed if WANTED.fullmatch(name) and not name.endswith((".safetensors", *PICKLES))
    ] + weights
    return sorted((_wanted(listed[name]) for name in names), key=lambda file: (file.size, file.name))


def _wanted(item: Any) -> Wanted:
    digest = item.lfs.sha256 if item.lfs is not None else None
    return Wanted(item.rfilename, int(item.size or 0), digest, None if digest else item.blob_id)


def _held(staged: Path, file: Wanted) -> int:
    return max(0, _size(staged / file.name), _size(staged / f"{file.name}.incomplete"))


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE:
        raise UserError(
            f"The model needs {needed / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB free; make room and try again.",
            f"模型需要 {needed / 1e6:.0f} MB，磁盘只剩 {free / 1e6:.0f} MB；请腾出空间后重试。",
            field="model.id",
        )


def _same(path: Path, file: Wanted) -> bool:
    """Size and, where the Hub told it, the digest: sha256 of a large file, git's blob id of a small one."""
    if _size(path) != file.size:
        return False
    expected = file.sha256 or file.blob
    if not expected or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", expected):
        return True
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest() == expected
