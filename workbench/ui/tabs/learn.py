"""Learn: the first page. Three ready samples, and the road with what has been done for real ticked off."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from workbench.core.preset import Preset, all_presets
from workbench.core.run import all_runs
from workbench.ui.notices import esc, heading, tag
from workbench.ui.page import Page

STOPS = ("data", "model", "train", "evaluate", "chat")


def build(page: Page) -> None:
    """Sample cards on top, the road below."""
    words = page.words
    gr.HTML(heading(words("learn_title"), words("learn_text")), padding=False)
    samples = [preset for preset in all_presets() if preset.about.get("sample")]
    with gr.Row(elem_classes="sample-row"):
        buttons = [_card(page, preset) for preset in samples]
    road = gr.HTML(padding=False)
    page.view(lambda: _road(page), [], [road])
    page.mark.change(lambda: _road(page), None, [road], show_progress="hidden", queue=False)
    for preset, button in zip(samples, buttons, strict=True):
        button.click(partial(_use, page, preset), [page.pulse], [page.pulse], queue=False).then(
            None, [page.pulse], None, js="wbTrain"
        )


def _card(page: Page, preset: Preset) -> Any:
    words = page.words
    with gr.Column(elem_classes="sample", min_width=220):
        icon = tag("div", esc(preset.about.get("icon", "")), class_="icon", aria_hidden="true")
        gr.HTML(
            f"{icon}<h3>{esc(words.say(preset.label))}</h3><p>{esc(words.say(preset.help))}</p>",
            padding=False,
        )
        return gr.Button(words("use_sample"), variant="primary", elem_id=f"sample-{preset.kind}")


def _use(page: Page, preset: Preset, pulse: float) -> float:
    page.draft.fill(preset.recipe.dump())
    return pulse + 1


def _road(page: Page) -> str:
    words = page.words
    done = done_stops(page)
    rows = "".join(
        tag(
            "div",
            f'<span class="mark{" done" if stop in done else ""}">{"✓" if stop in done else "○"}</span>'
            f"<div><b>{esc(words(f'road_{stop}'))}</b><small>{esc(words(f'road_{stop}_text'))}</small></div>"
            f'<button type="button" class="link" data-go="{stop}">{esc(words("open"))}</button>',
            class_="stop",
        )
        for stop in STOPS
    )
    return f"<h2>{esc(words('road_title'))}</h2>{tag('div', rows, class_='stops card')}"


def done_stops(page: Page) -> set[str]:
    """What the workspace shows was really done: a saved dataset, a finished run, its report, a chat."""
    done = set()
    if any(page.workspace.datasets.iterdir()):
        done.add("data")
    finished = [run for run in all_runs(page.workspace) if run.status == "finished"]
    if finished:
        done |= {"model", "train"}
    if any((run.result / "report.json").exists() for run in finished):
        done.add("evaluate")
    if (page.workspace.root / "serve").exists():
        done.add("chat")
    return done
