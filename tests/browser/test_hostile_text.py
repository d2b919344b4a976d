"""Text that wants to be more: 25 payloads in every place of the page where text from outside is shown. All of it stays text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.conftest import Workbench
from fabricated import right, run
from faults import note
from hostile.corpus import PAYLOADS

from workbench.core.events import EventWriter
from workbench.core.files import write_json, write_text
from workbench.core.run import Run
from workbench.core.workspace import Workspace
from workbench.data import library
from workbench.data.history import History
from workbench.data.table import Table
from workbench.engine import arena
from workbench.serve import talk

pytestmark = pytest.mark.slow
ALL = list(PAYLOADS.values())
LABELS = ['<a href="https://evil.invalid/label">', "<b>bold</b>"]
LONG = " ".join(each for each in ALL if len(each) < 500)
SHORT = [each for each in ALL if "/" not in each and len(each.encode()) < 120 and each.isprintable()]
"""Those that a file may be called."""
ALIVE = """() => {
  const found = [];
  for (const node of document.querySelectorAll('*')) {
    if (node.id === 'wb-sheet') continue;
    for (const {name, value} of node.attributes) {
      const runs = name.startsWith('on') && /pwned/.test(value);
      const leads = !value.startsWith(location.origin + '/') && /href$|^src|^action$|^formaction$|^data$|^poster$|^background$|^srcset$|^srcdoc$/.test(name) && /evil|pwned|^\\s*javascript:|^data:text/i.test(value);
      const sends = name === 'content' && /evil/.test(value), paints = name === 'style' && /evil|animation:x/.test(value);
      if (runs || leads || sends || paints) found.push(`${node.tagName} ${name}=${value.slice(0, 80)}`);
    }
    if (/^(SCRIPT|STYLE)$/.test(node.tagName) && /evil|window\\.pwned=1/.test(node.textContent) && !node.src && !node.textContent.startsWith('window.gradio_config')) found.push(`${node.tagName} ${node.textContent.slice(0, 80)}`);
    if (/^(IFRAME|FORM|BASE|OBJECT|EMBED|MATH|TEMPLATE|DETAILS|VIDEO)$/.test(node.tagName) && /evil|pwned/.test(node.outerHTML)) found.push(node.tagName);
  }
  if (typeof window.pwned !== 'undefined') found.push('window.pwned');
  for (const name of ['wbRows', 'wbTalk', 'wbGo', 'pwned']) if (window[name] instanceof Node || window[name] instanceof HTMLCollection) found.push(`clobbered ${name}`);
  if (!(document.body instanceof HTMLBodyElement) || !(document.body.dataset instanceof DOMStringMap)) found.push('clobbered body');
  return found;
}"""
"""Everything on the page that came to life."""
MEASURED: dict[str, int] = {}


def inert(page: Any, sink: str, place: str, *shown: str) -> None:
    """The payloads stand in this place as text, and nothing lives."""
    for text in shown or ("evil.invalid/x10.png", "<script>"):
        page.wait_for_function("([place, text]) => [...document.querySelectorAll(place)].some(node => (node.textContent + (node.value || '') + (node.title || '')).includes(text))", arg=[place, text])  # fmt: skip
    page.wait_for_timeout(150)
    found = page.evaluate(ALIVE)
    MEASURED[sink] = len(found)
    note("S6", "places of the page that showed the payloads", len(MEASURED))
    note("S6", "payloads that came to life", sum(MEASURED.values()), most=0)
    assert found == [], sink


def option(page: Any, box: str, text: str) -> None:
    page.click(f"{box} input")
    page.locator("ul[role=listbox] li", has_text=text).first.click()


@pytest.fixture
def opened(visit: Callable[..., Any]) -> Callable[[str], Any]:
    """A page on which a dialogue is a failure."""

    def go(path: str) -> Any:
        page = visit(path)
        page.on("dialog", lambda dialog: pytest.fail(f"a dialogue: {dialog.message}"))
        return page

    return go


@pytest.fixture(scope="module")
def workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A page of its own: nobody else’s test meets these runs."""
    made = Workbench(Workspace(tmp_path_factory.mktemp("hostile") / "w"))
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def hostile(workbench: Any) -> Run:
    """A run with payloads in everything that it tells, in a folder that is called like one."""
    names = [each for each in ALL if len(each) < 500]
    columns = ["text", "label", *names]
    wide = [{"text": text, "label": LABELS[place % 2], **dict.fromkeys(names, "x")} for place, text in enumerate(ALL)]
    library.save(workbench.workspace, "hostile", Table(columns, wide, [], "jsonl", "utf-8"), {"text": "text", "label": "label"})  # fmt: skip
    made = run(
        workbench.workspace, right(0.4), right(0.9), name=LONG[:100].replace("\x1b", ""), data__dataset="hostile"
    )
    History(workbench.workspace, "hostile").edit(0, "text", LONG, ALL[1])
    report(made)
    (made.folder / "worker.log").write_text("\n".join(ALL))
    writer = EventWriter(made.events_path)
    for text in (LONG, ALL[0], ALL[9]):
        writer.write("note", en=text, zh=text)
    writer.write("sample", tokens=[[text, True] for text in ALL])
    writer.write("failed", en=LONG, zh=LONG, field=LONG)
    writer.close()
    folder = made.folder.with_name(f"9999-{SHORT[0]}"[:120])
    made.folder.rename(folder)
    return Run(folder)


def report(made: Run) -> None:
    """The report card says the payloads wherever it says a word."""
    found: dict[str, Any] = made.report or {}
    names = {"a": LABELS[1], "b": LABELS[0]}
    found["verdict"] = {"en": LONG, "zh": LONG}
    for grid in ("confusion",):
        if grid in found:
            found[grid]["labels"] = [names.get(each, each) for each in found[grid]["labels"]]
    for each in found.get("per_class") or []:
        each["label"] = names.get(each["label"], each["label"])
    found["samples"] = [{"messages": [{"role": "user", "content": text}], "before": text, "after": text, "reference": text} for text in ALL]  # fmt: skip
    write_json(made.result / "report.json", found)
    rows = [{"id": str(place), "text": text, "reference": text, "answer": text, "before": text, "gain": 0.0, "gain_before": 0.0, "state": "wrong", "score": 0.5} for place, text in enumerate(ALL)]  # fmt: skip
    write_text(made.result / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def conversation(workbench: Any) -> Run:
    """A chat run with a conversation and a contest full of payloads."""
    made = run(workbench.workspace, right(0.4), right(0.9), task="chat", data__dataset="lumo-chat-zh")
    made.tuned.mkdir(parents=True)
    said = talk.Talk.begun(made.id, "chat", ["base", made.id])
    for text in ALL:
        said.ask(text)
        for pane in said.panes:
            said.add(pane["model"], pane["head"], "assistant", text)
    said.facts |= {"title": LONG, "system": LONG}
    talk.save(workbench.workspace, said)
    contest = arena.create(workbench.workspace, ["base", made.id], [[{"role": "user", "content": LONG}]])
    for who in ("base", made.id):
        arena.append(contest.folder / "answers.jsonl", {"prompt": 0, "who": who, "answer": f"{who} {LONG}"})
    return made


def test_a_dataset_of_payloads(opened: Callable[[str], Any], hostile: Run, tmp_path: Path) -> None:
    page = opened("/en/#data")
    option(page, "#dataset-choice", "hostile")
    inert(page, "data preview", "#page-data table td")
    page.locator("#page-data .js-plotly-plot .ytick").first.wait_for()
    inert(page, "labels of a dataset in a plot", "#page-data .js-plotly-plot", *LABELS)
    inert(page, "column names", "#page-data table th")
    page.click("#rows > button")
    inert(page, "row grid", "#grid")
    page.click("#labelling > button")
    page.fill("#label-who input, #label-who textarea", ALL[1])
    page.fill("#label-names input, #label-names textarea", LONG.replace(",", ""))
    page.click("#label-open")
    inert(page, "labelling board", "#board", "<script>")
    page.click("#history > button")
    inert(page, "history", "#history", "onerror")
    path = tmp_path / f"{SHORT[0]}.csv"
    path.write_text("\n".join([",".join(["text", '"' + ALL[1].replace('"', '""') + '"']), *(f'"{each.replace(chr(34), chr(34) * 2)}",x' for each in ALL)]), encoding="utf-8")  # fmt: skip
    page.set_input_files("#upload input[type=file]", str(path))
    page.locator("#save-dataset").wait_for(state="visible")
    inert(page, "file name", "#page-data table td")
    page.fill("#dataset-name textarea, #dataset-name input", ALL[1])
    page.click("#save-dataset")
    inert(page, "error message", "#import-said .note.bad", "onerror")


def test_a_run_of_payloads(opened: Callable[[str], Any], hostile: Run) -> None:
    page = opened("/en/#runs")
    page.locator("#run-list label", has_text="9999-").first.click()
    inert(page, "run name", "#run-list label", SHORT[0][:20])
    inert(page, "failure and notes", "#page-runs .note")
    inert(page, "tokens", "#page-runs .strip", "evil.invalid/x10.png")
    page.locator("#loss-curve .js-plotly-plot").wait_for()
    inert(page, "loss-plot label", "#page-runs h2", SHORT[0][:20])
    page.click("#storage > button")
    inert(page, "storage", "#storage-shown", SHORT[0][:20])


def test_a_report_of_payloads(opened: Callable[[str], Any], hostile: Run) -> None:
    page = opened("/en/#evaluate")
    option(page, "#report-run", "9999-")
    inert(page, "report card", "#report-card")
    for fold in ("card-rows", "card-metrics"):
        page.click(f"#{fold} > button")
    inert(page, "rows of a report", "#card-rows table")
    page.locator("#page-evaluate .js-plotly-plot .xtick, #page-evaluate .js-plotly-plot .ytick").first.wait_for()
    inert(page, "labels in a plot", "#page-evaluate .js-plotly-plot", LABELS[1])
    page.click("#card-take > button")
    page.click("#card-pdf")
    page.locator("#wb-sheet").wait_for(state="attached")
    page.wait_for_timeout(300)
    inner = page.frames[-1].evaluate(ALIVE) if len(page.frames) > 1 else []
    assert [each for each in inner if "script" not in each.lower()] == []
    inert(page, "model card", "#report-card")


def test_a_conversation_of_payloads(opened: Callable[[str], Any], conversation: Run) -> None:
    page = opened("/en/#chat")
    page.locator("#chat-text textarea").wait_for()
    option(page, "#chat-run", conversation.id)
    inert(page, "model answer", "#chat-tuned .said.bot .words")
    inert(page, "own words", "#chat-base .said.user .words")
    page.evaluate("wbGo('evaluate')")
    page.click("#arena > button")
    page.locator("#arena-pair .side").first.wait_for()
    inert(page, "contest", "#arena-pair")


def test_a_toast_of_payloads(opened: Callable[[str], Any], hostile: Run) -> None:
    """An error that quotes what was sent: a value that is none of those offered."""
    page = opened("/en/#data")

    def spoil(route: Any) -> None:
        asked = route.request.post_data_json
        asked["data"] = [LONG if value == "hostile" else value for value in asked["data"]]
        route.continue_(post_data=json.dumps(asked))

    page.route("**/queue/join*", spoil)
    option(page, "#dataset-choice", "hostile")
    page.click("#labelling > button")
    page.click("#label-pre")
    inert(page, "toast", ".toast-wrap", "evil.invalid/x10.png")
