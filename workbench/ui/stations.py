"""The stations of a guided project, under its lab: what is done and what comes next, a button to each, and the paper to take along."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.lab import Station
from workbench.ui.notices import esc, problem, tag

if TYPE_CHECKING:
    from workbench.ui.labs import Bench

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
GO = "(pulse, tab) => tab === 'train' ? wbTrain(pulse) : wbGo(tab)"


def of(bench: Bench, given: dict[str, Any]) -> list[Station]:
    """The stations as the workspace shows them now; UserError for values that do not fit."""
    return bench.lab.stations(bench.settings(given), bench.page.workspace)


def build(bench: Bench) -> None:
    """A line with a button for each. They are drawn again when a run or the settings change."""
    words, fields, tab = bench.page.words, bench.fields, gr.Textbox("", visible=False)
    found = of(bench, _given(bench, [field.value for field in fields]))
    lines = []
    with gr.Column(elem_id="lab-stations", elem_classes="plain"):
        for place, each in enumerate(found):
            with gr.Row(elem_classes="station-row"):
                with gr.Column(scale=5, min_width=180, elem_classes="plain"):
                    lines.append(gr.HTML(_line(bench, found, place), padding=False))
                label = f"{words('station_go')}: {words.say(each.label)}"
                go = gr.Button(words("station_go"), scale=1, min_width=80, elem_id=f"station-{place}")
                go.click(partial(_opened, bench, place), [bench.page.pulse, *fields], [bench.page.pulse, bench.page.run, tab], api_description=label, **QUIET).then(None, [bench.page.pulse, tab], None, js=GO)  # fmt: skip
    drawn = partial(_drawn, bench)
    for event in (bench.page.mark.change, bench.page.pulse.change, *(field.change for field in fields)):
        event(drawn, fields, lines, **QUIET)
    if bench.lab.paper is not None:
        _paper(bench)


def _given(bench: Bench, values: list[Any]) -> dict[str, Any]:
    return dict(zip(bench.names, values, strict=True))


def _line(bench: Bench, found: list[Station], place: int) -> str:
    """Mark, name, and what is there or what is to be done."""
    each, words = found[place], bench.page.words
    coming = next((number for number, one in enumerate(found) if one.trace is None), None)
    state = "done" if each.trace else "next" if place == coming else "later"
    mark = tag("span", {"done": "✓", "next": "→"}.get(state, "○"), class_="mark", aria_hidden="true")
    name = f"<p>{mark}<b>{place + 1} {esc(words.say(each.label))}</b></p>"
    said = esc(words.say(each.trace.text if each.trace else each.text))
    return tag("div", f'{name}<p class="soft">{said}</p>', class_=f"station {state}")


def _drawn(bench: Bench, *values: Any) -> list[Any]:
    try:
        found = of(bench, _given(bench, list(values)))
    except UserError as error:
        return [problem(error, bench.page.words.lang)] * len(of(bench, {}))
    return [_line(bench, found, place) for place in range(len(found))]


def _opened(bench: Bench, place: int, pulse: float, *values: Any) -> list[Any]:
    """Fill in what this station begins with; its tab."""
    try:
        real = of(bench, _given(bench, list(values)))[place].real
    except UserError as error:
        raise gr.Error(error.say(bench.page.words.lang), print_exception=False) from error
    return [*bench.real(real, pulse), real.tab]


def _paper(bench: Bench) -> None:
    words, lab = bench.page.words, bench.lab
    button = gr.Button(words.say(lab.paper) if lab.paper else "", elem_id="lab-paper")
    said = gr.HTML("", padding=False, elem_id="lab-paper-said")
    file = gr.File(visible=False, interactive=False, label=words("paper_file"), elem_id="lab-paper-file")
    button.click(partial(_written, bench), None, [said, file], show_progress="hidden")


def _written(bench: Bench) -> list[Any]:
    lang = bench.page.words.lang
    try:
        name, text = bench.lab.written(bench.page.workspace, lang)
    except UserError as error:
        return [problem(error, lang), gr.update(visible=False)]
    path = Path(tempfile.mkdtemp(prefix="paper-")) / name
    path.write_text(text, encoding="utf-8")
    return ["", gr.update(value=str(path), visible=True)]
