"""Every word the page shows, by key, from assets/locales/ui.yaml (one file, both languages side by side)."""

from __future__ import annotations

from functools import cache

from workbench import ASSETS
from workbench.core import yamls
from workbench.core.plural import agreed
from workbench.core.text import Lang, Text


@cache
def catalogue() -> dict[str, Text]:
    """All entries: key → Text."""
    raw = yamls.read(ASSETS / "locales" / "ui.yaml")
    return {key: Text(entry["en"], entry["zh"]) for key, entry in raw.items()}


class Words:
    """The words of one language: `words("start")`, or `words("rows", n=3)` to fill in values."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang

    def __call__(self, key: str, **values: object) -> str:
        text = catalogue()[key].say(self.lang)
        if not values:
            return text
        filled = text.format(**values)
        return filled if self.lang == "zh" else agreed(filled)

    def say(self, text: Text) -> str:
        """A Text in this language."""
        return text.say(self.lang)

    def pick(self, both: object) -> str:
        """The right side of an {"en", "zh"} mapping, as events and reports carry them."""
        said = str(both.get(self.lang) or both.get("en") or "") if isinstance(both, dict) else str(both or "")
        return said if self.lang == "zh" else agreed(said)
