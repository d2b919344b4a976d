"""Models to choose from: the curated catalogue, what lies on this machine, and a search on the Hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import ASSETS
from workbench.core import yamls
from workbench.core.errors import UserError
from workbench.core.family import family
from workbench.core.files import read_json
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.models import hub, modelscope
from workbench.models.facts import facts, read_config

CATALOGUE = ASSETS / "catalogue.yaml"
FOUND = 40
"""Models a search brings at most."""
LORA_GB, FULL_GB, QLORA_GB = 2.4, 17.0, 0.85
"""GB per billion parameters: bf16 weights and a little; fp32 master weights, gradients and AdamW; 4 bits and a little."""
BASE_GB = 1.2
"""What a run takes beside the model, with short rows and small batches."""


NO_NOTE = Text("", "")


@dataclass(frozen=True)
class Entry:
    """A model as it is listed; what is not known is empty."""

    id: str
    kind: str = ""
    millions: int = 0
    languages: tuple[str, ...] = ()
    licence: str = ""
    context: int = 0
    gated: bool = False
    note: Text = NO_NOTE

    def needs(self) -> str:
        """GB of memory to train it: QLoRA · LoRA · full."""
        if not self.millions:
            return ""
        billions = self.millions / 1000
        needs = [f"{BASE_GB + billions * rate:.0f}" for rate in (QLORA_GB, LORA_GB, FULL_GB)]
        return " · ".join(needs if self.kind == "decoder" else ["–", *needs[1:]]) + " GB"


def catalogue() -> list[Entry]:
    """The curated list, starters first."""
    rows = yamls.read(CATALOGUE)
    return [Entry(**{**row, "languages": tuple(row["languages"]), "note": Text(**row["note"])}) for row in rows]


def filtered(entries: list[Entry], kind: str = "", language: str = "", most: int = 0) -> list[Entry]:
    """Those of a kind, for a language, of at most so many millions of parameters; what is unknown stays."""
    return [
        entry
        for entry in entries
        if (not kind or not entry.kind or entry.kind == kind)
        and (not language or not entry.languages or language in entry.languages)
        and (not most or not entry.millions or entry.millions <= most)
    ]


def inventory(workspace: Workspace) -> list[Entry]:
    """Models on this machine: downloaded into the workspace, and whole ones in the Hub's own cache."""
    found: dict[str, Entry] = {}
    for name, folder in [*_downloaded(workspace), *_cached()]:
        try:
            known = facts(folder)
            kind = family(read_config(folder))
        except (UserError, OSError, ValueError, KeyError):  # a broken folder is no reason to show none
            continue
        found.setdefault(name, Entry(name, kind, round(known.parameters / 1e6), context=known.context_length or 0))
    return list(found.values())


def _downloaded(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    for folder in sorted(workspace.models.glob("*--*")) if workspace.models.is_dir() else []:
        if (folder / ".downloaded.json").is_file():
            yield folder.name.replace("--", "/", 1), folder


def _cached() -> Iterator[tuple[str, Path]]:
    """The newest snapshot of each model in HF_HOME's cache that has safetensors."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    for repo in sorted((home / "hub").glob("models--*")):
        shots = sorted((repo / "snapshots").glob("*"), key=lambda path: path.stat().st_mtime)
        if shots and list(shots[-1].glob("*.safetensors")) and read_json(shots[-1] / "config.json"):
            yield str(shots[-1]), shots[-1]


def search(text: str, kind: str = "") -> list[Entry]:
    """Models by words: the Hub's most downloaded ones that have safetensors, or ModelScope's; UserError when it cannot be asked."""
    if modelscope.is_at(hub.endpoint()):
        with hub.explained(text):
            return [_entry(model) for model in modelscope.search(hub.endpoint(), text, FOUND, hub.TIMEOUT)]
    from huggingface_hub import HfApi

    tags = {"decoder": "text-generation", "pair": "text2text-generation", "encoder": "fill-mask"}
    with hub.explained(text):
        listed = HfApi(endpoint=hub.endpoint()).list_models(
            search=text, filter=["safetensors", *([tags[kind]] if kind in tags else [])], sort="downloads", limit=FOUND,
            expand=["downloads", "likes", "gated", "safetensors", "pipeline_tag"],
        )  # fmt: skip
        return [_entry(model) for model in listed]


def _entry(model: Any) -> Entry:
    counted = getattr(model, "safetensors", None)
    total = getattr(counted, "total", None) or (counted or {}).get("total", 0) if counted else 0
    note = f"↓ {getattr(model, 'downloads', 0) or 0:,} · ♥ {getattr(model, 'likes', 0) or 0:,}"
    return Entry(
        model.id, "", round((total or 0) / 1e6), gated=bool(getattr(model, "gated", False)), note=Text(note, note)
    )
