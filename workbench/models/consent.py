"""Code that comes with a model: what of it could run, what it looks like, and the owner's consent, tied to the digest of every file.

Nothing here runs or imports that code. A consent holds names and digests of what was shown; it covers a folder whose own files are all
among them, so that one changed byte, or one file more, asks again. Looking through the code informs; only the refusal protects.
What it does not know: whether the code is good.
"""

from __future__ import annotations

import ast
import hashlib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from workbench.core.errors import UserError, shorten
from workbench.core.files import read_json, sha256, write_json
from workbench.core.workspace import Workspace

FILE, FIELD = "consents.json", "model.id"
CONFIGS = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
RUNS = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib")
TELLING = {
    "os", "sys", "subprocess", "socket", "shutil", "pathlib", "ctypes", "importlib", "pickle", "marshal", "urllib", "requests", "httpx",
    "http", "multiprocessing", "threading", "tempfile", "builtins", "base64", "huggingface_hub",
}  # fmt: skip
CALLS = {"eval", "exec", "compile", "open", "__import__", "getattr", "setattr"}
LONGEST = 200_000
_PLACE: dict[str, Workspace] = {}
"""The workspace whose consents count in this process: the one that a model was last looked up in."""


@dataclass(frozen=True)
class Code:
    """What a model folder would have run. `entries`: what its settings name; `files`: name → sha256."""

    entries: tuple[str, ...]
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Of all files together."""
        return hashlib.sha256(json.dumps(sorted(self.files.items())).encode()).hexdigest()

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Entries that name a repository of their own: what lies there was not shown."""
        return tuple(entry for entry in self.entries if "--" in entry or "/" in entry)


def code_of(folder: Path) -> Code | None:
    """The code a model folder asks for; None where it asks for none."""
    entries = tuple(sorted({entry for name in CONFIGS for entry in _named(read_json(folder / name))}))
    if not entries:
        return None
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in RUNS and path.is_file()]
    return Code(entries, {path.relative_to(folder).as_posix(): sha256(path) for path in paths})


def _named(value: Any) -> Iterator[str]:
    """Every text below any key called auto_map."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item) if key == "auto_map" else _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def findings(folder: Path, code: Code) -> list[str]:
    """What one would look at first: "file:line what"."""
    return [f"{name}:{line} {what}" for name in code.files for line, what in _telling(folder / name)]


def _telling(path: Path) -> Iterator[tuple[int, str]]:
    if path.suffix != ".py":
        yield 0, "no source code"
        return
    try:
        text = path.read_text(encoding="utf-8")
        yield from _hidden(text)
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield 0, "cannot be parsed"
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
            yield from ((node.lineno, f"import {name}") for name in names if name.partition(".")[0] in TELLING)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield node.lineno, f"{node.func.id}(…)"


def _hidden(text: str) -> Iterator[tuple[int, str]]:
    """What keeps a reader from seeing what runs (Boucher and Anderson, 2021, arXiv:2111.00169)."""
    if len(text) > LONGEST:
        yield 0, f"longer than {LONGEST:,} characters, shown in part"
    for line, words in enumerate(text.splitlines(), 1):
        if any(unicodedata.category(char) == "Cf" for char in words):
            yield line, "invisible or direction-changing characters"


def texts(folder: Path, code: Code) -> dict[str, str]:
    """The code itself, to be read."""
    return {
        name: (folder / name).read_text(encoding="utf-8", errors="replace")[:LONGEST]
        for name in code.files
        if name.endswith(".py")
    }


def given(workspace: Workspace, code: Code) -> bool:
    """Whether the owner agreed to every one of these files."""
    return bool(code.files) and any(_covers(each, code) for each in _kept(workspace))


def _covers(consent: dict[str, Any], code: Code) -> bool:
    files = consent.get("files")
    return isinstance(files, dict) and code.files.items() <= files.items()


def _kept(workspace: Workspace) -> list[dict[str, Any]]:
    found = read_json(workspace.root / FILE)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def look_in(workspace: Workspace) -> None:
    """From now on this workspace's consents count in this process."""
    _PLACE["workspace"] = workspace


def check(workspace: Workspace, folder: Path) -> None:
    """UserError for a folder whose code the owner has not agreed to."""
    look_in(workspace)
    code = code_of(folder)
    if code is not None and not given(workspace, _own(folder, code)):
        raise _error(
            f"{folder.name} needs Python code that comes with the model (auto_map: {shorten(code.entries[0])}); it is not run unless you agree. Read it and "
            f"agree on the Model page, on the machine itself, or by `models consent`; or choose a model that transformers knows.",
            f"{folder.name} 需要运行随模型附带的 Python 代码（auto_map：{shorten(code.entries[0])}）；未经你同意不会运行。请在本机的“模型”页阅读并同意，"
            f"或使用 `models consent` 命令；也可以改选 transformers 自带的模型。",
        )


def _own(folder: Path, code: Code) -> Code:
    """Itself; UserError where it names code that lies elsewhere: that could change after it was read."""
    if code.elsewhere:
        raise _error(
            f"{folder.name} wants code from another place ({shorten(code.elsewhere[0])}); such code is never run here. Choose another model.",
            f"{folder.name} 要运行其他位置的代码（{shorten(code.elsewhere[0])}）；这里从不运行这类代码。请改选其他模型。",
        )
    return code


def allowed(folder: Path) -> bool:
    """What loading.py asks right before it loads: whether code in this folder may run."""
    code, workspace = code_of(folder), _PLACE.get("workspace")
    return code is not None and workspace is not None and given(workspace, _own(folder, code))


def give(workspace: Workspace, folder: Path, digest: str, local: bool) -> Code:
    """Write down that these files may run. `local`: whether it is the owner at the machine itself who asks. UserError where it is not, or
    where the files are no longer those that `digest` was shown for."""
    if not local:
        raise _error("Only the owner, at the machine itself, can let code run.", "只有所有者在本机上才能允许运行代码。")
    code = code_of(folder)
    if code is None or not code.files:
        raise _error(f"{folder.name} brings no code, so there is nothing to agree to.", f"{folder.name} 没有附带代码，无须同意。")  # fmt: skip
    if _own(folder, code).digest != digest:
        raise _error(
            f"The code of {folder.name} is not what was shown: its digest is {code.digest[:16]}… Read it again.",
            f"{folder.name} 的代码与之前显示的不同：现在的摘要是 {code.digest[:16]}… 请重新阅读。",
        )
    made = {"digest": digest, "model": folder.name, "when": datetime.now(timezone.utc).isoformat(timespec="seconds"), "files": code.files}  # fmt: skip
    with workspace.lock("consents"):
        others = [each for each in _kept(workspace) if each.get("digest") != digest]
        write_json(workspace.root / FILE, [*others, made])
    return code


def withdraw(workspace: Workspace, folder: Path) -> bool:
    """Forget every consent that covers this folder; whether there was one."""
    code = code_of(folder)
    with workspace.lock("consents"):
        kept = _kept(workspace)
        left = [each for each in kept if code is None or not _covers(each, code)]
        if len(left) != len(kept):
            write_json(workspace.root / FILE, left)
    return len(left) != len(kept)


def _error(en: str, zh: str) -> UserError:
    return UserError(f"Model: {en}", f"模型：{zh}", field=FIELD)
