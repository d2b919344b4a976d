"""Reading and writing that cannot leave half a file or leave the workspace."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from workbench.core.errors import UserError, shorten

NAME = re.compile(r"(?![.\- ])[\w.\- \u3400-\u9fff]{1,64}(?<![. ])")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d) *(\..*)?", re.IGNORECASE)
LONGEST = 230
"""Bytes of a name: systems take 255, and what lies beside it for a moment is called a little longer."""


def safe_name(value: str, what: str = "name") -> str:
    """`value`, in the composed form of its characters, if it may name a file or folder on every system, else UserError."""
    value = unicodedata.normalize("NFC", value)
    plain = unicodedata.normalize("NFKC", value)  # “COM¹” is a device, too
    if not NAME.fullmatch(value) or RESERVED.fullmatch(plain) or ".." in plain or len(value.encode()) > LONGEST:
        raise UserError(
            f"“{shorten(value)}” cannot be used as a {what}: use 1–64 letters, digits, spaces, “-”, “_” or “.”, "
            "not starting with a dot, a hyphen or a space.",
            f"“{shorten(value)}”不能用作名称：请使用 1–64 个汉字、字母、数字、空格、“-”、“_”或“.”，且不以点、连字符或空格开头。",
            field=what,
        )
    return value


def inside(root: Path, *parts: str) -> Path:
    """The one guard for paths: `root/parts` resolved, refused when it leaves `root` (`..`, links, absolute parts)."""
    base = root.resolve()
    try:
        target = base.joinpath(*parts).resolve()
        if (
            target.resolve() != target
        ):  # behind a link that leads to itself, “..” and what follows were taken as they stand
            target = base.parent
    except (OSError, ValueError, RuntimeError):
        target = base.parent
    if target != base and base not in target.parents:
        named = "/".join(parts)
        raise UserError(
            f"“{shorten(named)}” points outside the workspace; name something inside it.",
            f"“{shorten(named)}”指向工作区之外；请使用工作区内的名称。",
        )
    return target


def there(path: Path) -> bool:
    """Whether a path is there and may be looked at: what somebody else locked away is not."""
    try:
        return path.exists()
    except OSError:
        return False


def entries(root: Path, mark: str) -> list[Path]:
    """The folders of `root` that hold a file called `mark`. Hidden ones are none, and neither are links: what a link leads to may lie
    outside the workspace, where nothing is read and nothing written."""
    folders = root.iterdir() if root.is_dir() else ()
    return [path for path in folders if not path.name.startswith(".") and there(path / mark) and not path.is_symlink()]


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A folder that cannot be written to is one sentence, not a traceback."""
    try:
        yield
    except OSError as error:
        where, reason = Path(error.filename or folder), error.strerror or type(error).__name__
        named = where.relative_to(folder) if where.is_relative_to(folder) and where != folder else where.name
        raise UserError(
            f"{folder} cannot be written to ({named}: {reason}). Give this user the right to write there, or make room, and try again.",
            f"无法写入 {folder}（{named}：{reason}）。请为当前用户开放写入权限或腾出空间后重试。",
        ) from error


@contextlib.contextmanager
def atomic(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a neighbour file and put it in place of `path` only when the block ended well and the bytes are on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    encoding = None if "b" in mode else "utf-8"
    try:
        with os.fdopen(handle, mode, encoding=encoding) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut (a no-op where folders cannot be opened)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic(path) as stream:
        stream.write(text)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """The JSON in `path`, or None where there is no readable one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def sha256(path: Path) -> str:
    """Hex digest of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()
