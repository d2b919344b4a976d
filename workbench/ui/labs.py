"""A lab on the page: idea, guess, what can be touched, what is seen, break it, do it for real. Its settings are in the address."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr
from pydantic import ValidationError

from workbench.core import preset as presets
from workbench.core.errors import UserError
from workbench.core.knob import base_type, explain, knobs
from workbench.core.lab import LABS, Lab, Real
from workbench.core.picture import Picture
from workbench.learn import _progress
from workbench.learn._far import far
from workbench.ui import pictures, stations
from workbench.ui.notices import esc, fine, hint, problem, tag
from workbench.ui.page import Page

PLOTS = 3
"""Figures a lab shows at most."""
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden"}


def build(page: Page, road: Any, drawn_road: Any) -> tuple[Any, Any]:
    """The place of the lab that is chosen; (state of its kind, state of the settings a link gave)."""
    chosen, given = gr.Textbox("", visible=False), gr.State({})

    def shown(kind: str, settings: dict[str, Any]) -> None:
        if kind in LABS.kinds():
            Bench(page, LABS.get(kind), settings, (road, drawn_road)).build()

    drawn_anew: Any = gr.render(inputs=[chosen, given], triggers=[chosen.change], show_progress="hidden")
    drawn_anew(shown)
    return chosen, given


def _moved(field: Any) -> list[Any]:
    """The events at which a field has a new value."""
    if isinstance(field, gr.Slider):
        return [field.release]
    return [field.submit, field.blur] if isinstance(field, gr.Textbox | gr.Number) else [field.input]


class Bench:
    """One lab, laid out."""

    def __init__(self, page: Page, lab: Lab, given: dict[str, Any], road: tuple[Any, Any]) -> None:
        self.page, self.lab, self.given = page, lab, given
        self.road, self.drawn_road = road
        self.names = list(knobs(lab.section))
        self.hidden = set(str(given.get("hide", "")).split(","))

    def build(self) -> None:
        """Left what is read and touched, right what is seen."""
        page, lab, words = self.page, self.lab, self.page.words
        if lab.far:
            far(page.workspace).warm()
        known = _progress.of(page.workspace, lab, _progress.told(page.workspace).get(lab.kind, []))
        with gr.Column(elem_id="lab", elem_classes="plain"):
            gr.HTML(tag("h2", f"{esc(lab.stop)} {esc(words.say(lab.label))}", data_shown=lab.kind), padding=False)
            with gr.Row(elem_classes="two"):
                with gr.Column(scale=2, min_width=320):
                    gr.HTML(
                        "".join(tag("p", esc(words.say(text))) for text in lab.idea), padding=False, elem_classes="idea"
                    )
                    guess = gr.Radio(
                        [(words.say(each.text), self._named(place)) for place, each in enumerate(lab.guess.choices)], value=self._named(known.guess),
                        label=words.say(lab.guess.ask), info=words("lab_guess"), interactive=True, elem_id="lab-guess",
                    )  # fmt: skip
                    why = gr.HTML(self._why(known.guess), padding=False, elem_id="lab-why")
                    with gr.Column(
                        visible=known.guess is not None, elem_classes="plain", elem_id="lab-knobs"
                    ) as fields:
                        self.fields = self._fields()
                        broken = gr.Button(words.say(lab.breaks.label), elem_id="lab-break") if lab.breaks else None
                    self._after(known)
                with gr.Column(scale=3, min_width=340, elem_classes="sticky"):
                    seen = self._places(known.guess is not None)
        self._wire(guess, [why, fields], broken, seen)

    def _after(self, known: Any) -> None:
        """What was done for real, and the way there."""
        words, lab = self.page.words, self.lab
        real = lab.real(self.page.workspace)
        trace = words("lab_done", what=words.say(known.trace.text)) if known.trace else ""
        gr.HTML(fine(trace) if trace else hint(words("lab_undone")), padding=False, elem_id="lab-done")
        if stations.of(self, {}):
            stations.build(self)
            return
        go = gr.Button(words.say(real.label), variant="primary", elem_id="lab-real")
        if lab.source:
            gr.HTML(tag("small", esc(words("lab_source", what=lab.source))), padding=False)
        go.click(partial(self.real, real), [self.page.pulse], [self.page.pulse, self.page.run], **QUIET).then(
            None, [self.page.pulse], None, js="wbTrain" if real.tab == "train" else f"() => wbGo('{real.tab}')"
        )

    def real(self, real: Real, pulse: float) -> list[Any]:
        """Fill in what the lab was about; the next pulse, and the run to look at."""
        draft = self.page.draft
        if real.preset:
            draft.fill(presets.find(real.preset).dump())
        if real.draft:
            draft.put({**real.draft, "name": ""})
        return [pulse + 1, real.run or gr.skip()]

    def _fields(self) -> list[Any]:
        """A component for each knob; those a teacher's link hides keep their value."""
        offered, made = self.lab.choices(self.page.workspace), []
        for name, (field, knob) in knobs(self.lab.section).items():
            facts: dict[str, Any] = {
                "label": self.page.words.say(knob.label), "info": self.page.words.say(knob.help), "interactive": True,
                "value": self._value(name, field), "visible": name not in self.hidden, "elem_id": f"lab-{name}",
            }  # fmt: skip
            choices = offered.get(name) or [(text, value) for value, text in knob.choices]
            made.append(self._component(base_type(field), knob, choices, facts))
        return made

    def _component(self, kind: type, knob: Any, choices: list[Any], facts: dict[str, Any]) -> Any:
        if choices:
            named = [
                (self.page.words.say(text) if not isinstance(text, str) else text, value) for text, value in choices
            ]
            values = [value for _, value in named]
            return gr.Dropdown(named, **{**facts, "value": facts["value"] if facts["value"] in values else values[0]})
        if kind is bool:
            return gr.Checkbox(**facts)
        if kind in (int, float):
            low, high = (knob.ge if knob.ge is not None else knob.gt), (knob.le if knob.le is not None else knob.lt)
            if low is None or high is None:
                return gr.Number(precision=0 if kind is int else None, **facts)
            step = 1 if kind is int else (high - low) / 200
            return gr.Slider(low, high, step=step, **facts)
        return gr.Textbox(lines=2, max_lines=6, **facts)

    def _value(self, name: str, field: Any) -> Any:
        """The link's value where it is a possible one, else the default."""
        try:
            return getattr(self.lab.section.model_validate({name: self.given[name]}, strict=False), name)
        except (KeyError, ValidationError):
            return field.default

    def _places(self, guessed: bool) -> list[Any]:
        above = gr.HTML("" if guessed else hint(self.page.words("lab_first")), padding=False, elem_id="lab-above")
        plots = [gr.Plot(visible=False, show_label=False, elem_id=f"lab-plot-{place}") for place in range(PLOTS)]
        return [above, *plots, gr.HTML("", padding=False, elem_id="lab-below")]

    def _wire(self, guess: Any, told: list[Any], broken: Any, seen: list[Any]) -> None:
        self._awake()
        loud: dict[str, Any] = {"show_progress": "minimal", "show_progress_on": seen[:1], "concurrency_limit": 4}
        everything = [*seen, self.road]
        guess.input(self._guessed, [guess], told, **QUIET).then(self._touched, self.fields, everything, **loud)
        if guess.value is not None:
            once = gr.Timer(0.05)
            once.tick(lambda: gr.Timer(active=False), None, [once], **QUIET).then(
                self._touched, self.fields, everything, **loud
            )
        gr.on(
            [event for field in self.fields for event in _moved(field)], self._touched, self.fields, everything,
            trigger_mode="always_last", **loud,
        ).then(None, self.fields, None, js=self._address())  # fmt: skip
        if broken is not None:
            broken.click(self._broken, None, self.fields, **QUIET).then(self._touched, self.fields, everything, **loud)

    def _awake(self) -> None:
        """Gradio shows a lab before it listens to it: only what it hears tells the page that it does (assets/page.js)."""
        once = gr.Timer(0.05)
        once.tick(None, None, None, js=f"() => wbAwake('{self.lab.kind}')").then(
            lambda: gr.Timer(active=False), None, [once], **QUIET
        )

    def _named(self, place: int | None) -> str | None:
        """A choice of this lab alone: Gradio would keep what was chosen in the lab before, where it is a choice here too."""
        return None if place is None else f"{self.lab.kind} {place}"

    def _address(self) -> str:
        """Keeps the settings in the page's address, so that a lab can be shared by its link."""
        return f"(...given) => wbLab('{self.lab.kind}', {self.names!r}, given)"

    def _guessed(self, named: str | None) -> list[Any]:
        choice = None if named is None else int(named.split()[-1])
        _progress.tell(self.page.workspace, self.lab, "guess", choice=choice)
        return [self._why(choice), gr.update(visible=True)]

    def _why(self, choice: int | None) -> str:
        if choice is None or not 0 <= choice < len(self.lab.guess.choices):
            return ""
        made = self.lab.guess.choices[choice]
        return (fine if made.right else hint)(self.page.words.say(made.why))

    def _broken(self) -> list[Any]:
        wanted = self.lab.breaks.knobs if self.lab.breaks else {}
        return [wanted[name] if name in wanted else gr.skip() for name in self.names]

    def _touched(self, *values: Any) -> list[Any]:
        """What is seen at these settings; the road's marks change with it."""
        words = self.page.words
        try:
            found = self._computed(dict(zip(self.names, values, strict=True)))
        except UserError as error:
            return [problem(error, words.lang), *[gr.skip()] * (PLOTS + 2)]
        drawn = [gr.update(value=figure, visible=True) for figure in pictures.figures(found, words)]
        missing = [gr.update(visible=False)] * (PLOTS - len(drawn))
        return [pictures.above(found, words), *drawn, *missing, pictures.below(found, words), self.drawn_road()]

    def settings(self, given: dict[str, Any]) -> Any:
        """The lab's section of these values; UserError names the first that is out of bounds."""
        try:
            return self.lab.section(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise explain(error, self.lab.section) from error

    def _computed(self, given: dict[str, Any]) -> list[Picture]:
        lab, workspace, settings = self.lab, self.page.workspace, self.settings(given)
        found = far(workspace).touch(lab.kind, settings.model_dump()) if lab.far else lab.touch(settings, workspace)
        _progress.tell(workspace, lab, "touch", knobs=settings.model_dump())
        return found
