"""English sentences are written for many ("{n} held-out rows are"); said of one, noun and verb follow: "1 held-out row is". Chinese has no
such forms."""

from __future__ import annotations

import re

NOUNS = (
    "answers", "changes", "characters", "checkpoints", "columns", "conversations", "copies", "days", "duplicates", "entries", "epochs", "errors",
    "examples", "files", "hours", "labels", "labs", "lines", "messages", "minutes", "models", "pairs", "people", "places", "points", "prompts",
    "questions", "rows", "runs", "seconds", "seeds", "sentences", "shards", "steps", "tags", "texts", "tokens", "trials", "values", "versions",
    "votes", "words",
)  # fmt: skip
"""What is counted on the page."""
IRREGULAR = {"copies": "copy", "entries": "entry", "people": "person"}
VERBS = {
    "are": "is", "were": "was", "have": "has", "differ": "differs", "repeat": "repeats", "hold": "holds", "stand": "stands", "wait": "waits",
    "take": "takes", "go": "goes", "remain": "remains", "fit": "fits", "show": "shows",
}  # fmt: skip
_ONE = re.compile(rf"(?<![\w.,–-])1 ((?:[a-z-]+ ){{0,2}}?)({'|'.join(NOUNS)})\b( (?:{'|'.join(VERBS)})\b)?")
_ONE_OF = re.compile(rf"((?<![\w.,–-])1 of [\d,]+ (?:[a-z-]+ ){{0,2}}?(?:{'|'.join(NOUNS)}))( (?:{'|'.join(VERBS)})\b)")
_THERE = re.compile(r"\b([Tt]here) are 1 ")


def agreed(sentence: str) -> str:
    """The sentence with what stands behind a lone 1 in the singular."""
    if "1 " not in sentence:
        return sentence
    said = _ONE.sub(_singular, sentence)
    said = _ONE_OF.sub(lambda found: found[1] + _verb(found[2]), said)
    return _THERE.sub(r"\1 is 1 ", said)


def _singular(found: re.Match[str]) -> str:
    noun = IRREGULAR.get(found[2], found[2][:-1])
    return f"1 {found[1]}{noun}{_verb(found[3] or '')}"


def _verb(said: str) -> str:
    return f" {VERBS[said.strip()]}" if said else ""
