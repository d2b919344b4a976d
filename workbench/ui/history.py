"""What was done to a dataset, as a list one can travel in: undo, redo, another order, a version, a file to do it again elsewhere."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError, shorten
from workbench.core.knob import Knob, knobs
from workbench.core.text import Text
from workbench.data import exchange, frame
from workbench.data.heldout import WAYS
from workbench.data.history import History
from workbench.data.step import CLEANING, COUNTS
from workbench.data.timeline import Moment, moments
from workbench.data.values import as_count, as_text
from workbench.ui.notices import esc, fine, hint, problem, table
from workbench.ui.page import Page
from workbench.ui.words import Words

SHOWN = 60
"""Moments that are listed; of more, the latest."""
SET = 40
"""Characters of a setting that are shown."""


def build(page: Page, chosen: Any, picture: tuple[Any, list[Any]]) -> None:
    """The fold; `picture` draws the dataset again when it changed."""
    words = page.words
    refresh = gr.Button("↻", elem_id="history-refresh", elem_classes="unseen")
    with gr.Accordion(words("history_title"), open=False, elem_id="history") as fold:
        gr.HTML(hint(words("history_text")), padding=False)
        with gr.Row(elem_classes="two"):
            with gr.Column(scale=3, min_width=340):
                line = gr.Radio([], label=words("history_line"), elem_id="history-line", interactive=True)
            with gr.Column(scale=2, min_width=300):
                parts = _buttons(words)
        said = gr.HTML(padding=False, elem_id="history-said")
        with gr.Accordion(words("history_take"), open=False, elem_id="history-files"):
            _files(page, chosen, said, picture)
    shown = [line, parts["which"], parts["undo"], parts["redo"], parts["save"]]
    _wire(
        page, chosen, picture, {**parts, "line": line, "said": said, "refresh": refresh, "fold": fold, "shown": shown}
    )


def left(name: str | None, said: str | None) -> Any:
    """What stays of a note when another dataset is chosen: nothing, unless it names that one (it was just saved)."""
    return gr.skip() if name and esc(name) in (said or "") else ""


def _buttons(words: Words) -> dict[str, Any]:
    with gr.Row():
        undo = gr.Button(words("history_undo"), elem_id="history-undo")
        redo = gr.Button(words("history_redo"), elem_id="history-redo")
    save = gr.Button(words("history_save"), variant="primary", elem_id="history-save")
    which = gr.Dropdown([], label=words("history_which"), elem_id="history-which", interactive=True)
    with gr.Row():
        up = gr.Button(words("history_up"), elem_id="history-up")
        down = gr.Button(words("history_down"), elem_id="history-down")
        out = gr.Button(words("history_out"), elem_id="history-out")
    return {"undo": undo, "redo": redo, "save": save, "which": which, "up": up, "down": down, "out": out}


def _wire(page: Page, chosen: Any, picture: tuple[Any, list[Any]], parts: dict[str, Any]) -> None:
    quiet, shown, said, which = {"queue": False, "show_progress": "hidden"}, parts["shown"], parts["said"], parts["which"]  # fmt: skip
    for event in (page.pulse.change, parts["fold"].expand):
        event(lambda name: _drawn(page, name), [chosen], shown, **quiet)
    chosen.change(lambda name, text: [*_drawn(page, name), left(name, text)], [chosen, said], [*shown, said], **quiet)
    parts["refresh"].click(lambda name: _drawn(page, name), [chosen], shown, **quiet).then(
        picture[0], [chosen], picture[1], **quiet
    )
    acts: list[tuple[Any, Callable[[History, Any], Any], Any]] = [
        (parts["undo"].click, lambda history, _: history.undo(), which),
        (parts["redo"].click, lambda history, _: history.redo(), which),
        (parts["line"].input, lambda history, seq: history.go(as_count(seq)), parts["line"]),
        (parts["up"].click, partial(_moved, by=-1), which),
        (parts["down"].click, partial(_moved, by=1), which),
        (parts["out"].click, partial(_moved, by=0), which),
    ]
    for event, act, given in acts:
        done = event(partial(_act, page, act), [chosen, given, page.pulse], [said, page.pulse])
        done.then(picture[0], [chosen], picture[1], **quiet)
    parts["save"].click(partial(_save, page), [chosen, page.pulse], [said, page.pulse])


def _act(page: Page, act: Callable[[History, Any], Any], name: str | None, given: Any, pulse: float) -> list[Any]:
    try:
        act(History(page.workspace, name or ""), given)
    except UserError as error:
        return [problem(error, page.words.lang), pulse + 1]
    return ["", pulse + 1]


def _moved(history: History, seq: int | None, by: int) -> None:
    """An entry one place earlier or later among those that stand; by 0: left out."""
    order = [moment.seq for moment in moments(history) if moment.where == "line" and moment.seq]
    if seq not in order:
        raise UserError("Choose an entry of the list first.", "请先在列表中选择一项。", field="which")
    place = order.index(seq)
    order.remove(seq)
    if by:
        order.insert(max(0, min(len(order), place + by)), seq)
    ends = [0, *(moment.seq for moment in moments(history) if moment.where == "line" and moment.seq)]
    groups: dict[int, list[int]] = {}
    line = [entry.seq for entry in history.log.line()]
    for before, end in itertools.pairwise(ends):
        groups[end] = line[line.index(before) + 1 if before else 0 : line.index(end) + 1]
    history.arrange([one for end in order for one in groups[end]])


def _save(page: Page, name: str | None, pulse: float) -> list[Any]:
    """A version of the working copy, chosen for the next run at once."""
    try:
        made = History(page.workspace, name or "").publish()
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    return page.chosen(made, "clean_saved", pulse)


def _drawn(page: Page, name: str | None) -> list[Any]:
    """The list, and what can be pressed."""
    words = page.words
    try:
        history = History(page.workspace, name or "")
    except UserError:
        return [gr.skip()] * 5
    found = moments(history)
    listed = [(told(words, moment), moment.seq) for moment in found]
    here = history.log.head()
    mine = [(told(words, moment), moment.seq) for moment in found if moment.where == "line" and moment.seq]
    ahead = any(moment.where == "ahead" for moment in found)
    return [
        gr.update(choices=[listed[0], *listed[1:][-SHOWN:]], value=here),
        gr.update(choices=mine, value=mine[-1][1] if mine else None),
        gr.update(interactive=here > 0),
        gr.update(interactive=ahead),
        gr.update(interactive=history.unsaved),
    ]


def told(words: Words, moment: Moment) -> str:
    """A moment in a sentence."""
    saved = "".join(f" · v{version}" for version in moment.versions)
    mark = {"line": "", "ahead": "↷ ", "other": "↳ "}[moment.where]
    people = ", ".join(name for name in moment.who if name)
    by = f" · {people}" if people else ""
    if moment.where == "other":
        return mark + words("history_other", n=moment.count) + saved
    return mark + _what(words, moment) + by + saved


def _what(words: Words, moment: Moment) -> str:
    value = moment.value
    if moment.kind == "begun":
        return words("history_begun", rows=f"{value['rows']:,}")
    if moment.kind == "step":
        label, told, counts = (
            words.say(CLEANING.get(value["kind"]).label),
            settings(words, value),
            step_counts(words, value),
        )
        return words("history_step", step=label, set=told, counts=counts) if told else f"{label}: {counts}"
    if moment.kind == "split":
        return words("history_split", way=words.say(WAYS[value["way"]]), n=f"{value.get('heldout', 0):,}")
    return words(f"history_{moment.kind}", n=f"{moment.count:,}")


def step_counts(words: Words, value: dict[str, Any]) -> str:
    """What a step did to how many rows."""
    return words("clean_counts", **{name: f"{value.get(name, 0):,}" for name in COUNTS})


def settings(words: Words, value: dict[str, Any]) -> str:
    """The knobs of a step that are not at their default, in the words of its form."""
    known = knobs(CLEANING.get(value["kind"]).section)
    pairs = [
        (made, value[name]) for name, (field, made) in known.items() if value.get(name, field.default) != field.default
    ]
    return " · ".join(f"{words.say(made.label)} {_set(words, made, given)}" for made, given in pairs)


def _set(words: Words, made: Knob, given: Any) -> str:
    if isinstance(given, bool):
        return words("yes" if given else "no")
    chosen = next((words.say(text) for value, text in made.choices if value == given), None)
    return shorten(as_text(given), SET) if chosen is None else chosen


def _files(page: Page, chosen: Any, said: Any, picture: tuple[Any, list[Any]]) -> None:
    """Take the log away; do a log again on this dataset, tried out first."""
    words = page.words
    with gr.Row():
        log = gr.Button(words("history_json"), elem_id="history-json")
        code = gr.Button(words("history_pandas"), elem_id="history-pandas")
    file = gr.File(visible=False, interactive=False, label=words("export_file"), elem_id="history-file")
    script = gr.Code(visible=False, language="python", label="pandas", elem_id="history-code")
    given = gr.File(label=words("history_replay"), file_types=[".json"], type="filepath", height=110, elem_id="history-given")  # fmt: skip
    again = gr.Button(words("history_again"), visible=False, elem_id="history-again")
    log.click(lambda name: _taken(page, name, "json"), [chosen], [said, file, script])
    code.click(lambda name: _taken(page, name, "pandas"), [chosen], [said, file, script])
    given.change(lambda name, path: _replayed(page, name, path, True), [chosen, given], [said, again])
    done = again.click(lambda name, path: _replayed(page, name, path, False), [chosen, given], [said, again])
    done.then(lambda pulse: pulse + 1, [page.pulse], [page.pulse], queue=False).then(
        picture[0], [chosen], picture[1], queue=False, show_progress="hidden"
    )


def _taken(page: Page, name: str | None, form: str) -> list[Any]:
    hidden = gr.update(visible=False)
    try:
        history = History(page.workspace, name or "")
        text = frame.script(history) if form == "pandas" else json.dumps(exchange.exported(history), ensure_ascii=False, indent=1)  # fmt: skip
    except UserError as error:
        return [problem(error, page.words.lang), hidden, hidden]
    ending = {"pandas": "py", "json": "log.json"}[form]
    path = Path(tempfile.mkdtemp(prefix="log-")) / f"{history.newest.name}.{ending}"
    path.write_text(text, encoding="utf-8")
    shown = gr.update(value=text, visible=True) if form == "pandas" else hidden
    return ["", gr.update(value=str(path), visible=True), shown]


def _replayed(page: Page, name: str | None, path: str | None, dry: bool) -> list[Any]:
    words, hidden = page.words, gr.update(visible=False)
    if not path:
        return ["", hidden]
    try:
        found = exchange.replayed(History(page.workspace, name or ""), exchange.read_log(Path(path)), dry)
    except UserError as error:
        return [problem(error, words.lang), hidden]
    rows = [
        ["✓" if entry["ok"] else "✗", _kind(words, entry["kind"]), _outcome(words, entry)] for entry in found["entries"]
    ]
    same = words("history_same" if found["same"] else "history_differs", rows=f"{found['rows']:,}")
    head = hint(same) if dry else fine(same)
    return [head + table(["", words("clean_step"), words("history_effect")], rows), gr.update(visible=dry)]


def _kind(words: Words, kind: str) -> str:
    if kind in CLEANING.kinds():
        return words.say(CLEANING.get(kind).label)
    return words(f"history_kind_{kind}") if kind in ("edit", "label", "split") else kind


def _outcome(words: Words, entry: dict[str, Any]) -> str:
    if "en" in entry:
        return words.say(Text(entry["en"], entry["zh"]))
    if "missing" in entry:
        return words("history_placed", n=f"{entry['done']:,}", missing=f"{entry['missing']:,}")
    if "heldout" in entry:
        return f"{entry['heldout']:,}"
    return words("clean_counts", **{name: f"{entry[name]:,}" for name in COUNTS})
