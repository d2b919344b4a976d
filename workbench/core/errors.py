"""The one error a person may see: what, where, the value, what was expected, what to do next, in both languages."""

from __future__ import annotations

from workbench.core.text import Lang, Text

NETWORK, DISK = "network", "disk"
"""Causes that a UserError may name, so that a program need not read the sentence: no answer from outside; no room to write."""


class UserError(Exception):
    """Something a person can mend. `field` is the dotted recipe path or form field it belongs to, if any;
    `cause` is for programs, where there is more to say.

    The command line prints it and exits with 2; the page shows it beside the field. Never a traceback.
    """

    def __init__(self, en: str, zh: str, field: str | None = None, cause: str = "") -> None:
        super().__init__(en)
        self.text = Text(en, zh)
        self.field = field
        self.cause = cause

    def say(self, lang: Lang) -> str:
        """The sentence in `lang`."""
        return self.text.say(lang)


class Unusable(Exception):
    """A row that a task cannot learn from, and why; it is left out and counted."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.reason = Text(en, zh)


def shorten(value: object, limit: int = 60) -> str:
    """A value as it may be quoted in a message: one line, printable, not longer than `limit` characters."""
    line = "".join(char if char.isprintable() else "·" for char in str(value))
    return line if len(line) <= limit else line[: limit - 1] + "…"
