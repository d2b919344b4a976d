"""A run is taken away on the Evaluate page: refused where it cannot be, checked, shown line by line, downloaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import exporting
import pytest
from places import ROOT

from workbench.core.events import EventWriter
from workbench.core.run import Run

QUIET = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
pytestmark = [pytest.mark.slow, QUIET]


@pytest.fixture
def run(workbench: Any) -> Run:
    made = exporting.untrained(ROOT / "assets" / "models" / "lumo", workbench.workspace.root)
    (made.folder / "worker.json").write_text('{"pid": 1, "started": 1.0}')
    writer = EventWriter(made.events_path)
    writer.write("finished", seconds=1)
    writer.close()
    return made


def opened(visit: Callable[..., Any], path: str, run: Run) -> Any:
    page = visit(path)
    page.wait_for_function("run => document.querySelector('#report-run input').value === run", arg=run.id)
    page.click("#take > button")
    page.locator("#take-about small").wait_for()
    return page


def chosen(page: Any, name: str) -> None:
    page.locator("#take-kind label", has_text=name).first.click()


def test_a_run_is_taken_away_and_the_check_is_shown(visit: Callable[..., Any], run: Run, picture: Any) -> None:
    page = opened(visit, "/en/#evaluate", run)
    chosen(page, "Merged model")
    page.locator("#field-take-merged-dtype").wait_for()
    page.locator("#take-about small", has_text="MB").wait_for()
    page.click("#take-go")
    page.locator("#take-said .bar").wait_for()
    page.locator("#take-said .note.good", has_text="equal").wait_for(timeout=240_000)
    table = page.locator("#take-said table").inner_text()
    assert "Largest difference of logits" in table
    assert "✗" not in table
    assert "Tied embeddings" in table
    assert page.locator("#take-stop").is_hidden()
    picture(page, "take-en")
    with page.expect_download() as caught:
        page.locator("#take-file a").first.click()
    assert Path(caught.value.suggested_filename).suffix == ".zip"
    assert page.locator("#take-before", has_text="Merged model").is_visible()
    chosen(page, "Plain script")
    page.locator("#take-about", has_text="Transformers and PEFT").wait_for()


def test_an_export_is_cancelled_and_what_cannot_be_is_said(visit: Callable[..., Any], run: Run, picture: Any) -> None:
    page = opened(visit, "/zh/#evaluate", run)
    chosen(page, "合并后的模型")
    page.click("#take-go")
    page.locator("#take-stop").wait_for()
    page.click("#take-stop")
    page.locator("#take-said .note.bad", has_text="已取消").wait_for(timeout=60_000)
    assert not list((run.folder / "exports").glob("*"))
    chosen(page, "脚本")
    page.locator("#take-about", has_text="随处运行").wait_for()
    picture(page, "take-zh")
