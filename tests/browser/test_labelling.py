"""Labelling in a real browser: unlabelled rows come in, twenty are labelled with keys, taken back, saved, and trained on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving import put_in

from workbench.data import library
from workbench.data.labels import Labels

WORDS = ["story", "music", "colours", "voices", "scenes", "jokes", "ending"]
pytestmark = pytest.mark.slow


def stored(workbench: Any, name: str, count: int, who: str = "Ann") -> dict[int, Any]:
    """The labels on disk, as soon as there are so many."""
    for _ in range(100):
        found = Labels(workbench.workspace.dataset_folder(name), 1).of(who)
        if len(found) == count:
            break
        time.sleep(0.1)
    return found


def test_twenty_rows_are_labelled_with_keys(
    visit: Callable[..., Any], workbench: Any, tmp_path: Path, picture: Any
) -> None:
    path = tmp_path / "moods.csv"
    texts = [f"{'a bright and happy' if n % 2 else 'a dark and sad'} day ${{1+{n}}} `{n}` 第{n}天" for n in range(24)]
    path.write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    page = visit("/en/#data")
    put_in(page, path, "moods")
    page.locator("#data-task label", has_text="lassif").first.click()
    page.locator("#role-text").wait_for(state="visible")
    page.locator("#label-later input").check()
    page.click("#save-dataset")
    page.locator("#page-data .note.good", has_text="moods").wait_for()
    page.click("#labelling > button")
    page.fill("#label-who input, #label-who textarea", "Ann")
    page.fill("#label-names input, #label-names textarea", "happy, sad")
    page.click("#label-open")
    page.locator("#board .keys button", has_text="sad").wait_for()
    for number in range(20):
        page.locator("#board .part p", has_text=f"第{number}天").wait_for()
        assert f"${{1+{number}}} `{number}`" in page.locator("#board .part p").inner_text()
        page.keyboard.press("1" if number % 2 else "2")
    page.locator("#board .count", has_text="20 / 24").wait_for()
    picture(page, "board-en")
    page.keyboard.press("Backspace")
    page.locator("#board .count", has_text="19 / 24").wait_for()
    page.keyboard.press("1")
    page.locator("#board .count", has_text="20 / 24").wait_for()
    found = stored(workbench, "moods", 20)
    assert {place: value["label"] for place, value in found.items()} == {
        n: "happy" if n % 2 else "sad" for n in range(20)
    }
    page.click("#label-save")
    page.locator("#label-said .note.good", has_text="version 2").wait_for()
    assert library.find(workbench.workspace, "moods").meta["roles"] == {"text": "text", "label": "label"}


def test_names_are_marked_by_dragging(visit: Callable[..., Any], workbench: Any, tmp_path: Path, picture: Any) -> None:
    path = tmp_path / "places.conll"
    sentences = ["我 O\n在 O\n北 B-LOC\n京 I-LOC\n工 O\n作 O\n", "李 O\n雷 O\n去 O\n上 O\n海 O\n了 O\n"] * 6
    path.write_text("\n".join(sentences), encoding="utf-8")
    page = visit("/zh/#data")
    put_in(page, path, "places")
    page.click("#save-dataset")
    page.locator("#page-data .note.good", has_text="places").wait_for()
    page.click("#labelling > button")
    page.fill("#label-who input, #label-who textarea", "Ann")
    page.fill("#label-names input, #label-names textarea", "PER")
    page.click("#label-open")
    page.locator("#board .pieces .marked").first.wait_for()
    page.keyboard.press("Enter")
    page.locator("#board .pieces span", has_text="雷").wait_for()
    page.keyboard.press("2")
    first, second = (
        page.locator("#board [data-piece='0']").bounding_box(),
        page.locator("#board [data-piece='1']").bounding_box(),
    )
    page.mouse.move(first["x"] + 4, first["y"] + 8)
    page.mouse.down()
    page.mouse.move(second["x"] + 8, second["y"] + 8)
    page.mouse.up()
    assert page.locator("#board .marked").count() == 2
    picture(page, "board-zh")
    page.keyboard.press("Enter")
    found = stored(workbench, "places", 2)
    assert found == {0: {"spans": [[2, 4, "LOC"]]}, 1: {"spans": [[0, 2, "PER"]]}}


def test_rows_are_searched_filtered_and_split(
    visit: Callable[..., Any], workbench: Any, tmp_path: Path, picture: Any
) -> None:
    path = tmp_path / "films.csv"
    lines = [
        f"film {n} <b>${{n}}</b> was {'fine' if n % 3 else 'dull'} in its {WORDS[n % 7]} {WORDS[n * n % 7]},{'good' if n % 3 else 'bad'}"
        for n in range(150)
    ]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    page = visit("/en/#data")
    put_in(page, path, "films")
    page.click("#save-dataset")
    page.locator("#page-data .note.good", has_text="films").wait_for()
    page.click("#rows > button")
    page.locator("#grid td", has_text="film 0 <b>${n}</b>").wait_for()
    assert "1 – 50 / 150" in page.locator("#grid .top").inner_text()
    page.locator("#grid .bars button[aria-label^='label bad']").click()
    page.locator("#grid .top", has_text="/ 50 rows").wait_for()
    picture(page, "rows-en")
    page.fill("#grid input", "film 141")
    page.locator("#grid .top", has_text="1 – 1 / 1").wait_for()
    page.click("#understanding > button")
    page.click("#look-go")
    page.locator("#look-map .js-plotly-plot").wait_for()
    page.locator("#look-cost", has_text="of 150 rows are cut").wait_for()
    page.locator("#look-report").wait_for(state="visible")
    page.wait_for_function(
        "(plot => plot.wbData && plot.wbData === plot.data)(document.querySelector('#look-map .js-plotly-plot'))"
    )  # somebody listens to the points
    page.evaluate(
        "document.querySelector('#look-map .js-plotly-plot').emit('plotly_click', {points: [{customdata: 77}]})"
    )
    page.locator("#grid tr.shown", has_text="film 77 ").wait_for()
    picture(page, "look-en")
    page.click("#splitting > button")
    page.locator("#split-ahead", has_text="16 of 150").wait_for()
    page.fill("#split-share input", "5")
    page.click("#split-go")
    page.locator("#split-said .note.bad", has_text="0.05 for 5 %").wait_for()
    page.fill("#split-share input", "0")
    page.click("#split-go")
    page.locator("#split-said .note.good", has_text="16 rows held out").wait_for()
    page.locator("#page-data .card", has_text="split → split").first.wait_for()
    assert library.find(workbench.workspace, "films").meta["roles"]["split"] == "split"
    page.click("#versions > button")
    page.click("#versions-go")
    page.locator("#versions-said", has_text="v1 → v2").wait_for()
    assert "Every label alike" in page.locator("#versions-said").inner_text()
    picture(page, "versions-en")
