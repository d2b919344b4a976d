"""The search on the Runs page: which settings of the draft to turn, how much, and what came of it; the best goes back into the draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.metric import METRICS
from workbench.core.recipe import Recipe
from workbench.engine import search
from workbench.engine.search import Search, Trial
from workbench.engine.search_space import FIRST, Range, parse, searchable
from workbench.ui import figures
from workbench.ui.notices import esc, facts, fine, hint, problem, progress, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

POOL = 12
"""Settings that are offered at most."""
SHOWN = 60
STEERING = ("stop", "resume", "promote")
Drawn = tuple[Any, ...]


def build(page: Page) -> None:
    """The fold, and its wiring."""
    words, quiet = page.words, {"show_progress": "hidden", "queue": False}
    with gr.Accordion(words("search_title"), open=False, elem_id="search"):
        about = gr.HTML(hint(words("search_text")), padding=False)
        with gr.Row(elem_classes="two"):
            with gr.Column(scale=2, min_width=320):
                paths, pool = gr.State([]), [_line(words, place) for place in range(POOL)]
                budget = _budget(words)
                start = gr.Button(words("search_start"), variant="primary", elem_id="search-start")
                said = gr.HTML(padding=False, elem_id="search-said")
            with gr.Column(scale=3, min_width=340):
                chosen = gr.Dropdown([], label=words("search_list"), elem_id="search-list", filterable=False, interactive=True)  # fmt: skip
                shown = gr.HTML(padding=False, elem_id="search-shown")
                with gr.Row():
                    buttons = {name: gr.Button(words(f"search_{name}"), visible=False, elem_id=f"search-{name}", variant="primary" if name == "promote" else "secondary") for name in STEERING}  # fmt: skip
        with gr.Row():
            plots = [gr.Plot(visible=False, show_label=False, elem_id=f"search-{name}") for name in ("history", "parallel", "importance")]  # fmt: skip
    fields, lines = [each for _, *line in pool for each in line], [each for line in pool for each in line]
    mark = gr.State("")
    parts = [shown, *buttons.values(), *plots, mark]
    page.view(lambda known: _offered(page, known), [paths], [paths, about, *lines])
    page.view(lambda now: _listed(page, now), [chosen], [chosen])
    page.mark.change(lambda now: _listed(page, now), [chosen], [chosen], **quiet)
    for event in (chosen.change, page.mark.change, page.aside.change):
        event(lambda which, old: _drawn(page, which, old), [chosen, mark], parts, **quiet)
    given = [paths, *fields, *budget]
    start.click(lambda pulse, *values: _start(page, pulse, values), [page.pulse, *given], [said, chosen, page.pulse], **quiet)  # fmt: skip
    for name, button in buttons.items():
        button.click(partial(_act, page, ACTS[name]), [chosen, page.pulse], [said, *parts, page.pulse], **quiet)


def _line(words: Words, place: int) -> tuple[Any, Any, Any]:
    """A row with a box to tick and its values."""
    with gr.Row(elem_classes="pair", visible=False) as row:
        box = gr.Checkbox(False, elem_id=f"search-box-{place}", interactive=True, min_width=160)
        text = gr.Textbox("", label=words("search_values"), show_label=False, container=False, elem_id=f"search-range-{place}", interactive=True, min_width=160)  # fmt: skip
    return row, box, text


def _budget(words: Words) -> list[Any]:
    with gr.Row():
        count = gr.Number(12, label=words("search_trials"), precision=0, minimum=0, elem_id="search-trials")
        hours = gr.Number(0, label=words("search_hours"), minimum=0, elem_id="search-hours")
    pruners = [(words(f"search_pruner_{name}"), name) for name in search.PRUNERS]
    return [count, hours, gr.Dropdown(pruners, value="median", label=words("search_pruner"), info=words("search_pruner_text", n=search.FEWEST), filterable=False, elem_id="search-pruner")]  # fmt: skip


def _offered(page: Page, known: list[str]) -> list[Any]:
    """The settings of the draft and their ranges; what a person wrote stays while the draft has the same settings."""
    try:
        recipe = page.draft.recipe()
        ranges = search.offered(page.workspace, recipe)[:POOL]
    except UserError as error:
        return [[], problem(error, page.words.lang), *[gr.update(visible=False), gr.skip(), gr.skip()] * POOL]
    paths = [recipe.task.kind, recipe.method.kind, recipe.model.id, *(each.path for each in ranges)]
    about = page.words("search_of", dataset=recipe.data.dataset, model=recipe.model.id, method=recipe.method.kind)
    told = hint(page.words("search_text")) + tag("p", esc(about), class_="soft")
    if paths == known:
        return [gr.skip(), told, *[gr.skip()] * (3 * POOL)]
    lines = [_filled(page.words, recipe, ranges, place) for place in range(POOL)]
    return [paths, told, *(each for line in lines for each in line)]


def _filled(words: Words, recipe: Recipe, ranges: list[Range], place: int) -> list[Any]:
    if place >= len(ranges):
        return [gr.update(visible=False), gr.update(value=False), gr.update(value="")]
    made = ranges[place]
    box = gr.update(label=_label(words, recipe, made.path), value=made.path in FIRST)
    return [gr.update(visible=True), box, gr.update(value=made.said)]


def _label(words: Words, recipe: Recipe, path: str) -> str:
    found = searchable(recipe).get(path)
    return words.say(found[1].label) if found else path


def _listed(page: Page, now: str | None) -> Any:
    """Every search; the chosen one stays."""
    known = search.all_searches(page.workspace)
    ids = [each.id for each in known]
    choices = [(f"{each.id}  ·  {page.words(f'status_{each.status}')}", each.id) for each in known]
    return gr.update(choices=choices) if now in ids else gr.update(choices=choices, value=ids[0] if ids else None)


def _start(page: Page, pulse: float, values: Sequence[Any]) -> list[Any]:
    paths, fields, (count, hours, pruner) = values[0][3:], values[1 : 1 + 2 * POOL], values[1 + 2 * POOL :]
    wanted = [(path, fields[2 * place + 1]) for place, path in enumerate(paths) if fields[2 * place]]
    try:
        recipe = page.draft.recipe()
        knobs = tuple(parse(recipe, f"{path}={text}") for path, text in wanted)
        made = search.start(page.workspace, search.Plan(recipe, knobs, int(count or 0), float(hours or 0), pruner=pruner))  # fmt: skip
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip(), gr.skip()]
    label = f"{made.id}  ·  {page.words('status_running')}"
    return [fine(page.words("search_started", search=made.id)), gr.update(choices=[(label, made.id)], value=made.id), pulse + 1]  # fmt: skip


def _promote(page: Page, made: Search) -> str:
    """The whole recipe goes into the draft, which may be another one by now."""
    page.draft.put(search.promoted(made).dump())
    return page.words("search_promoted", trial=search.best(made).number)


ACTS: dict[str, Callable[[Page, Search], str | None]] = {
    "stop": lambda page, made: search.stop(made),
    "resume": lambda page, made: search.resume(made),
    "promote": _promote,
}


def _act(page: Page, act: Callable[[Page, Search], str | None], which: str | None, pulse: float) -> list[Any]:
    try:
        told = act(page, search.find(page.workspace, which or ""))
    except UserError as error:
        return [problem(error, page.words.lang), *[gr.skip()] * 8, gr.skip()]
    return [fine(told) if told else "", *_drawn(page, which, ""), pulse + 1]


def _drawn(page: Page, which: str | None, old: str) -> list[Any]:
    """How far it is and what it found, where that changed."""
    try:
        made = search.find(page.workspace, which or "")
    except UserError:
        return ["", *[gr.update(visible=False)] * 6, ""]
    status, told, result = made.status, search.trials(made), made.result
    mark = f"{page.words.lang}{made.id}{status}{made.process.stop_asked}{bool(result)}{told}"
    if mark == old:
        return [gr.skip()] * 8
    shown = {"stop": status in ("running", "queued"), "resume": made.process.resumable, "promote": any(each.state == "complete" for each in told)}  # fmt: skip
    return [
        _state(page, made, status, told), *(gr.update(visible=shown[name]) for name in STEERING),
        *_plots(page, made, told), mark,
    ]  # fmt: skip


def _plots(page: Page, made: Search, told: list[Trial]) -> list[Any]:
    """History, parallel coordinates, importance; each where there is enough to see."""
    labels = {each.path: _label(page.words, made.plan.recipe, each.path) for each in made.plan.knobs}
    done = sum(each.state == "complete" for each in told)
    weights = search.importance(made) if done >= 4 else {}
    return [
        gr.update(value=figures.search_history(told, page.words), visible=True) if done else gr.update(visible=False),
        gr.update(value=figures.parallel(told, made.plan.knobs, labels, page.words), visible=True) if done > 1 else gr.update(visible=False),
        gr.update(value=figures.importance({labels.get(path, path): value for path, value in weights.items()}, done, page.words), visible=True) if weights else gr.update(visible=False),
    ]  # fmt: skip


def _state(page: Page, made: Search, status: str, told: list[Trial]) -> str:
    words, plan = page.words, made.plan
    over = [each for each in told if each.state != "running"]
    parts = [f"<h2>{esc(made.id)} {tag('span', esc(words(f'status_{status}')), class_=f'pill {status}')}</h2>"]
    if status in ("running", "queued"):
        parts.append(progress(len(over) / plan.trials if plan.trials else 0.0, words("search_far", n=len(over), of=plan.trials or "…")))  # fmt: skip
        parts += [hint(words("stopping"))] if made.process.stop_asked else []
    for event in [event for event in made.process.events()[0] if event.kind in ("note", "failed")][-2:]:
        parts.append((problem(words.pick(event.facts), words.lang)) if event.kind == "failed" else hint(words.pick(event.facts)))  # fmt: skip
    if made.result:
        parts.append(_result(words, made.result))
    return tag("div", "".join(parts) + _trials(words, made, told), class_="card")


def _result(words: Words, found: dict[str, Any]) -> str:
    """Both scores side by side, and how much of the first one luck could be."""
    pairs: list[tuple[str, object]] = [
        (words("search_best"), f"{words('search_trial')} {found['best']['trial']}"),
        (words("search_selection", rows=found["selection"]["rows"]), figures.with_interval(found["selection"])),
        (words("search_untouched", rows=found["untouched"]["rows"]), figures.with_interval(found["untouched"])),
    ]
    if found.get("first") is not None:
        pairs.append((words("search_first"), f"{found['first']:.4g}"))
    told = hint(words("search_luck", n=found["complete"], luck=f"{found['luck']:.1%}")) if found.get("luck") else ""
    metric = METRICS.get(found["metric"]).label if found["metric"] in METRICS.kinds() else None
    return facts([(words("main_metric"), words.say(metric) if metric else found["metric"]), *pairs]) + told


def _trials(words: Words, made: Search, told: list[Trial]) -> str:
    """The newest first, the best marked."""
    best = max((each for each in told if each.goodness is not None), key=Trial.rank, default=None)
    head = [words("search_trial"), words("search_score"), *(each.path.partition(".")[2] for each in made.plan.knobs)]
    rows = [
        [f"{each.number}{' ★' if best and each.number == best.number else ''}",
         f"{each.score:.4g}" if each.score is not None else words(f"search_state_{each.state}"),
         *(_short(each.values.get(knob.path)) for knob in made.plan.knobs)]
        for each in reversed(told[-SHOWN:])
    ]  # fmt: skip
    return table(head, rows) if rows else ""


def _short(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
