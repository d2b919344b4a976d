"""Which models there are to start from, and where a model that was named is to be found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench import ASSETS
from workbench.core.errors import UserError, shorten
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.models import consent, download
from workbench.models.download import Cancelled, Located
from workbench.models.facts import ModelFacts, check_folder, facts

__all__ = [
    "STARTERS",
    "Cancelled",
    "Located",
    "ModelFacts",
    "Starter",
    "check",
    "check_folder",
    "facts",
    "fetch",
    "locate",
]

PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?"
HUB_ID = re.compile(rf"{PART}/{PART}")
REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,127}")
FOLDER_LIKE = re.compile(r"(/|~|\.{1,2}[/\\]|[A-Za-z]:[/\\]|\\\\)")


@dataclass(frozen=True)
class Starter:
    """A model that comes with the workbench."""

    kind: str
    label: Text
    help: Text
    hub: str = ""
    """Its name on the Hub, where it has one."""

    @property
    def folder(self) -> Path:
        """Where set-up puts it."""
        return ASSETS / "models" / self.kind


STARTERS: tuple[Starter, ...] = (
    Starter(
        "all-MiniLM-L6-v2",
        Text("English encoder, 22.7 M parameters", "英文编码器，2270 万参数"),
        Text(
            "A pretrained English sentence encoder (91 MB, Apache-2.0): good for text classification in English, "
            "cannot chat and hardly knows Chinese.",
            "预训练的英文句子编码器（91 MB，Apache-2.0）：适合英文文本分类；不会聊天，几乎不懂中文。",
        ),
        "sentence-transformers/all-MiniLM-L6-v2",
    ),
    Starter(
        "lumo",
        Text("Tiny bilingual chat model", "小型双语对话模型"),
        Text(
            "A very small English and Chinese language model (12 MB at most, Apache-2.0) made for this workbench: for chat "
            "fine-tuning to learn on, not an assistant.",
            "为本工作台制作的极小中英双语语言模型（不超过 12 MB，Apache-2.0）：用来学习对话微调，不能当助手用。",
        ),
    ),
)


def public(model_id: str) -> tuple[str, bool]:
    """A model by the name that others know it by, and whether the Hub has it under that. Of a folder of this machine the last name alone:
    where it lies is nobody's business, and leads nowhere on another machine."""
    for starter in STARTERS:
        if starter.kind == model_id:
            return starter.hub or model_id, bool(starter.hub)
    if FOLDER_LIKE.match(model_id) or not HUB_ID.fullmatch(model_id) or (Path(model_id) / "config.json").is_file():
        return Path(model_id.replace("\\", "/")).name or "model", False
    return model_id, True


def locate(workspace: Workspace, model_id: str, revision: str = "main") -> Located:
    """Where the model called `model_id` is; `path` is None when it must first be fetched from the Hub."""
    consent.look_in(workspace)
    if model_id != model_id.strip() or not model_id.isprintable() or not model_id:
        raise _unknown(model_id)
    for starter in STARTERS:
        if starter.kind == model_id:
            return Located(model_id, _present(starter), revision)
    folder = _local(workspace, model_id)
    if folder is not None:
        return Located(str(folder), folder, revision)
    if not HUB_ID.fullmatch(model_id) or "--" in model_id or ".." in model_id or model_id.endswith(".git"):
        raise _unknown(model_id)
    _check_revision(revision)
    return Located(model_id, download.downloaded(workspace, model_id, revision), revision)


def fetch(
    workspace: Workspace,
    located: Located,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """The folder of a located model, downloaded first when it has to be; UserError says why it cannot."""
    folder = located.path
    if folder is None:
        folder = download.download(
            workspace, located, progress or (lambda done, total: None), cancelled or (lambda: False)
        )
    check(workspace, folder)
    return folder


def check(workspace: Workspace, folder: Path) -> None:
    """UserError unless the folder holds a model that can be loaded, without code or with code that the owner agreed to."""
    check_folder(folder)
    consent.check(workspace, folder)


def here(workspace: Workspace, model_id: str, revision: str = "main") -> Path:
    """The folder of a model that is on this machine and may be loaded; UserError when it would have to be downloaded first."""
    folder = present(workspace, model_id, revision)
    check(workspace, folder)
    return folder


def present(workspace: Workspace, model_id: str, revision: str = "main") -> Path:
    """The same, before anything in the folder was looked at."""
    located = locate(workspace, model_id, revision)
    if located.path is None:
        raise UserError(
            f"model.id: “{shorten(model_id)}” is not on this machine yet; download it on the Model page first, then try again.",
            f"model.id：“{shorten(model_id)}”还不在本机；请先在“模型”页下载，然后再试。",
            field="model.id",
        )
    return located.path


def _present(starter: Starter) -> Path:
    if not (starter.folder / "config.json").is_file():
        raise UserError(
            f"The starter model {starter.kind} is not here yet: run `python launch.py` again with access to the package "
            "index, or choose another model.",
            f"入门模型 {starter.kind} 尚未就绪：请在能访问软件包索引时再次运行 `python launch.py`，或选择其他模型。",
            field="model.id",
        )
    return starter.folder


def _local(workspace: Workspace, model_id: str) -> Path | None:
    """A folder of this machine. A bare `a/b` means the Hub unless a model really lies there. Runs name the folder they began with: where
    that has moved, a folder of the same name in workspace.models stands in for it."""
    try:
        folder = Path(model_id).expanduser().resolve()
        if folder.is_dir() and (FOLDER_LIKE.match(model_id) or (folder / "config.json").is_file()):
            return folder
    except (OSError, RuntimeError, ValueError):
        return None
    return _moved(workspace, model_id) if FOLDER_LIKE.match(model_id) else None


def _moved(workspace: Workspace, model_id: str) -> Path:
    """Where a folder that is not there any more may have been put; UserError says so, where it was not."""
    name = public(model_id)[0]
    place = workspace.models / (name if name.strip(".~") else "NAME")
    if (place / "config.json").is_file():
        return place.resolve()
    raise _unknown(
        model_id,
        f" There is no such folder. If it was moved, put it, or a link to it, at {shorten(place, 200)}: everything that names the old place finds it there.",
        f"没有这个文件夹。如果它被移动了，请把它（或指向它的链接）放到 {shorten(place, 200)}：凡写着原位置的地方都会在那里找到它。",
    )


def _check_revision(revision: str) -> None:
    if not REVISION.fullmatch(revision) or ".." in revision or "--" in revision:
        raise UserError(
            f"“{shorten(revision)}” is not a revision: give a branch, tag or commit, e.g. main.",
            f"“{shorten(revision)}”不是有效版本：请填写分支、标签或提交，例如 main。",
            field="model.revision",
        )


def _unknown(model_id: str, en: str = "", zh: str = "") -> UserError:
    names = ", ".join(starter.kind for starter in STARTERS)
    return UserError(
        f"“{shorten(model_id)}” is not a model.{en} Give a starter ({names}), owner/name on the Hub, or a folder "
        "that exists, such as ./my-model.",
        f"“{shorten(model_id)}”不是模型。{zh}请填写入门模型（{names}）、Hub 上的 owner/name，或已存在的文件夹，例如 ./my-model。",
        field="model.id",
    )
