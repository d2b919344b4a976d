"""The whole way of the data in a real browser: upload → clean → annotate 20 rows → split → train on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from driving import bring, choose_step, put_in

from workbench.data import library

pytestmark = pytest.mark.slow
TIMING = """() => { window.paints = []; document.querySelector('#board .board').addEventListener('keydown', () => {
  const begin = performance.now(); requestAnimationFrame(() => requestAnimationFrame(() => window.paints.push(performance.now() - begin)));
}, true); }"""
"""From a key to the second frame after it: by then the next row is painted."""


def test_a_name_that_is_taken_is_told_before_saving(visit: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "talks.csv"
    path.write_text(
        "text,label\n" + "".join(f"talk {n},{'a' if n % 2 else 'b'}\n" for n in range(12)), encoding="utf-8"
    )
    page = visit("/en/#data")
    bring(page, path, "talks")
    page.locator("#confirm").wait_for(state="hidden")
    put_in(page, path, "talks")
    page.locator("#dataset-taken", has_text="version 1, 12 rows, the same columns").wait_for()
    page.click("#upload button[aria-label]")
    page.locator("#page-data .card", has_text="talks").first.wait_for()
    path.write_text("question,answer\n" + "".join(f"why {n},so {n}\n" for n in range(12)), encoding="utf-8")
    page.set_input_files("#upload input[type=file]", str(path))
    page.wait_for_function("document.querySelector('#dataset-name input, #dataset-name textarea')?.value === 'talks-2'")
    page.fill("#dataset-name textarea, #dataset-name input", "talks")
    page.locator("#dataset-taken", has_text="with other columns").wait_for()


def test_from_a_raw_file_to_a_model(visit: Callable[..., Any], workbench: Any, tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    days = [
        f"a {'bright and  happy' if n % 2 else 'dark and  sad'} day {n},{'happy' if n % 2 else 'sad'}"
        for n in range(40)
    ]
    bare = [f"a {'merry and warm' if n % 2 else 'gloomy and cold'} evening {n}," for n in range(24)]
    path.write_text("text,label\n" + "\n".join([*days, days[0], *bare]) + "\n", encoding="utf-8")
    page = visit("/en/#data")
    bring(page, path, "raw", "24 rows have no label")
    choose_step(page, "exact duplicates")
    page.click("#clean-keep")
    page.locator("#clean-said", has_text="65 → 64 rows").wait_for()
    page.click("#history > button")
    page.locator("#history-line label", has_text="Drop exact duplicates: 65 → 64").wait_for()
    page.click("#labelling > button")
    page.fill("#label-who input, #label-who textarea", "Ann")
    page.click("#label-open")
    page.locator("#board .keys button", has_text="sad").wait_for()
    keys = page.locator("#board .keys button[data-label]").all_inner_texts()
    happy = str(next(place for place, text in enumerate(keys, start=1) if "happy" in text))
    sad = "2" if happy == "1" else "1"
    page.evaluate(TIMING)
    for number in range(20):
        page.locator("#board .part p", has_text=f"evening {number}").wait_for()
        page.keyboard.press(happy if number % 2 else sad)
    page.locator("#board .count", has_text="20 / 64").wait_for()
    page.locator("#history-line label", has_text="Labels by hand: 20 · Ann").wait_for()
    times = sorted(page.evaluate("window.paints"))
    print(f"key to next row painted, 20 keys: median {times[10]:.0f} ms, 95 % {times[18]:.0f} ms")
    page.click("#splitting > button")
    page.click("#split-go")
    page.locator("#split-said .note.good", has_text="16 rows held out").wait_for()
    made = library.find(workbench.workspace, "raw")
    assert [step["kind"] for step in made.meta["steps"]] == ["import", "exact_duplicates", "annotate", "split"]
    assert (made.meta["rows"], made.meta["steps"][2]["who"]) == (64, {"Ann": 20})
    page.click("#use-dataset")
    page.locator("#page-model h1").wait_for(state="visible")
    page.locator("#use-model").click()
    page.locator("#page-train h1").wait_for(state="visible")
    page.locator("#page-train dl.facts", has_text="raw").wait_for()
    page.click("#start")
    page.locator("#page-runs h1").wait_for(state="visible")
    run = workbench.wait_end()
    assert run.status == "finished", (run.folder / "worker.log").read_text()[-2000:]
    assert (run.recipe.data.dataset, run.recipe.data.version) == ("raw", made.version)
