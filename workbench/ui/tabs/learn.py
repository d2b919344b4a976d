"""Learn: the first page. Ready samples, and the road map: every stop can be touched, and is ticked when it was really done."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from workbench.core.lab import LABS, STOPS, Lab, at
from workbench.core.preset import Preset, all_presets
from workbench.learn import _progress
from workbench.ui import hints, labs
from workbench.ui.notices import esc, heading, tag
from workbench.ui.page import Page

PICK = """element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-lab]');
  if (button) trigger('click', { lab: button.dataset.lab });
});"""


def build(page: Page) -> None:
    """Sample cards on top, the road map below, and the lab that is open."""
    words = page.words
    gr.HTML(heading(words("learn_title"), words("learn_text")), padding=False)
    samples = [preset for preset in all_presets() if preset.about.get("sample")]
    gr.HTML(tag("button", esc(words("tour_link")), type="button", class_="link", data_tour="1"), padding=False)
    with gr.Row(elem_classes="sample-row", elem_id="sample-row-first"):
        buttons = [_card(page, preset) for preset in samples]
    road = gr.HTML(padding=False, js_on_load=PICK, elem_id="road")
    chosen, given = labs.build(page, road, lambda: _road(page))
    with gr.Accordion(words("glossary_title", n=len(hints.glossary())), open=False, elem_id="glossary"):
        gr.HTML(hints.listed(words.lang), padding=False)
    page.view(lambda: _road(page), [], [road])
    page.mark.change(lambda: _road(page), None, [road], show_progress="hidden", queue=False)
    road.click(_picked, None, [chosen, given], **labs.QUIET).then(None, [chosen], None, js="wbLabOpen")
    page.loads.append((_linked, [], [chosen, given]))
    for preset, button in zip(samples, buttons, strict=True):
        button.click(partial(_use, page, preset), [page.pulse], [page.pulse], queue=False).then(
            None, [page.pulse], None, js="wbTrain"
        )


def _picked(event: gr.EventData) -> list[Any]:
    """The lab whose button was pressed; its settings are the defaults."""
    kind = str(getattr(event, "lab", "") or "")
    return [kind if kind in LABS.kinds() else gr.skip(), {}]


def _linked(request: gr.Request) -> list[Any]:
    """The lab a link names, with the settings it gives."""
    asked = dict(request.query_params)
    kind = str(asked.pop("lab", ""))
    return [kind if kind in LABS.kinds() else "", asked]


def _card(page: Page, preset: Preset) -> Any:
    words = page.words
    with gr.Column(elem_classes="sample", min_width=220):
        gr.HTML(
            f"{tag('div', esc(preset.about.get('icon', '')), class_='icon', aria_hidden='true')}<h3>{esc(words.say(preset.label))}</h3><p>{esc(words.say(preset.help))}</p>",
            padding=False,
        )
        return gr.Button(words("use_sample"), variant="primary", elem_id=f"sample-{preset.kind}")


def _use(page: Page, preset: Preset, pulse: float) -> float:
    page.draft.fill(preset.recipe.dump())
    return pulse + 1


def _road(page: Page) -> str:
    """Every stop with its labs, and how many were done for real."""
    words, known = page.words, _progress.all_of(page.workspace)
    rows = "".join(_stop(page, stop, known) for stop in STOPS if at(stop))
    done = sum(each.status == _progress.DONE for each in known.values())
    title = f"<h2>{esc(words('road_title'))}</h2><p>{esc(words('road_text', done=done, all=len(known)))}</p>"
    return title + tag("div", rows, class_="road card")


def _stop(page: Page, stop: str, known: dict[str, _progress.Progress]) -> str:
    name = f"<b><small>{esc(stop)}</small> {esc(page.words.say(STOPS[stop]))}</b>"
    return tag(
        "div",
        name + tag("div", "".join(_chip(page, lab, known[lab.kind]) for lab in at(stop)), class_="labs"),
        class_="stop",
    )


def _chip(page: Page, lab: Lab, known: _progress.Progress) -> str:
    mark = tag("span", _progress.MARKS[known.status], class_="mark", aria_hidden="true")
    label = f"{mark}{esc(page.words.say(lab.label))}"
    trace = known.trace
    said = page.words(f"lab_{known.status}", what=page.words.say(trace.text) if trace else "")
    return tag(
        "button",
        label,
        type="button",
        class_=f"lab {known.status}",
        data_lab=lab.kind,
        title=said,
        aria_description=said,
    )
