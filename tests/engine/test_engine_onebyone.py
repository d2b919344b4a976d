"""Whether a row is answered alone as in a batch: told on the card where it is not."""

from __future__ import annotations

from typing import Any

import pytest
from fabricated import CLASSES, ROWS, right, run, said

from workbench.core.workspace import Workspace
from workbench.engine import cardpage
from workbench.engine.onebyone import check
from workbench.ui.draft import Draft
from workbench.ui.feed import Feed
from workbench.ui.page import Page
from workbench.ui.reportcard import _banners
from workbench.ui.words import Words


def other(answers: list[str], count: int) -> list[str]:
    return ["ba"["ab".index(each)] if place < count else each for place, each in enumerate(answers)]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_other_answers_are_counted(count: int) -> None:
    answers = right(0.5)
    found = check(CLASSES, ROWS, said(answers), lambda few: said(other(answers, count)[: len(few)]))
    assert found == {"rows": 50, "flipped": count}


@pytest.mark.parametrize(("flipped", "warned"), [(0, False), (1, False), (2, True)])
def test_the_card_says_so_when_more_than_one_is(workspace: Workspace, flipped: int, warned: bool) -> None:
    made = run(workspace, right(0.4), right(0.9))
    report: dict[str, Any] = {**(made.report or {}), "alone": {"rows": 50, "flipped": flipped}}
    for lang, word in (("en", "one at a time"), ("zh", "逐条询问")):
        page = Page(Words(lang), workspace, Feed(), Draft(workspace))  # type: ignore[arg-type]
        assert (word in _banners(page, report)) is warned
        assert (("otherwise alone" if lang == "en" else word) in cardpage._warnings(report, lang)) is warned  # type: ignore[arg-type]
