"""Spellings of one label: case, width, spaces, simplified and traditional characters (OpenRefine's key collision, for CJK too)."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from workbench.core.text import Text
from workbench.data.step import CLEANING, Outcome, Row, Step, StepSection, View
from workbench.data.values import as_text


class MergeVariantsSection(StepSection):
    """No knobs of its own."""

    kind: str = "merge_variants"


@CLEANING.add
class MergeVariants(Step):
    """One spelling for one label."""

    kind = "merge_variants"
    order = 21
    label = Text("Merge label variants", "合并标签变体")
    help = Text(
        "Positive and positive, full-width letters, a word in traditional and in simplified characters: all become the spelling that is most frequent.",
        "把 Positive、positive、ｐｏｓｉｔｉｖｅ，或 積極、积极 统一成最常见的写法。",
    )
    section = MergeVariantsSection

    def apply(self, rows: Sequence[Row], section: Any, view: View) -> Outcome:
        """Symbols stay: C, C++ and C# are three labels."""
        label = view.column("label")
        counts = Counter(as_text(row.get(label)) for row in rows)
        spelt: dict[str, list[str]] = defaultdict(list)
        for name in counts:
            spelt[key(name)].append(name)
        best = {name: max(names, key=lambda each: counts[each]).strip() for names in spelt.values() for name in names}

        def merged(row: Row) -> Row | Text:
            old = as_text(row.get(label))
            return {**row, label: best[old]} if old.strip() and best[old] != old else row

        return Outcome([merged(row) for row in rows])


def key(name: str) -> str:
    """What all spellings of a label have in common."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(str(_simplifier().convert(folded)).split())


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    """Reading its dictionaries takes longer than a thousand labels."""
    import opencc

    return opencc.OpenCC("t2s")
