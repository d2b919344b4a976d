"""Where models are fetched from: the Hub, a mirror of it, or ModelScope. HF_ENDPOINT says it; a choice made on the Model
page is kept in the workspace and stands where the environment says nothing."""

from __future__ import annotations

import os

from workbench.core.files import read_json, write_json
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.models import hub

SETTING = "HF_ENDPOINT"
HUGGING_FACE = hub.PUBLIC
CHOICES = (
    (HUGGING_FACE, Text("Hugging Face", "Hugging Face")),
    ("https://hf-mirror.com", Text("hf-mirror.com (mirror in China)", "hf-mirror.com（国内镜像）")),
    ("https://modelscope.cn", Text("ModelScope", "魔搭 ModelScope")),
)


def current() -> str:
    """The address that is asked now."""
    return hub.endpoint()


def choose(workspace: Workspace, address: str) -> None:
    """Ask there from now on, in this process, in those it starts, and at the next start; UserError for no address."""
    checked = hub.checked((address or "").strip())
    kept = read_json(workspace.root / "settings.json")
    write_json(workspace.root / "settings.json", {**(kept if isinstance(kept, dict) else {}), SETTING: checked})
    os.environ[SETTING] = checked


def apply(workspace: Workspace) -> None:
    """Take over what was chosen before, unless the environment says something."""
    kept = read_json(workspace.root / "settings.json")
    if isinstance(kept, dict) and isinstance(kept.get(SETTING), str) and not os.environ.get(SETTING):
        os.environ[SETTING] = kept[SETTING]
