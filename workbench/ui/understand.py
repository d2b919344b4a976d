"""Understanding a dataset: a closer look on a press, a cutoff to move, a map, and one page to take away."""

from __future__ import annotations

import html
import tempfile
from bisect import bisect_right
from pathlib import Path
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.data import understand
from workbench.data.dataset import Dataset
from workbench.data.profile import histogram
from workbench.data.working import working
from workbench.models import catalog
from workbench.ui import figures
from workbench.ui.notices import esc, facts, hint, problem, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

LABELS = 12


def build(page: Page, chosen: Any) -> None:
    """The fold: one button, then the pictures."""
    words = page.words
    with gr.Accordion(words("look_title"), open=False, elem_id="understanding"):
        gr.HTML(hint(words("look_text")), padding=False)
        go = gr.Button(words("look_go"), variant="primary", elem_id="look-go")
        said = gr.HTML(padding=False, elem_id="look-said")
        tokens = gr.State([])
        lengths = gr.Plot(visible=False, show_label=False, elem_id="look-lengths")
        limit = gr.Slider(8, 4096, 512, step=8, label=words("look_cutoff"), visible=False, elem_id="look-cutoff")
        cost = gr.HTML(padding=False, elem_id="look-cost")
        with gr.Row():
            labels = gr.Plot(visible=False, show_label=False)
            scripts = gr.Plot(visible=False, show_label=False)
        plane = gr.Plot(visible=False, show_label=False, elem_id="look-map")
        below = gr.HTML(padding=False)
        file = gr.File(visible=False, interactive=False, label=words("look_report"), elem_id="look-report")
    shown = [said, tokens, lengths, limit, cost, labels, scripts, plane, below, file]
    go.click(lambda name: _look(page, name), [chosen], shown, show_progress="full", show_progress_on=[said])
    chosen.change(lambda: _nothing(""), None, shown, queue=False, show_progress="hidden")
    limit.change(
        lambda counts, at: [_lengths(words, counts, at), _cost(words, counts, at)], [tokens, limit], [lengths, cost],
        queue=False, show_progress="hidden",
    )  # fmt: skip


def _look(page: Page, name: str | None) -> list[Any]:
    words = page.words
    try:
        dataset = working(page.workspace, name or "")
        folder, why = _tokenizer(page)
        found = understand.look(dataset, folder)
    except UserError as error:
        return _nothing(problem(error, words.lang))
    at = int(page.draft.get("training.max_length") or 512) if found.tokens else 512
    top = max([*found.tokens, 16])
    slider = gr.update(maximum=top + 8, value=min(at, top), visible=bool(found.tokens))
    pictures = _pictures(words, found, min(at, top))
    report = _report(words, dataset, found, pictures)
    shown = [
        gr.update(value=figure, visible=True) if figure is not None else gr.update(visible=False) for figure in pictures
    ]
    card = tag("div", _facts(words, dataset, found), class_="card") + (hint(why) if why else "")
    cost = _cost(words, found.tokens, min(at, top))
    return [
        card,
        found.tokens,
        shown[0],
        slider,
        cost,
        *shown[1:],
        _tables(words, found),
        gr.update(value=str(report), visible=True),
    ]


def _nothing(said: str) -> list[Any]:
    """No pictures, and why."""
    hidden = gr.update(visible=False)
    return [said, [], *[hidden] * 2, "", *[hidden] * 3, "", hidden]


def _tokenizer(page: Page) -> tuple[Path | None, str]:
    """The folder of the chosen model; without one, characters are counted, and it is said why."""
    try:
        return catalog.here(page.workspace, str(page.draft.get("model.id") or "")), ""
    except UserError as error:
        return None, error.say(page.words.lang)


def _pictures(words: Words, found: understand.Look, at: int) -> list[Any]:
    labels = list(found.profile.labels)[:LABELS]
    return [
        _lengths(words, found.tokens, at),
        figures.counts([label or words("rows_empty") for label in labels], [found.profile.labels[label] for label in labels], 80 + 28 * len(labels)) if labels else None,
        figures.counts([_script(words, kind) for kind in found.scripts], list(found.scripts.values()), 80 + 28 * len(found.scripts)),
        figures.themes(found.map, found.texts, words("look_map")) if found.map else None,
    ]  # fmt: skip


def _script(words: Words, kind: str) -> str:
    return words(f"script_{kind}") if kind in ("zh", "ja", "ko", "latin", "cyrillic", "arabic") else kind


def _lengths(words: Words, counts: list[int], at: float) -> Any:
    if not counts:
        return None
    edges, heights = histogram(sorted(counts))
    cut = [0] * len(heights)
    for count in counts:
        cut[min(bisect_right(edges, count) - 1, len(cut) - 1)] += count > at
    return figures.cut_histogram(edges, heights, cut, float(at), words("look_tokens"))


def _cost(words: Words, counts: list[int], at: float) -> str:
    if not counts:
        return ""
    cost = understand.cut(counts, int(at))
    return hint(words("look_cost", at=f"{int(at):,}", rows=f"{int(cost['rows']):,}", of=f"{len(counts):,}", lost=f"{cost['lost']:.1%}", padding=f"{cost['padding']:.0%}"))  # fmt: skip


def _facts(words: Words, dataset: Dataset, found: understand.Look) -> str:
    about = found.profile
    empties = ", ".join(f"{column} {count:,}" for column, count in about.empty.items()) or "0"
    pairs = [
        (words("rows"), f"{dataset.meta['rows']:,}" + (words("looked_at", n=f"{about.rows:,}") if about.rows < dataset.meta["rows"] else "")),
        (words("duplicates"), about.duplicates),
        (words("overlap"), about.overlap),
        (words("look_empty"), empties),
        (words("look_vocabulary"), f"{found.vocabulary:,}"),
        (words("look_lengths"), f"{about.shortest:,} – {about.median:,} – {about.longest:,}"),
    ]  # fmt: skip
    return tag("h2", esc(_title(words, dataset))) + facts(pairs)


def _title(words: Words, dataset: Dataset) -> str:
    unsaved = f" {words('look_unsaved')}" if dataset.meta.get("unsaved") else ""
    return f"{dataset.name} v{dataset.version}{unsaved}"


def _tables(words: Words, found: understand.Look) -> str:
    parts = [
        tag("h2", esc(words("look_pairs")))
        + table([words("look_pair"), words("look_times")], list(found.pairs.items()))
    ]
    if found.odd:
        odd = [[place + 1, words.say(why), text] for place, why, text in found.odd]
        parts.append(
            tag("h2", esc(words("look_odd"))) + table([words("row"), words("reason"), words("text")], odd, 160)
        )
    return "".join(parts)


def _report(words: Words, dataset: Dataset, found: understand.Look, pictures: list[Any]) -> Path:
    """One page of HTML with everything in it; it needs no network to be read."""
    drawn = [figure for figure in pictures if figure is not None]
    plots = [figure.to_html(full_html=False, include_plotlyjs=number == 0) for number, figure in enumerate(drawn)]
    style = "body{font:15px/1.6 system-ui,sans-serif;max-width:960px;margin:32px auto;padding:0 20px;color:#23211d}table{border-collapse:collapse}td,th{border-bottom:1px solid #ddd;padding:4px 10px;text-align:left;white-space:pre-wrap}dt{color:#6b665d}dd{margin:0 0 6px}"
    title = html.escape(f"{words('look_report')}: {_title(words, dataset)}")
    body = _facts(words, dataset, found) + "".join(plots) + _tables(words, found)
    path = Path(tempfile.mkdtemp(prefix="report-")) / f"{dataset.name}-v{dataset.version}-report.html"
    page = f'<!doctype html><html lang="{words.lang}"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head><body><h1>{title}</h1>{body}</body></html>'
    path.write_text(page, encoding="utf-8")
    return path
