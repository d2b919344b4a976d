"""Words of any script: every Han and kana character one, Latin and all other scripts by runs of letters, marks and digits."""

from __future__ import annotations

import regex

_WORDS = regex.compile(
    r"(?V1)[\p{Han}\p{Hiragana}\p{Katakana}]|[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}]]+"
)
SIGNATURE = "tok:words+cjk-chars|case:lower"


class Words:
    """rouge-score's interface. On ASCII text the same words as its default without stemming."""

    def tokenize(self, text: str) -> list[str]:
        """Lower-case words."""
        return list(_WORDS.findall(text.lower()))
