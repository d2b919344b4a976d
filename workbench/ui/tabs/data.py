"""Data: bring a file, see how it was read, confirm what the columns mean, keep it as a dataset."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.task import TASKS
from workbench.data import library, profile
from workbench.data.history import History
from workbench.data.working import working
from workbench.ui import annotate, bring, cleaning, figures, history, hubdata, rows, splitting, understand
from workbench.ui.notices import esc, facts, heading, problem, table, tag
from workbench.ui.page import Page
from workbench.ui.toasts import warn


def build(page: Page) -> None:
    """Import on the left, picture on the right."""
    words = page.words
    gr.HTML(heading(words("data_title"), words("data_text")), padding=False)
    with gr.Row(elem_classes="two"):
        with gr.Column(scale=2, min_width=320):
            chosen = gr.Dropdown([], label=words("dataset"), elem_id="dataset-choice", interactive=True)
            use = gr.Button(words("use_dataset"), variant="primary", elem_id="use-dataset")
            upload, confirm = bring.build(page)
            hubdata.build(page)
        with gr.Column(scale=3, min_width=340):
            picture = gr.HTML(padding=False)
            balance = gr.Plot(visible=False, show_label=False)
            lengths = gr.Plot(visible=False, show_label=False)
    drawn = (lambda name: _show(page, name), [picture, balance, lengths])
    _wire(page, chosen, use, drawn[1])
    bring.wire(page, {**confirm, "upload": upload, "chosen": chosen, "use": use}, drawn)
    rows.build(page, chosen)
    understand.build(page, chosen)
    cleaning.build(page, chosen, drawn)
    annotate.build(page, chosen)
    history.build(page, chosen, drawn)
    splitting.build(page, chosen)


def _wire(page: Page, chosen: Any, use: Any, picture: list[Any]) -> None:
    known = gr.State("")
    page.view(lambda now, before: _datasets(page, now, before), [chosen, known], [chosen, known, *picture])
    chosen.change(lambda name: _show(page, name), [chosen], picture, queue=False, show_progress="hidden")
    use.click(lambda name, pulse: _use(page, name, pulse), [chosen, page.pulse], [page.pulse], queue=False).then(
        None, None, None, js="() => wbGo('model')"
    )


def _datasets(page: Page, now: str | None, before: str) -> list[Any]:
    """The choice follows what the next run is to use when that becomes another dataset or version (`before`: what it was),
    and stays otherwise; a new version of the dataset that is looked at is drawn at once."""
    names = list(dict.fromkeys(item.name for item in library.all_datasets(page.workspace)))
    current = page.draft.get("data.dataset")
    used = f"{current} {page.draft.get('data.version')}"
    wanted = current if current in names else (names[0] if names else None)
    if now in names and (now == wanted or used == before):
        drawn = _show(page, now) if used != before else [gr.skip()] * 3
        return [gr.update(choices=names), used, *drawn]
    return [gr.update(choices=names, value=wanted), used, *[gr.skip()] * 3]


def _use(page: Page, name: str | None, pulse: float) -> float:
    """What was done and not saved yet becomes a version first: a run names the version it used."""
    if name:
        try:
            work = History(page.workspace, name)
            name = work.publish().name if work.unsaved else name
        except UserError as error:
            warn(error.say(page.words.lang))
            return pulse
        dataset = library.find(page.workspace, name)
        page.draft.choose_dataset(name)
        task = dataset.meta.get("task")
        if task in TASKS.kinds() and task != page.draft.get("task.kind"):
            page.draft.choose_task(task)
    return pulse + 1


def _show(page: Page, name: str | None) -> list[Any]:
    """The chosen dataset: facts, first rows, label balance, lengths."""
    words = page.words
    if not name:
        return bring.nothing(page)
    try:
        dataset = working(page.workspace, name)
        found = profile.overview(dataset, profile.sample(dataset)[1])
    except UserError as error:
        return [problem(error, words.lang), gr.update(visible=False), gr.update(visible=False)]
    columns = list(dataset.meta.get("columns") or [])
    rows = dataset.rows(0, bring.PREVIEW_ROWS)
    shown = facts([
        (words("rows"), f"{dataset.meta['rows']:,}" + (words("looked_at", n=f"{found.rows:,}") if found.rows < dataset.meta["rows"] else "")),
        (words("columns"), ", ".join(f"{column} → {role}" for column, role in (dataset.meta.get("roles") or {}).items()) or ", ".join(columns)),
        (words("version"), f"{dataset.version}" + (f" · {words('history_unsaved')}" if dataset.meta["unsaved"] else "")),
        (words("duplicates"), found.duplicates),
        (words("overlap"), found.overlap),
    ])  # fmt: skip
    card = tag("div", f"<h2>{esc(dataset.name)}</h2>{shown}", class_="card")
    body = table(columns, ([_cell(row.get(column)) for column in columns] for row in rows))
    return [card + body, _balance(page, found), _lengths(page, found)]


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "\n".join(
            f"{item.get('role')}: {item.get('content')}" if isinstance(item, dict) else str(item) for item in value
        )
    return value


def _balance(page: Page, found: Any) -> Any:
    if not found.labels:
        return gr.update(visible=False)
    labels = list(found.labels)[:12]
    height = 80 + 28 * len(labels)
    names = [label or page.words("rows_empty") for label in labels]
    return gr.update(value=figures.counts(names, [found.labels[label] for label in labels], height), visible=True)


def _lengths(page: Page, found: Any) -> Any:
    if not found.counts:
        return gr.update(visible=False)
    return gr.update(value=figures.histogram(found.edges, found.counts, page.words("characters")), visible=True)
