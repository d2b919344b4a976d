"""One row is a row."""

from __future__ import annotations

import pytest

from workbench.core.errors import UserError
from workbench.core.plural import NOUNS, agreed
from workbench.core.text import Text
from workbench.ui.words import Words, catalogue

SENTENCES = {
    "1 held-out rows": "1 held-out row",
    "Only 1 rows to train on": "Only 1 row to train on",
    "1 rows are cut.": "1 row is cut.",
    "1 of 20 held-out rows are also trained on": "1 of 20 held-out rows is also trained on",
    "another line of 1 entries": "another line of 1 entry",
    "a conversation with 1 answers": "a conversation with 1 answer",
    "Saved x, version 1: 1 rows.": "Saved x, version 1: 1 row.",
    "1 rows, 1 columns": "1 row, 1 column",
}
KEPT = [
    "21 rows",
    "1,001 rows",
    "0.1 points",
    "2 rows",
    "1–1 rows",
    "version 1: 5 rows",
    "F1 values",
    "row 1 has 3 words",
    "1 bright lamps",
]


@pytest.mark.parametrize("many", SENTENCES)
def test_one_is_said_in_the_singular(many: str) -> None:
    assert agreed(many) == SENTENCES[many]


@pytest.mark.parametrize("said", KEPT)
def test_what_is_not_one_stays(said: str) -> None:
    assert agreed(said) == said


def test_whatever_is_shown_goes_through_it() -> None:
    assert Text("1 rows left out", "略去 1 行").say("en") == "1 row left out"
    assert Text("{n} rows", "{n} 行").fill(n=1).en == "1 row"
    assert UserError("There are 1 files in it", "其中有 1 个文件").say("en") == "There is 1 file in it"
    assert Words("en")("split_done", name="a", version=2, n=1, rest=1).endswith("1 row held out, 1 to train on.")
    assert Words("en").pick({"en": "on 1 held-out rows", "zh": ""}) == "on 1 held-out row"


OTHERS = {"is", "as", "has"}


def test_every_count_of_the_page_is_known() -> None:
    """A noun in the plural right behind a number that is filled in is one of those that are known."""
    import re

    counted = re.compile(r"\{\w*(?:n|rows|steps|count|columns|trials|of|all|done)\} (?:[a-z-]+ )?([a-z]+s)\b")
    found = {noun for text in catalogue().values() for noun in counted.findall(text.en)}
    assert found - set(NOUNS) - OTHERS == set()
