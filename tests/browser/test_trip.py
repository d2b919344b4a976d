"""The whole trip in a real browser: sample or own file → train → report card → chat; and what survives on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def start(page: Any, workbench: Any) -> Any:
    """Press Start on the Train page and wait until the run's page shows it."""
    before = {path.name for path in workbench.workspace.runs.iterdir()}
    page.click("#start")
    page.locator("#page-runs h1").wait_for(state="visible")
    run = workbench.newest()
    assert run.id not in before
    return run


def field(page: Any, path: str, value: Any) -> None:
    box = page.locator(f"#field-{path} input").first
    box.fill(str(value))
    box.blur()


def choose(page: Any, element: str, text: str) -> None:
    """Choose an entry of a dropdown by its text."""
    page.click(f"#{element} input")
    page.locator("ul[role=listbox] li", has_text=text).first.click()


def test_a_sample_becomes_a_tuned_classifier_with_a_report_card(
    visit: Callable[..., Any], workbench: Any, picture: Any
) -> None:
    page = visit("/en/")
    page.click("#sample-sentiment-en")
    page.locator("#page-train h1").wait_for(state="visible")
    page.locator("#page-train dl.facts", has_text="all-MiniLM-L6-v2").wait_for()
    picture(page, "train-en")
    run = start(page, workbench)
    page.locator("#loss-curve .js-plotly-plot").wait_for(timeout=120_000)
    page.locator("#jobs .pill.running").wait_for()
    picture(page, "runs-en", settle=6000)
    page.click("#rail [data-go=learn]")  # nobody watches: the run has the machine to itself
    assert workbench.wait_end().id == run.id
    assert run.status == "finished", (run.folder / "worker.log").read_text()[-2000:]
    page.click("#rail [data-go=runs]")
    page.click("#see-report")
    page.locator("#page-evaluate .verdict").wait_for()
    report = run.report
    assert report["after"]["accuracy"] > report["baseline"]["tfidf"]["accuracy"]
    assert f"{100 * report['after']['accuracy']:.1f}%" in page.locator("#page-evaluate").inner_text()
    picture(page, "evaluate-en", settle=1500)
    page.click("#talk")
    page.fill("#try-text textarea", "What a wonderful evening, every minute was a joy.")
    page.click("#try-go")
    page.locator("#try-bars .js-plotly-plot").wait_for()
    assert "positive" in page.locator("#page-chat .note").inner_text()


def test_own_file_own_model_and_a_bad_rate_on_the_way(visit: Callable[..., Any], workbench: Any, shared: Path) -> None:
    page = visit("/zh/")
    page.click("#rail [data-go=data]")
    page.set_input_files("#upload input[type=file]", str(shared / "data" / "chnsenticorp_1k_utf8bom_crlf.csv"))
    page.locator("#save-dataset").wait_for(state="visible")
    page.fill("#dataset-name textarea, #dataset-name input", "酒店评价")
    page.click("#save-dataset")
    page.locator("#page-data .note.good", has_text="酒店评价").wait_for()
    page.click("#rail [data-go=model]")
    page.fill("#model-id textarea, #model-id input", "lumo")
    page.locator("#page-model .card", has_text="lumo").wait_for()
    page.click("#use-model")
    page.locator("#page-train h1").wait_for(state="visible")
    field(page, "training-learning_rate", -1)
    page.locator("#field-training-learning_rate", has_text="-1").wait_for()
    assert "学习率" in page.locator("#field-training-learning_rate").inner_text()
    field(page, "training-learning_rate", 0.001)
    field(page, "training-num_train_epochs", 0.3)
    field(page, "data-max_rows", 200)
    run = start(page, workbench)
    assert workbench.wait_end().status == "finished", (run.folder / "worker.log").read_text()[-2000:]
    assert (run.recipe.data.dataset, run.recipe.model.id, run.recipe.data.max_rows) == ("酒店评价", "lumo", 200)


def test_a_persona_answers_beside_the_base_and_a_stop_button_stops(
    visit: Callable[..., Any], workbench: Any, picture: Any
) -> None:
    page = visit("/zh/")
    page.click("#sample-persona")
    page.locator("#page-train dl.facts", has_text="persona").wait_for()
    run = start(page, workbench)
    assert workbench.wait_end().status == "finished", (run.folder / "worker.log").read_text()[-2000:]
    page.locator("#see-report").wait_for(state="visible")
    page.click("#see-report")
    page.locator("#page-evaluate .pairs .side.after").first.wait_for()
    picture(page, "evaluate-zh")
    page.click("#rail [data-go=chat]")  # by the rail, too, one meets the run that has just finished
    page.wait_for_function("id => document.querySelector('#chat-run input').value.includes(id)", arg=run.id)
    page.fill("#chat-text textarea, #chat-text input", "你是谁？")
    page.click("#chat-send")
    for side in ("base", "tuned"):
        page.locator(f"#chat-{side} .bot .tools").first.wait_for()
    base, tuned = (page.locator(f"#chat-{side} .bot .words").last.inner_text().strip() for side in ("base", "tuned"))
    assert base
    assert tuned
    assert base != tuned
    picture(page, "chat-zh")


def test_the_page_may_die_and_the_run_goes_on(visit: Callable[..., Any], workbench: Any) -> None:
    page = visit("/en/")
    page.click("#sample-sentiment-en")
    page.locator("#page-train dl.facts", has_text="all-MiniLM-L6-v2").wait_for()
    field(page, "training-num_train_epochs", 30)
    run = start(page, workbench)
    page.locator("#loss-curve .js-plotly-plot").wait_for(timeout=120_000)
    step = json.loads(run.events_path.read_bytes().splitlines()[-1]).get("step", 0)
    workbench.restart()
    assert run.status == "running"
    fresh = visit("/en/#runs")
    fresh.locator("#page-runs .pill.running").wait_for()
    fresh.locator("#loss-curve .js-plotly-plot").wait_for()
    seen = fresh.wait_for_function("/(\\d+)\\/\\d+/.exec(document.querySelector('#jobs').innerText)?.[1]").json_value()
    assert int(seen) >= int(step)
    fresh.click("#stop-run")
    assert workbench.wait_end(60).status == "stopped"
    fresh.locator("#page-runs .pill.stopped").wait_for()
    assert run.tuned.exists(), "a stopped run keeps what it learned"


def test_the_draft_survives_reload_and_language(visit: Callable[..., Any]) -> None:
    page = visit("/en/#train")
    field(page, "training-num_train_epochs", 7)
    page.locator("#page-train dl.facts", has_text="7").wait_for()
    page.goto(page.url.replace("/en/", "/zh/"))
    page.wait_for_selector("#rail [aria-current=page]")
    page.wait_for_function("document.querySelector('#field-training-num_train_epochs input')?.value === '7'")


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"text,label\n", "header"),
        ("page.jsonl", b"<!DOCTYPE html><html>404</html>", "web page"),
        ("zip.csv", b"PK\x03\x04aaaaaaaaaaaaa", ""),
    ],
)
def test_a_bad_file_is_one_sentence_beside_the_upload(
    visit: Callable[..., Any], workbench: Any, tmp_path: Path, name: str, content: bytes, word: str
) -> None:
    before = sorted(path.name for path in workbench.workspace.datasets.iterdir())
    (tmp_path / name).write_bytes(content)
    page = visit("/en/#data")
    page.set_input_files("#upload input[type=file]", str(tmp_path / name))
    note = page.locator("#page-data .note.bad")
    note.wait_for()
    assert word.lower() in note.inner_text().lower()
    assert "Traceback" not in page.locator("body").inner_text()
    assert sorted(path.name for path in workbench.workspace.datasets.iterdir()) == before


def test_rows_that_look_like_markup_stay_text(visit: Callable[..., Any], tmp_path: Path) -> None:
    payload = (
        "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>${document.title='owned'}"
    )
    rows = [{"text": payload, "label": f"<b>{index % 2}</b>"} for index in range(4)]
    (tmp_path / "markup.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    page = visit("/en/#data")
    page.set_input_files("#upload input[type=file]", str(tmp_path / "markup.jsonl"))
    page.locator("#page-data table.rows").wait_for()
    page.fill("#dataset-name textarea, #dataset-name input", "markup")
    page.click("#save-dataset")
    page.locator("#page-data .note.good").wait_for()
    page.wait_for_timeout(1000)
    assert page.title() != "owned"
    assert page.locator("#page-data table.rows img").count() == 0
