"""Presets: commented recipes that ship, each a starting point with a title in both languages (its `about:` part)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workbench import PRESETS
from workbench.core import yamls
from workbench.core.errors import UserError, shorten
from workbench.core.recipe import Recipe, read
from workbench.core.text import Text


@dataclass(frozen=True)
class Preset:
    """One file of presets/."""

    path: Path

    @property
    def kind(self) -> str:
        """The name used on the command line."""
        return self.path.stem

    @property
    def about(self) -> dict[str, Any]:
        """title {en, zh}, text {en, zh}, sample (shown on the first page), order."""
        return _about(self.path, self.path.stat().st_mtime_ns)

    @property
    def label(self) -> Text:
        """The title."""
        return Text(**self.about["title"])

    @property
    def help(self) -> Text:
        """One sentence on what it does."""
        return Text(**self.about["text"])

    @property
    def recipe(self) -> Recipe:
        """The checked recipe."""
        return read(self.path)


@cache
def _about(path: Path, changed: int) -> dict[str, Any]:
    return dict(yamls.read(path).get("about", {}))


def all_presets() -> list[Preset]:
    """Every preset, in the order of the first page."""
    found = [Preset(path) for path in PRESETS.glob("*.yaml")]
    return sorted(found, key=lambda preset: (preset.about.get("order", 50), preset.kind))


def find(name: str) -> Recipe:
    """The recipe of a preset by name, or of a YAML file by path."""
    for preset in all_presets():
        if preset.kind == name:
            return preset.recipe
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        return read(path)
    names = ", ".join(preset.kind for preset in all_presets())
    raise UserError(
        f"There is no preset “{shorten(name)}”; choose one of {names}, or give the path of a recipe.yaml.",
        f"没有名为“{shorten(name)}”的预设；可选：{names}，或给出一个 recipe.yaml 的路径。",
    )
