"""The blind contest on the Evaluate page: two answers without names, a vote by mouse or key, then who was who; points, and rows to train on."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.run import all_runs
from workbench.core.task import TASKS
from workbench.data import library
from workbench.engine import answering, arena, bradley, judging
from workbench.engine.arena import Match
from workbench.ui.notices import esc, fine, hint, problem, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

VOTES = ("left", "tie", "right", "bad")


def build(page: Page) -> None:
    """The fold: a contest to choose or to begin, the pair, the points, the judge."""
    words = page.words
    with gr.Accordion(words("arena_title"), open=False, elem_id="arena") as fold:
        gr.HTML(hint(words("arena_text")), padding=False)
        with gr.Row(elem_classes="two"):
            chosen = gr.Dropdown([], label=words("arena_which"), elem_id="arena-which", interactive=True, scale=3)
        state = gr.HTML(padding=False, elem_id="arena-state")
        pair = gr.HTML(padding=False, elem_id="arena-pair")
        with gr.Row():
            votes = {name: gr.Button(words(f"arena_{name}"), visible=False, elem_id=f"arena-{name}") for name in VOTES}
        more = gr.Button(words("arena_next"), visible=False, variant="primary", elem_id="arena-next")
        told = gr.HTML(padding=False, elem_id="arena-told")
        with gr.Accordion(words("arena_new"), open=False, elem_id="arena-begin"):
            begin = _begin(page)
        with gr.Accordion(words("arena_take"), open=False, elem_id="arena-take"):
            name = gr.Textbox("votes", label=words("dataset_name"), elem_id="arena-name", max_lines=1)
            take = gr.Button(words("arena_dataset"), elem_id="arena-dataset")
            taken = gr.HTML(padding=False, elem_id="arena-taken")
        with gr.Accordion(words("judge_title"), open=False, elem_id="judge"):
            judge = _judge(page)
    match, mark = gr.State(None), gr.Textbox("", visible=False)  # of a state, no change is told outside the queue
    shown = [match, pair, *votes.values(), more, told]
    _wire(page, (fold, chosen, mark), begin, (shown, votes, more))
    take.click(partial(_taken, page), [chosen, name, page.pulse], [taken, page.pulse], queue=False)
    judge["go"].click(partial(_judged, page), [chosen, judge["url"], judge["model"], judge["prompt"], judge["limit"]], [judge["said"]], queue=False)  # fmt: skip
    marks, drawn = [mark, judge["mark"]], [state, mark, judge["found"], judge["mark"]]
    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False}
    for event in (fold.expand, page.aside.change):
        event(partial(_drawn, page), [chosen, *marks], drawn, **quiet)
    chosen.change(lambda *given: [*_drawn(page, *given), None], [chosen, *marks], [*drawn, match], **quiet)


def _begin(page: Page) -> dict[str, Any]:
    words = page.words
    with gr.Row(elem_classes="two"):
        names = gr.Dropdown([], value=[], multiselect=True, allow_custom_value=True, label=words("arena_contestants"), elem_id="arena-contestants", scale=3)  # fmt: skip
        data = gr.Dropdown([], label=words("arena_data"), elem_id="arena-data", interactive=True, scale=2)
        count = gr.Number(arena.PROMPTS, label=words("arena_count"), precision=0, minimum=1, elem_id="arena-count", scale=1)  # fmt: skip
    text = gr.Textbox("", label=words("arena_prompts"), lines=3, elem_id="arena-prompts")
    go = gr.Button(words("arena_go"), variant="primary", elem_id="arena-go")
    return {"names": names, "data": data, "count": count, "text": text, "go": go, "said": gr.HTML(padding=False, elem_id="arena-said")}  # fmt: skip


def _judge(page: Page) -> dict[str, Any]:
    words = page.words
    gr.HTML(hint(words("judge_text", name=judging.KEY)), padding=False)
    with gr.Row(elem_classes="two"):
        url = gr.Textbox("", label=words("judge_url"), placeholder="http://127.0.0.1:8000/v1", elem_id="judge-url", max_lines=1)  # fmt: skip
        model = gr.Textbox("", label=words("judge_model"), elem_id="judge-model", max_lines=1)
        limit = gr.Number(0, label=words("judge_limit"), precision=0, minimum=0, elem_id="judge-limit")
    prompt = gr.Textbox(judging.PROMPT, label=words("judge_prompt"), lines=8, elem_id="judge-prompt")
    go = gr.Button(words("judge_go"), elem_id="judge-go")
    said, found = gr.HTML(padding=False, elem_id="judge-said"), gr.HTML(padding=False, elem_id="judge-found")
    return {"url": url, "model": model, "limit": limit, "prompt": prompt, "go": go, "said": said, "found": found, "mark": gr.State("")}  # fmt: skip


def _wire(page: Page, parts: tuple[Any, ...], begin: dict[str, Any], shown: tuple[list[Any], dict[str, Any], Any]) -> None:  # fmt: skip
    (fold, chosen, mark), (outputs, votes, more), quiet = parts, shown, {"show_progress": "hidden", "queue": False}  # fmt: skip
    for event in (fold.expand, page.pulse.change, page.mark.change):
        event(lambda: _offered(page), [], [begin["names"], begin["data"]], **quiet)
    page.loads.append((lambda: [*_offered(page), _listed(page)], [], [begin["names"], begin["data"], chosen]))
    begin["go"].click(partial(_created, page), [begin[name] for name in ("names", "data", "count", "text")], [begin["said"], chosen], **quiet)  # fmt: skip
    more.click(partial(_next, page), [chosen, outputs[0]], outputs, **quiet)
    mark.change(partial(_grown, page), [chosen, outputs[0]], outputs, **quiet)
    for name, button in votes.items():
        button.click(partial(_vote, page, name), [chosen, outputs[0]], outputs, **quiet)


def _offered(page: Page) -> list[Any]:
    """Runs that talk, tuned and as they began; datasets of conversations."""
    runs = [run for run in all_runs(page.workspace) if TASKS.get(run.recipe.task.kind).talks and run.tuned.exists()]
    names = [(page.words(f"arena_{kind}", name=run.id), f"{kind}:{run.id}") for run in runs for kind in ("run", "base")]
    known = [*library.all_datasets(page.workspace), *library.samples()]
    talks = [each.name for each in known if {"messages", "prompt", "response"} & set(each.meta["roles"].values())]
    return [gr.update(choices=names), gr.update(choices=list(dict.fromkeys(talks)))]


def _listed(page: Page, value: str | None = None) -> Any:
    ids = [each.id for each in arena.all_arenas(page.workspace)]
    return gr.update(choices=ids, value=value or (ids[0] if ids else None))


def _created(page: Page, names: list[str] | None, data: str | None, count: float | None, text: str) -> list[Any]:
    try:
        known = [answering.named(page.workspace, name) for name in names or []]
        prompts = arena.written(text or "") or (arena.prompts_of(page.workspace, data, int(count or 1)) if data else [])
        made = arena.create(page.workspace, known, prompts)
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    answering.start(page.workspace, made)
    return [fine(page.words("arena_begun", n=len(prompts))), _listed(page, made.id)]


def _found(page: Page, name: str | None) -> arena.Arena | None:
    try:
        return arena.find(page.workspace, name or "")
    except UserError:
        return None


def _state(page: Page, name: str | None, old: str) -> list[Any]:
    """How far the answers are; the mark changes when there is more to vote on."""
    made = _found(page, name)
    if made is None:
        return ["", ""] if old else [gr.skip(), gr.skip()]
    done, whole = len(made.answers()), len(made.prompts) * len(made.contestants)
    live, wrong = answering.running(made), answering.error(made)
    mark = f"{made.id} {done} {live} {wrong}"
    if mark == old:
        return [gr.skip(), gr.skip()]
    text = hint(page.words("arena_answering", done=done, n=whole)) if live or done < whole else ""
    return [problem(page.words.pick(wrong), page.words.lang) if wrong else text, mark]


def _drawn(page: Page, name: str | None, old: str, judged: str) -> list[Any]:
    """How far the answers are, and what the judge made of them, where that changed."""
    return [*_state(page, name, old), *_verdicts(page, name, judged)]


def _grown(page: Page, name: str | None, match: Match | None) -> list[Any]:
    """The first pair, once there is one. What is on screen stays: a vote, and who was who, must not vanish while answers come in."""
    return _next(page, name) if match is None else [gr.skip()] * 8


def _next(page: Page, name: str | None, match: Match | None = None) -> list[Any]:
    """Another pair; one that is on screen stays until it was voted on."""
    words, made, off = page.words, _found(page, name), gr.update(visible=False)
    if made is None:
        return [None, "", *[off] * 4, off, ""]
    voted = {(vote["prompt"], vote["left"], vote["right"]) for vote in made.votes()}
    known = match is not None and (match.prompt, match.left) in made.answers() and {match.left, match.right} <= set(made.contestants)  # fmt: skip
    if match is None or not known or (match.prompt, match.left, match.right) in voted:
        match = arena.next_match(made)
    if match is None:
        nothing = hint(words("arena_done")) if made.votes() else ""
        return [None, nothing, *[off] * 4, off, _told(words, made)]
    on = gr.update(visible=True)
    return [match, _pair(words, made, match), *[on] * 4, off, _told(words, made)]


def _vote(page: Page, winner: str, name: str | None, match: Match | None) -> list[Any]:
    """Keep the vote, then say who was who."""
    made, off = _found(page, name), gr.update(visible=False)
    if made is None or match is None:
        return _next(page, name)
    try:
        arena.vote(made, match, winner)
    except UserError:  # pressed twice, or in another tab: the first vote counts
        return _next(page, name)
    return [match, _pair(page.words, made, match, winner), *[off] * 4, gr.update(visible=True), _told(page.words, made)]


def _pair(words: Words, made: arena.Arena, match: Match, winner: str = "") -> str:
    answers, sides = made.answers(), []
    for side, who in (("left", match.left), ("right", match.right)):
        title = answering.shown(who) + (" ✓" if winner == side else "") if winner else words(f"arena_side_{side}")
        sides.append(tag("div", f"<small>{esc(title)}</small>{esc(answers[match.prompt, who] or words('arena_silent'))}", class_=f"side{' after' if winner == side else ''}"))  # fmt: skip
    asked = judging.requested(made.prompts[match.prompt])
    return tag("div", f'<div class="ask">{esc(asked)}</div><div class="sides">{"".join(sides)}</div>', class_="card pairs")  # fmt: skip


def _told(words: Words, made: arena.Arena) -> str:
    """Points once there are votes, and how many more would be needed. Names in it give nothing away: sides change by chance."""
    given = arena.outcomes(made.votes())
    if not given:
        return ""
    head = [words(f"arena_{name}") for name in ("who", "points", "interval", "won", "tied", "lost")]
    rows = [[answering.shown(each.name), f"{each.points:+.0f}", f"{each.interval[0]:+.0f} … {each.interval[1]:+.0f}" if each.interval else "–", each.won, each.tied, each.lost] for each in bradley.standings(made.contestants, given)]  # fmt: skip
    duel = bradley.duel(made.contestants[1], made.contestants[0], given)
    low, high = duel["interval"] or (0.0, 1.0)
    line = words("arena_duel", one=answering.shown(duel["one"]), other=answering.shown(duel["other"]), rate=f"{duel['rate'] or 0:.0%}", low=f"{low:.0%}", high=f"{high:.0%}", p=f"{duel['p']:.3f}", n=duel["decided"], needed=duel["needed"])  # fmt: skip
    return tag("p", esc(line), class_="verdict") + table(head, rows)


def _taken(page: Page, name: str | None, dataset: str, pulse: float) -> list[Any]:
    made = _found(page, name)
    try:
        if made is None:
            raise UserError("Choose an arena first.", "请先选择一场对战。", field="arena")
        saved = arena.to_dataset(page.workspace, made, (dataset or "").strip() or "votes")
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return page.chosen(saved, "arena_saved", pulse)


def _judged(page: Page, name: str | None, url: str, model: str, prompt: str, limit: float | None) -> str:
    made = _found(page, name)
    try:
        if made is None:
            raise UserError("Choose an arena first.", "请先选择一场对战。", field="arena")
        judging.start(page.workspace, made, judging.Judge(url or "", model or "", prompt or ""), int(limit or 0))
    except UserError as error:
        return problem(error, page.words.lang)
    return fine(page.words("judge_begun"))


def _verdicts(page: Page, name: str | None, old: str) -> list[Any]:
    """What the judge made of it so far; greyed where it is not to be trusted."""
    made = _found(page, name)
    lines = len(made.judged()) if made else 0
    mark = f"{name} {lines} {len(made.votes()) if made else 0}"
    if mark == old:
        return [gr.skip(), gr.skip()]
    found = judging.summary(made) if made else None
    if made is None or found is None:
        return ["", mark]
    words, names = page.words, made.contestants
    given = [(each["one"], each["other"], arena.WINS[each["winner"]]) for each in made.judged() if each["model"] == found["model"]]  # fmt: skip
    kappa = f"{found['kappa']:.2f}" if found["kappa"] is not None else "–"
    text = words("judge_found", model=found["model"], n=found["pairs"], flips=f"{found['flips']:.0%}", kappa=kappa, shared=found["shared"])  # fmt: skip
    rows = [[answering.shown(each.name), f"{each.points:+.0f}", each.won, each.tied, each.lost] for each in bradley.standings(names, given)]  # fmt: skip
    notes = [] if found["trusted"] else [problem(words("judge_untrusted"), words.lang)]
    notes += [hint(words("judge_family"))] if found["family"] else []
    body = tag("p", esc(text)) + table([words(f"arena_{each}") for each in ("who", "points", "won", "tied", "lost")], rows)  # fmt: skip
    return ["".join(notes) + tag("div", body, class_="" if found["trusted"] else "soft greyed"), mark]
