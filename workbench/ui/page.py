"""The page in one language: rail, seven pages, job bar. What the tabs share is handed to them as a `Page`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from workbench.core.run import ENDED, Run, all_runs
from workbench.core.text import Lang
from workbench.core.workspace import Workspace
from workbench.data.dataset import Dataset
from workbench.engine.diagnosis import alarms
from workbench.ui import aside
from workbench.ui.access import Gated
from workbench.ui.draft import Draft
from workbench.ui.feed import Feed
from workbench.ui.notices import esc, fine, progress
from workbench.ui.shared import banner
from workbench.ui.toasts import instead
from workbench.ui.words import Words

NAMES = ("learn", "data", "model", "train", "runs", "evaluate", "chat")


WATCHED = 50
"""Newest runs that are looked at every second."""
View = tuple[Callable[..., Any], list[Any], list[Any]]
REMEMBER = "run => { run && sessionStorage.setItem('workbench-run', run) }"
REMEMBERED = """(current, pointed, known) => [
  current, current && document.body.dataset.page === 'WHERE' && Date.now() > window.wbSettled ? current : pointed || sessionStorage.getItem('workbench-run') || '', known,
]"""
CHOSEN = "run => { window.wbSettled = 0; run && sessionStorage.setItem('workbench-run-WHERE', `${run} ${sessionStorage.getItem('workbench-run') || ''}`) }"
OPENED = """(current, pointed, known) => {
  const last = sessionStorage.getItem('workbench-run') || '', [run, at] = (sessionStorage.getItem('workbench-run-WHERE') || ' ').split(' ');
  return [current, pointed || (run && at === last ? run : last), known];
}"""
"""The run a tab looks at stays in its browser, so that a reload, or the other language, shows the same again: what somebody chose on this
page, unless they have pointed at another run since; and while somebody looks at a page, nothing that
happens elsewhere changes what is chosen there, but for the first seconds, in which answers from before are still on their way."""
PICKED = "run => window.wbPicked = run || ''"
POINTED = "(current, pointed) => [current, 'WHERE' === 'runs' && pointed === window.wbPicked ? current : pointed]"
"""Who picks a run on the Runs page points at it. What was picked there since holds: it is not taken back to what was pointed at before."""


@dataclass
class Page:
    """What every tab gets.

    `pulse` is a hidden counter: raise it and every registered view is drawn again. `run` is the run last pointed at.
    `mark` changes by itself when a run appears, changes its status or leaves a result, whoever started it; `beat` whenever a run
    that works says something, `aside` whenever an evaluation, a contest or a search does.
    `asked` is "run time" of the last press on a button that leads to a conversation with a run.
    """

    words: Words
    workspace: Workspace
    feed: Feed
    draft: Draft
    pulse: Any = None
    run: Any = None
    mark: Any = None
    beat: Any = None
    aside: Any = None
    asked: Any = None
    views: list[View] = field(default_factory=list)
    loads: list[View] = field(default_factory=list)
    """As views, but when the page opens only."""
    lists: list[tuple[View, str]] = field(default_factory=list)
    """Choices of runs, with the script that tells them what to show first."""

    def view(self, fn: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
        """Draw `outputs` with `fn(*inputs)` when the page opens and whenever the pulse rises."""
        self.views.append((fn, inputs, outputs))

    def chosen(self, made: Dataset, said: str, pulse: float, **told: Any) -> list[Any]:
        """A version that was just saved is the one for the next run; what is told of it, and the next pulse."""
        self.draft.put({"data.dataset": made.name, "data.version": made.version, "name": ""})
        rows = f"{made.meta['rows']:,}"
        return [fine(self.words(said, name=made.name, version=made.version, rows=rows, **told)), pulse + 1]

    def run_list(self, dropdown: Any, choices: Callable[[], list[Any]], where: str) -> None:
        """Keep a choice of runs on page `where` up to date. It follows `run` when that changes or first becomes a choice (a run that
        has just finished can be talked to), else it keeps what is chosen."""
        known = gr.State(None)

        def listed(current: str | None, pointed: str, before: list[str] | None) -> list[Any]:
            found = choices()
            ids = [item[1] if isinstance(item, tuple) else item for item in found]
            arrived = pointed in ids and pointed not in (before or []) and pointed != current
            on_its_way = not current and bool(before)  # an earlier answer's choice, or one that was made since
            if (
                current in ids or on_its_way
            ) and not arrived:  # the value stays untouched: a newer choice may be on its way
                return [gr.update(choices=found), ids]
            return [gr.update(choices=found, value=pointed if pointed in ids else (ids[0] if ids else None)), ids]

        def heard(current: str | None, pointed: str, before: list[str] | None) -> list[Any]:
            if before is None:  # the first answer is not made yet, and will tell all that there is
                return [gr.skip(), gr.skip()]
            return listed(current, pointed, before)

        quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False}
        both = [dropdown, known]
        chosen, opened, remembered, pointed = (
            each.replace("WHERE", where) for each in (CHOSEN, OPENED, REMEMBERED, POINTED)
        )
        self.lists.append(((listed, [dropdown, self.run, known], both), opened))
        dropdown.input(None, [dropdown], None, js=chosen)
        self.mark.change(heard, [dropdown, self.run, known], both, js=remembered, **quiet)
        self.run.change(lambda current, pointed: listed(current, pointed, []), [dropdown, self.run], both, js=pointed, **quiet)  # fmt: skip
        self.asked.change(lambda current, asked: listed(current, asked.split(" ")[0], []), [dropdown, self.asked], both, **quiet)  # fmt: skip


def build(lang: Lang, workspace: Workspace, feed: Feed, leave: bool = False) -> Gated:
    """The whole page as Blocks; with a way to log out where somebody had to `leave` a name to come in."""
    from workbench.ui.tabs import chat, data, evaluate, learn, model, runs, train

    words = Words(lang)
    page = Page(words, workspace, feed, Draft(workspace))
    with Gated(title=words("title"), analytics_enabled=False, fill_width=True) as blocks:
        page.pulse = gr.Number(0, visible=False)
        page.run = gr.Textbox("", visible=False)
        fresh = gr.Button(elem_id="news", elem_classes="unseen")
        page.mark = gr.Textbox("", visible=False)
        page.beat = gr.Textbox("", visible=False)
        page.aside = gr.Textbox("", visible=False)
        page.asked = gr.Textbox("", visible=False)
        gr.HTML(rail(words, leave), elem_classes="rail-block", padding=False)
        for name, tab in zip(NAMES, (learn, data, model, train, runs, evaluate, chat), strict=True):
            with gr.Column(elem_id=f"page-{name}", elem_classes="page"):
                tab.build(page)
        bar = gr.HTML(job_bar(page), elem_classes="bar-block", padding=False)
        fresh.click(None, None, [page.mark, page.beat, bar, page.aside], js="() => wbFresh()")
        for fn, inputs, outputs in page.views:
            gr.on([blocks.load, page.pulse.change], fn, inputs, outputs, show_progress="hidden", queue=False)
        page.run.change(None, [page.run], None, js=REMEMBER)
        for (fn, inputs, outputs), js in [*((view, None) for view in page.loads), *page.lists]:
            blocks.load(fn, inputs, outputs, show_progress="hidden", queue=False, js=js)
        _hush(blocks, page.mark)
    blocks.gate(words)
    return blocks


def _hush(blocks: gr.Blocks, place: Any) -> None:
    """Events that show no progress report it to one hidden place. Else the browser looks through the whole page, at the beginning and
    at the end of every event, for each component that any event ever wrote to."""
    for event in blocks.fns.values():
        if event.show_progress == "hidden" and not event.queue:
            event.show_progress_on = [place]


def news(lang: Lang, workspace: Workspace, feed: Feed) -> list[str]:
    """What `mark`, `beat`, the job bar and `aside` should be now. A page asks every second, as a plain request: an event of Gradio's would cost the
    browser a third of a core on a page at rest. assets/page.js hands on only what changed."""
    page = Page(Words(lang), workspace, feed, Draft(workspace))
    runs = all_runs(workspace)[:WATCHED]
    told = [run for run in runs if run.status == "running"]
    return [
        " ".join(
            f"{run.id}={_word(page, run)}{run.tuned.exists()}{(run.result / 'report.json').exists()}" for run in runs
        ),
        " ".join(f"{run.id}@{feed.view(run).offset}{run.stop_asked}{run.pause_asked}{alarms(run)}" for run in told),
        job_bar(page),
        aside.told(workspace),
    ]


def _word(page: Page, run: Run) -> str:
    status = run.status
    return page.feed.view(run).shown(status) if status == "running" else status


def rail(words: Words, leave: bool = False) -> str:
    """The left rail in work order, the language switch, the theme switch, and the way out."""
    buttons = "".join(
        f'<button type="button" data-go="{name}"><span class="n" aria-hidden="true">{index}</span>'
        f"{esc(words(f'nav_{name}'))}<small>g {name[0]}</small></button>"
        for index, name in enumerate(NAMES, 1)
    )
    way_out = f'<form method="post" action="../logout"><button>{esc(words("logout"))}</button></form>' if leave else ""
    zh, en = ("<span>中文</span>", '<a href="../en/" lang="en">EN</a>')
    if words.lang == "en":
        zh, en = ('<a href="../zh/" lang="zh">中文</a>', "<span>EN</span>")
    return (
        f'<div id="rail" data-toasts="{esc(instead(words))}"><div class="brand">{esc(words("title"))}</div><div class="sub">{esc(words("tagline"))}</div>'
        f'<nav aria-label="{esc(words("pages"))}">{buttons}</nav></div>'
        f'<div id="lang">{zh}{en}<button type="button" data-theme-flip="1" aria-label="{esc(words("theme"))}">◐</button>{way_out}</div>'
    )


def job_bar(page: Page) -> str:
    """The line at the bottom of every page: what runs now, how far it is, or that nothing runs; above it, whether anything is shared."""
    return banner(page.workspace, page.words) + _job(page)


def _job(page: Page) -> str:
    words = page.words
    runs = all_runs(page.workspace)[:20]
    active = next((run for run in runs if run.status == "running"), None)
    waiting = sum(run.status == "queued" for run in runs)
    if active is None:
        newest = next((run for run in runs if run.status in ENDED), None)
        text = (
            words("bar_idle")
            if newest is None
            else words("bar_last", run=newest.id, status=words(f"status_{newest.status}"))
        )
        go = "train" if newest is None else "evaluate"
        return f'<div id="jobs"><span class="what">{esc(text)}</span><button data-go="{go}">{esc(words(f"bar_go_{go}"))}</button></div>'
    return _active_bar(page, active, waiting)


def _active_bar(page: Page, run: Run, waiting: int) -> str:
    words = page.words
    view = page.feed.view(run)
    step = view.step
    label = words(f"phase_{view.phase}") if view.phase else words("phase_start")
    if view.phase == "train" and step:
        label = f"{label} {step.get('step')}/{step.get('total')}"
        label += f" · {clock(view.remaining, words)}" if view.paused is None else ""
    if view.scored:
        label = f"{label} {view.scored[0]:,}/{view.scored[1]:,}"
    more = f" · {words('bar_waiting', n=waiting)}" if waiting else ""
    word = view.shown("running")
    bar = progress(view.share, "").split("<small>")[0]
    return (
        f'<div id="jobs"><span class="pill {word}">{esc(words(f"status_{word}"))}</span>{bar}'
        f'<span class="what">{esc(run.id)} · {esc(label)}{esc(more)}</span>'
        f'<button data-go="runs">{esc(words("bar_go_runs"))}</button></div>'
    )


def clock(seconds: float | None, words: Words) -> str:
    """Remaining time in words."""
    if seconds is None:
        return words("eta_unknown")
    if seconds < 90:
        return words("eta_seconds", n=max(1, round(seconds)))
    return words("eta_minutes", n=round(seconds / 60))
