"""What the first rows tell of a column: is it text, a label, labels, a scale, a split."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from workbench.core.errors import shorten
from workbench.data.names import HELD_OUT, IDENTIFIERS, ROLE_OF, TRAIN, normal
from workbench.data.values import as_text

_DECIMAL = re.compile(r"\s*-?\d+(\.\d+)?\s*$")
SCALES = frozenset(
    ("score", "similarity", "similarity_score", "rating", "stars", "grade", "分数", "评分", "得分", "相似度")
)


@dataclass(frozen=True)
class Column:
    """What the first rows tell of a column."""

    name: str
    values: list[Any]

    @property
    def named(self) -> str:
        return ROLE_OF.get(normal(self.name), "")

    @property
    def filled(self) -> list[str]:
        return [text for text in map(as_text, self.values) if text.strip()]

    @property
    def mean(self) -> float:
        return sum(map(len, self.filled)) / max(1, len(self.filled))

    @property
    def identifies(self) -> bool:
        name = normal(self.name)
        return name in IDENTIFIERS or name.endswith("_id")

    @property
    def is_text(self) -> bool:
        """Words: some text is longer than a number, or almost every value is another one."""
        filled = [value for value in self.values if isinstance(value, str) and value.strip()]
        wordy = sum(not value.strip().replace(".", "", 1).lstrip("-").isdigit() for value in filled)
        return not self.identifies and len(filled) * 2 > len(self.values) and wordy * 2 > len(filled)

    @property
    def is_label(self) -> bool:
        """A few short values that come again and again."""
        distinct = {text.strip() for text in self.filled}
        most = max(2, min(100, len(self.filled) // 4))
        short = max(map(len, distinct), default=99) <= 60 and self.mean <= 30
        enough = len(self.filled) * 5 >= len(self.values) * 4 and not self.identifies
        measured = len(distinct) > 20 and all(_DECIMAL.match(text) for text in distinct)
        return enough and short and 2 <= len(distinct) <= most and not measured

    @property
    def may_be_label(self) -> bool:
        """Called a label, that is enough unless the values are long texts, nearly all different."""
        distinct = {text.strip() for text in self.filled}
        long_texts = self.mean > 60 or (len(self.filled) > 30 and len(distinct) * 2 > len(self.filled))
        return bool(self.filled) and not long_texts and all(not isinstance(x, (list, dict)) for x in self.values)

    @property
    def is_lists(self) -> bool:
        """Lists of short texts."""
        filled = [value for value in self.values if value is not None]
        return bool(filled) and all(isinstance(v, list) and all(isinstance(x, str) for x in v) for v in filled)

    @property
    def is_scale(self) -> bool:
        """Called a score, and holding numbers of which some are no whole ones."""
        named = normal(self.name) in SCALES and not self.identifies
        return (
            named
            and bool(self.filled)
            and all(map(_DECIMAL.match, self.filled))
            and any("." in x.rstrip("0").rstrip(".") for x in self.filled)
        )

    @property
    def is_numbers(self) -> bool:
        """Numbers, of which some are no whole ones."""
        return (
            bool(self.filled)
            and all(map(_DECIMAL.match, self.filled))
            and any("." in x.rstrip("0").rstrip(".") for x in self.filled)
        )

    @property
    def is_turns(self) -> bool:
        """Lists of {input, output}, as in self-instruct."""
        filled = [value for value in self.values if value]
        return bool(filled) and all(isinstance(v, list) and isinstance(v[0], dict) and "output" in v[0] for v in filled)

    @property
    def is_split(self) -> bool:
        return all(normal(text) in HELD_OUT | TRAIN for text in self.filled) and bool(self.filled)

    def says(self) -> str:
        """The distinct values, shortened, for a reason."""
        return ", ".join(shorten(text, 20) for text in list(dict.fromkeys(self.filled))[:3])
