"""Where an export goes: built beside its place under a name of its own, put there whole, and only over what an export has written.

`.NAME.TOKEN.part` is being built; `.NAME.TOKEN.old` is what lay in the place while the new one is put there; `.NAME.lock` is held by who
exports to NAME. Whoever holds that lock knows that every other part and old folder of NAME was left by a process that is no more.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json, sha256, sync_folder
from workbench.core.lock import alone

PARITY = "parity.json"
LEFT = re.compile(r"\.(?P<name>.+?)(?:\.(?P<token>[0-9a-f]{8}))?\.(?P<state>part|old)")
"""Folders that an export leaves when it is killed; those of earlier releases had no token."""
READ = 1 << 24
"""Files up to this many bytes are known by what is in them, larger ones by their size alone."""
CLUTTER = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What a desktop puts into every folder that is looked at."""
Files = dict[str, dict[str, Any]]


def listed(folder: Path, without: str = "") -> Files:
    """Every file of an export by its path in it, with what it is known by."""
    return {name: _known(path) for name, path in _files(folder) if not (without and name.startswith(f"{without}/"))}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path.relative_to(folder).as_posix(), path


def _known(path: Path) -> dict[str, Any]:
    """Nothing, where it is no plain file."""
    if path.is_symlink() or not path.is_file():
        return {}
    size = path.stat().st_size
    return {"bytes": size, "sha256": sha256(path)} if size <= READ else {"bytes": size}


def check_whole(folder: Path, files: Files) -> None:
    """UserError unless every file is as it was listed."""
    changed = next((name for name, known in files.items() if _known(folder / name) != known), None)
    if changed is not None:
        raise UserError(
            f"{shorten(changed)} was changed or taken away while the export was checked; nothing was put in place. Export again.",
            f"核对期间 {shorten(changed)} 被改动或移走；没有写入任何结果。请重新导出。",
        )


def foreign(place: Path, own: bool = False) -> str:
    """The first file in `place` that no export wrote, or that was changed since; "" where all may be replaced. `own`: it is a run's own
    place, where exports of earlier releases lie that did not list their files."""
    if not place.is_dir():
        return place.name
    told = read_json(place / PARITY)
    files = told.get("files") if isinstance(told, dict) else None
    if own and isinstance(told, dict) and files is None and "to" in told:
        return ""
    known = files if isinstance(files, dict) else None
    return next((name for name, path in _files(place) if not _written(name, path, known)), "")


def _written(name: str, path: Path, known: Files | None) -> bool:
    if path.name in CLUTTER or (name == PARITY and known is not None):
        return True
    return known is not None and bool(known.get(name)) and _known(path) == known[name]


def check_place(place: Path, own: bool = False) -> None:
    """UserError where something lies that is not ours to replace."""
    odd = foreign(place, own) if place.exists() else ""
    if not odd:
        return
    if not (place / PARITY).is_file():
        raise UserError(
            f"{shorten(place)} is there already and is no earlier export; name a new folder.",
            f"{shorten(place)} 已存在，且不是之前的导出；请另取一个文件夹名。",
            field="--out",
        )
    raise UserError(
        f"{shorten(place, 200)} holds {shorten(odd)}, which no export wrote, or which was changed since. Move it away, or name a new folder.",
        f"{shorten(place, 200)} 中的 {shorten(odd)} 不是导出写入的，或之后被改动过。请先把它移走，或另取一个文件夹名。",
        field="--out",
    )


@contextlib.contextmanager
def reserved(place: Path, own: bool = False) -> Iterator[None]:
    """Nobody else exports there meanwhile; what was left by those who were killed is swept first. UserError where somebody does. `own`: it
    is a run's own place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with alone(_lock(place)) as mine:
        if not mine:
            raise UserError(
                f"{shorten(place, 200)} is being exported already; wait until that has ended, or name another folder.",
                f"正在导出到 {shorten(place, 200)}；请等它结束，或另取一个文件夹名。",
                field="--out",
            )
        _sweep(place, own)
        yield


def _lock(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def sweep(folder: Path) -> None:
    """What killed exports left in a run's own folder, whichever their target; nothing of those that are at work."""
    names = {found["name"] for path in folder.glob(".*") if (found := LEFT.fullmatch(path.name))}
    for name in names:
        with alone(_lock(folder / name)) as mine:
            if mine:
                _sweep(folder / name, own=True)


def _sweep(place: Path, own: bool) -> None:
    """For who holds the lock. An export that was set aside for one that never came goes back. Where it is a run's own place, names without
    a token are ours, too."""
    for path in sorted(place.parent.glob(".*")):
        found = LEFT.fullmatch(path.name)
        if not found or found["name"] != place.name or not (found["token"] or own):
            continue
        if found["state"] == "old" and not place.exists():
            path.rename(place)
        else:
            shutil.rmtree(path, ignore_errors=True)


def put(part: Path, place: Path) -> None:
    """`part` in place of what lies there, which is kept until the new one is in."""
    aside = part.with_suffix(".old")
    if place.exists():
        place.rename(aside)
    try:
        part.rename(place)
    except OSError:
        if aside.exists():
            aside.rename(place)
        raise
    sync_folder(place.parent)
    shutil.rmtree(aside, ignore_errors=True)
