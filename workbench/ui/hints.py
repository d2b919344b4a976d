"""What assets/hints.js shows: what a word means when one rests on it, and the tour of the first visit."""

from __future__ import annotations

from functools import cache
from typing import Any

from workbench import ASSETS
from workbench.core import yamls
from workbench.core.text import Lang
from workbench.ui.notices import esc, tag
from workbench.ui.words import Words

TOUR = (
    ("#sample-row-first", "learn", "tour_samples"), ("#road", "learn", "tour_road"), ("#rail [data-go=data]", "data", "tour_data"),
    ("#rail [data-go=train]", "train", "tour_train"), ("#rail [data-go=runs]", "runs", "tour_runs"),
    ("#rail [data-go=evaluate]", "evaluate", "tour_evaluate"), ("#rail [data-go=chat]", "chat", "tour_chat"),
    ("#jobs", "learn", "tour_jobs"),
)  # fmt: skip
"""Where the finger points, on which page, and what is said (assets/locales/ui.yaml)."""


EVERYDAY = ("run", "model", "step", "queue")
"""Terms that are everyday words, too: listed, but not marked in sentences."""


@cache
def glossary() -> dict[str, dict[str, Any]]:
    """Term → its Chinese word and what it means in both languages."""
    return dict(yamls.read(ASSETS / "locales" / "glossary.yaml"))


def told(lang: Lang) -> dict[str, Any]:
    """Everything in one language: terms, the longest first; the stops of the tour; the words of its buttons."""
    words = Words(lang)
    terms = [_term(name, entry, lang) for name, entry in glossary().items() if name not in EVERYDAY]
    return {
        "terms": sorted(terms, key=lambda each: -len(each["word"])),
        "tour": [{"at": at, "page": page, "text": words(key)} for at, page, key in TOUR],
        "words": {name: words(f"tour_{name}") for name in ("offer", "start", "no", "next", "back", "end", "name")},
    }


def _term(name: str, entry: dict[str, Any], lang: Lang) -> dict[str, str]:
    word, other = (entry["zh"].split("（")[0], name) if lang == "zh" else (name, entry["zh"])
    return {"word": word, "other": other, "what": entry["what"][lang]}


def listed(lang: Lang) -> str:
    """The glossary as a list, in the order of the file: what is there to be hovered over can be read, too."""
    rows = "".join(
        f"<dt>{esc(term['word'])} <small>{esc(term['other'])}</small></dt><dd>{esc(term['what'])}</dd>"
        for term in (_term(name, entry, lang) for name, entry in glossary().items())
    )
    return tag("dl", rows, class_="glossary")
