"""A sentence in both languages of the workbench, kept together so that neither can be forgotten."""

from __future__ import annotations

import locale
import os
from typing import Literal, NamedTuple

from workbench.core.plural import agreed

Lang = Literal["en", "zh"]
LANGS: tuple[Lang, ...] = ("en", "zh")


class Text(NamedTuple):
    """English and Chinese of one label, help or message."""

    en: str
    zh: str

    def say(self, lang: Lang) -> str:
        """The sentence in `lang`."""
        return self.zh if lang == "zh" else agreed(self.en)

    def fill(self, **values: object) -> Text:
        """Both languages with `{name}` placeholders filled in."""
        return Text(agreed(self.en.format(**values)), self.zh.format(**values))


def terminal_lang() -> Lang:
    """The language of the terminal: WORKBENCH_LANG, else the locale."""
    named = os.environ.get("WORKBENCH_LANG") or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    if not named:
        named = locale.getlocale()[0] or ""
    return "zh" if named.lower().startswith(("zh", "chinese")) else "en"
