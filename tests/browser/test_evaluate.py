"""The Evaluate page in a real browser: the card and its rows, results side by side, a blind vote by key, a judge; in both languages."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fabricated import right, run

from workbench.engine import answering, arena, judging

pytestmark = pytest.mark.slow


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def results(workbench: Any) -> tuple[Any, Any]:
    """Two finished runs on the same rows."""
    poor = run(workbench.workspace, right(0.4), right(0.5), name="poor")
    return poor, run(workbench.workspace, right(0.4), right(0.9), name="good", training__learning_rate=1e-3)


def chosen(page: Any, run_id: str) -> None:
    page.click("#report-run input")
    page.locator("ul[role=listbox] li", has_text=run_id).first.click()
    page.locator("#report-card .card", has_text=run_id).wait_for()


def fold(page: Any, name: str) -> None:
    page.click(f"#{name} > button")


def test_the_verdict_stands_first_and_rows_are_filtered(visit: Callable[..., Any], results: Any, picture: Any) -> None:
    page = visit("/en/#evaluate")
    chosen(page, results[1].id)
    card = page.locator("#report-card .card")
    assert card.locator("> *").first.get_attribute("class") == "verdict"
    assert "better than before" in card.inner_text()
    fold(page, "card-metrics")
    page.locator("#card-metrics table", has_text="Matthews correlation").wait_for()
    fold(page, "card-rows")
    rows = page.locator("#card-rows-table tbody tr, #card-rows table tbody tr")
    until(lambda: rows.count() == 30)
    page.locator("#card-which label", has_text="wrong both times").click()
    until(lambda: rows.count() == 6)
    page.fill("#card-find input, #card-find textarea", "row 55")
    until(lambda: rows.count() == 1)
    fold(page, "card-calibration")
    page.locator("#card-calibration .js-plotly-plot").wait_for()
    picture(page, "evaluate-card-en")


def test_the_card_is_taken_along(visit: Callable[..., Any], results: Any) -> None:
    page = visit("/zh/#evaluate", locale="zh-CN")
    chosen(page, results[1].id)
    assert "比微调前更好" in page.locator("#report-card").inner_text()
    fold(page, "card-take")
    page.click("#card-pdf")
    page.locator("#wb-sheet").wait_for(state="attached")
    assert "比微调前更好" in page.locator("#wb-sheet").get_attribute("srcdoc")
    page.click("#card-html")
    with page.expect_download() as caught:
        page.locator("#card-file a").first.click()
    text = caught.value.path().read_text("utf-8")
    assert 'lang="zh"' in text
    assert (results[1].report or {})["verdict"]["en"] in text


def test_results_side_by_side(visit: Callable[..., Any], results: Any, picture: Any) -> None:
    page = visit("/zh/#evaluate", locale="zh-CN")
    fold(page, "compare")
    for each in results:
        page.click("#compare-which input")
        page.locator("ul[role=listbox] li", has_text=each.id).first.click()
    page.locator("#compare-verdict .verdict", has_text="好于").wait_for()
    told = page.locator("#compare-tables").inner_text()
    assert "training.learning_rate" in told
    assert page.locator("#compare-rows tbody tr").count() == 24
    page.locator("#compare-scores .js-plotly-plot").wait_for()
    picture(page, "compare-zh")


@pytest.fixture
def contest(workbench: Any) -> arena.Arena:
    """Two contestants that have answered three prompts."""
    made = arena.create(workbench.workspace, ["base:r", "run:r"], arena.written("one?\ntwo?\nthree?"))
    for name in made.contestants:
        answering.answer(made, name, lambda prompt, name=name: f"{'Aye' if name == 'run:r' else 'Nay'} to {prompt[0]['content']}")  # type: ignore[misc]  # fmt: skip
    return made


def test_votes_are_blind_kept_at_once_and_told_afterwards(visit: Callable[..., Any], workbench: Any, contest: arena.Arena, picture: Any) -> None:  # fmt: skip
    page = visit("/en/#evaluate")
    fold(page, "arena")
    page.locator("#arena-left").wait_for(state="visible")
    pair = page.locator("#arena-pair")
    assert "base" not in pair.inner_text()
    left = pair.locator(".side").first.inner_text()
    page.locator("#page-evaluate h1").click()
    page.keyboard.press("1")
    page.locator("#arena-next").wait_for(state="visible")
    (vote,) = contest.votes()
    assert vote["winner"] == "left"
    assert ("Aye" in left) == (vote["left"] == "run:r")
    assert "(base)" in pair.inner_text()
    assert "85 are needed" in page.locator("#arena-told").inner_text()
    page.keyboard.press("n")
    page.locator("#arena-right").wait_for(state="visible")
    picture(page, "arena-en")
    workbench.restart()
    assert len(contest.votes()) == 1
    page = visit("/zh/#evaluate", locale="zh-CN")
    fold(page, "arena")
    page.locator("#arena-tie").click()
    until(lambda: len(contest.votes()) == 2)
    fold(page, "arena-take")
    page.click("#arena-dataset")
    page.locator("#arena-taken .note.good", has_text="votes").wait_for()


@pytest.fixture
def referee() -> Iterator[str]:
    """A small OpenAI-compatible judge that likes one word, wherever it stands."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][0]["content"]
            first = asked.split("[Answer A]")[1].split("[Answer B]")[0]
            text = json.dumps({"choices": [{"message": {"content": f"[[{'A' if 'Aye' in first else 'B'}]]"}}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_a_judge_is_asked_from_the_page_and_its_prompt_is_shown(visit: Callable[..., Any], contest: arena.Arena, referee: str) -> None:  # fmt: skip
    page = visit("/en/#evaluate")
    fold(page, "arena")
    page.locator("#arena-left").wait_for(state="visible")
    fold(page, "judge")
    assert page.locator("#judge-prompt textarea").input_value() == judging.PROMPT
    page.fill("#judge-url input, #judge-url textarea", referee)
    page.fill("#judge-model input, #judge-model textarea", "referee")
    page.click("#judge-go")
    page.locator("#judge-found", has_text="3 pairs").wait_for()
    assert "contradicts itself in 0%" in page.locator("#judge-found").inner_text()
