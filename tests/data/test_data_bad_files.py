"""Whatever a person brings gets one of three verdicts: taken, taken with counted rows left out, refused. Never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from badfiles import CASES, Case

from workbench.core.errors import UserError
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.data import clean, understand
from workbench.data.intake import import_file

LATER = {76, 77}
"""Too long for the model, empty after cleaning: these show after the import, below."""


def test_every_case_of_the_list_is_here() -> None:
    assert {case.number for case in CASES} | LATER >= set(range(1, 79))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_file_gets_its_verdict(case: Case, workspace: Workspace, tmp_path: Path) -> None:
    home = tmp_path / "files"
    home.mkdir()
    path = case.make(home)
    if case.rows is None:
        with pytest.raises(UserError, match=case.says) as caught:
            import_file(workspace, path, "odd")
        assert path.name in caught.value.text.en
        assert path.name in caught.value.text.zh
        assert not list(workspace.datasets.iterdir())
        return
    made = import_file(workspace, path, "odd")
    assert (made.dataset.meta["rows"], tuple(item.line for item in made.refused)) == (case.rows, case.refused)
    told = [*(item.reason for item in made.refused), *made.warnings]
    assert not case.says or any(case.says in each.en for each in told), [each.en for each in told]
    assert all(isinstance(each, Text) and each.zh and each.en for each in told)
    assert case.holds is None or case.holds in made.dataset.rows(0, 1)[0].values()


def test_76_texts_longer_than_the_context_are_counted() -> None:
    assert understand.cut([5, 2000, 700], 512)["rows"] == 2


def test_77_rows_that_cleaning_empties_are_dropped_with_a_reason(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    path.write_text("text,label\n<br><br>,yes\na fine day,no\n<p>a dull day</p>,yes\n", encoding="utf-8")
    dataset = import_file(workspace, path, "tags").dataset
    made = clean.try_out(dataset, [{"kind": "strip_markup"}])
    assert [row["text"] for row in made.rows] == ["a fine day", "a dull day"]
    assert [each["reason"].en for each in made.effects[0].examples if each["reason"]] == ["nothing is left of its text"]
    with pytest.raises(UserError, match="no row is left"):
        clean.keep(workspace, clean.try_out(dataset, [{"kind": "regex_replace", "pattern": "(?s).+"}]))
