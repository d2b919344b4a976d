"""Splitting and versions, below labelling: hold rows out, see what two versions differ in, take a version away as a file."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import gradio as gr

from workbench.core.errors import UserError, shorten
from workbench.data import compare, divide, export, heldout, library
from workbench.data.step import CLEANING
from workbench.data.values import as_count
from workbench.data.working import working
from workbench.ui.history import left, settings, step_counts
from workbench.ui.notices import esc, facts, fine, hint, problem, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

STEPS = ("import", "annotate", "edit", "split")
FILES = [("JSONL", "jsonl"), ("CSV", "csv"), ("Parquet", "parquet"), ("Excel", "xlsx")]


def build(page: Page, chosen: Any) -> None:
    """Two folds: split; versions. What follows the dataset is asked for at once: the page draws after every answer."""
    way, by, share, ahead, said = _splitting(page, chosen)
    old, new, shown, file = _versions(page, chosen)
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden"}
    given, drawn = [chosen, way, share], [by, ahead, old, new]
    page.pulse.change(lambda *now: _drawn(page, *now), given, drawn, **quiet)
    chosen.change(
        lambda one, two, *now: [*_drawn(page, *now), left(now[0], one), left(now[0], two), gr.update(visible=False)],
        [said, shown, *given], [*drawn, said, shown, file], **quiet,
    )  # fmt: skip


def _splitting(page: Page, chosen: Any) -> list[Any]:
    words = page.words
    with gr.Accordion(words("split_title"), open=False, elem_id="splitting"):
        gr.HTML(hint(words("split_text")), padding=False)
        with gr.Row():
            way = gr.Dropdown(
                [(words.say(text), kind) for kind, text in divide.WAYS.items()], value="stratified",
                label=words("split_way"), filterable=False, elem_id="split-way",
            )  # fmt: skip
            by = gr.Dropdown([], label=words("split_by"), elem_id="split-by", interactive=True)
            share = gr.Number(0, label=words("split_share"), step=0.01, elem_id="split-share")
            seed = gr.Number(42, label=words("split_seed"), precision=0, elem_id="split-seed")
        ahead = gr.HTML(padding=False, elem_id="split-ahead")
        go = gr.Button(words("split_go"), variant="primary", elem_id="split-go")
        said = gr.HTML(padding=False, elem_id="split-said")
    go.click(lambda *given: _split(page, *given), [chosen, way, by, share, seed, page.pulse], [said, page.pulse])
    for event in (way.change, share.change):
        event(partial(_ahead, page), [chosen, way, share], [ahead], queue=False, show_progress="hidden")
    return [way, by, share, ahead, said]


def _versions(page: Page, chosen: Any) -> list[Any]:
    words = page.words
    with gr.Accordion(words("versions_title"), open=False, elem_id="versions"):
        with gr.Row():
            old = gr.Dropdown([], label=words("versions_old"), elem_id="version-old", interactive=True)
            new = gr.Dropdown([], label=words("versions_new"), elem_id="version-new", interactive=True)
            kind = gr.Dropdown(FILES, value="jsonl", label=words("export_as"), filterable=False, elem_id="export-kind")
        with gr.Row():
            look = gr.Button(words("versions_go"), elem_id="versions-go")
            take = gr.Button(words("export_go"), elem_id="export-go")
        shown = gr.HTML(padding=False, elem_id="versions-said")
        file = gr.File(visible=False, interactive=False, label=words("export_file"), elem_id="export-file")
    look.click(lambda *given: _differ(page, *given), [chosen, old, new], [shown])
    take.click(lambda *given: _take(page, *given), [chosen, new, kind], [shown, file])
    return [old, new, shown, file]


def _drawn(page: Page, name: str | None, way: str, share: float | None) -> list[Any]:
    """Columns to split by, how many rows would be held out, the versions."""
    try:
        found = library.find(page.workspace, name or "")
    except UserError:
        return [gr.skip()] * 4
    columns = [(page.words("no_column"), ""), *[(column, column) for column in found.meta["columns"]]]
    every = library.versions(page.workspace, found.name) or [found]
    listed = [(f"v{item.version} · {item.meta['rows']:,}", item.version) for item in reversed(every)]
    before = listed[1][1] if len(listed) > 1 else listed[0][1]
    return [
        gr.update(choices=columns, value=""),
        _ahead(page, name, way, share),
        gr.update(choices=listed, value=before),
        gr.update(choices=listed, value=listed[0][1]),
    ]


def _share(share: float | None) -> float:
    """The share as it was typed; UserError when it is none."""
    if share is not None and not 0 <= share <= 0.5:
        raise UserError(
            f"Share: {share:g} is too much or too little; type a number from 0 to 0.5, for instance 0.05 for 5 % (0: the usual part).",
            f"比例：{share:g} 超出范围；请填写 0 到 0.5 之间的数，例如 0.05 表示 5 %（0 为惯例比例）。",
            field="share",
        )  # fmt: skip
    return float(share or 0)


def _ahead(page: Page, name: str | None, way: str, share: float | None) -> str:
    """How many rows a press would hold out."""
    try:
        rows = int(working(page.workspace, name or "").meta["rows"])
        part = _share(share)
    except UserError as error:
        return problem(error, page.words.lang) if name else ""
    held = max(1, round(rows * part)) if part else heldout.usual(rows)
    key = "split_ahead_groups" if way == "grouped" else "split_ahead"
    return hint(page.words(key, n=f"{held:,}", rows=f"{rows:,}", percent=f"{held / max(1, rows):.1%}"))


def _split(page: Page, name: str | None, way: str, by: str | None, share: float | None, seed: float | None, pulse: float) -> list[Any]:  # fmt: skip
    try:
        made = divide.divide(page.workspace, name or "", way, by or "", _share(share), int(seed or 0))
    except UserError as error:
        return [problem(error, page.words.lang), gr.skip()]
    page.draft.put({"data.dataset": made.name, "data.version": made.version, "name": ""})
    held = made.meta["steps"][-1]["heldout"]
    told = page.words(
        "split_done", name=made.name, version=made.version, n=f"{held:,}", rest=f"{made.meta['rows'] - held:,}"
    )
    return [fine(told), pulse + 1]


def _differ(page: Page, name: str | None, old: int | None, new: int | None) -> str:
    words = page.words
    try:
        first, second = (library.find(page.workspace, name or "", as_count(number)) for number in (old, new))
        found = compare.compare(first, second)
    except UserError as error:
        return problem(error, words.lang)
    counts = facts([(words(f"differ_{key}"), f"{found[key]:,}") for key in ("same", "changed", "gone", "new")])
    steps = table([words("clean_step"), ""], [[_named(words, step), _said(words, step)] for step in found["steps"]])
    alike = Counter((each["what"], each["before"], each["after"]) for each in found["examples"])
    first_of = {
        (each["what"], each["before"], each["after"]): each.get("row", "") for each in reversed(found["examples"])
    }
    rows = [[words(f"differ_{key[0]}"), shorten(first_of[key], 80), count, *key[1:]] for key, count in alike.items()]
    heads = [
        "",
        words("differ_row"),
        words("rows"),
        f"{words('versions_old')} v{first.version}",
        f"{words('versions_new')} v{second.version}",
    ]
    listed = len(found["examples"])
    more = (
        hint(words("versions_more", n=listed)) if listed < sum(found[key] for key in ("changed", "gone", "new")) else ""
    )
    body = more + table(heads, rows) if rows else ""
    head = tag("h2", esc(f"v{first.version} → v{second.version}"))
    return tag("div", head + counts, class_="card") + body + tag("h2", esc(words("versions_steps"))) + steps


def _named(words: Words, step: dict[str, Any]) -> str:
    """What a step is called on the page."""
    kind = str(step.get("kind"))
    if kind in CLEANING.kinds():
        return words.say(CLEANING.get(kind).label)
    return words(f"step_{kind}") if kind in STEPS else kind


def _said(words: Words, step: dict[str, Any]) -> str:
    """What it did, in a sentence."""
    kind = str(step.get("kind"))
    if kind in CLEANING.kinds():
        return "\n".join(filter(None, [step_counts(words, step), settings(words, step)]))
    if kind == "split" and step.get("way") in divide.WAYS:
        way = words.say(divide.WAYS[step["way"]])
        return words("history_split", way=way, n=f"{step.get('heldout', 0):,}")
    if kind == "import":
        return words("history_import", file=shorten(step.get("file", ""), 80), n=f"{step.get('refused', 0):,}")
    for name, counted, key in (("edit", "cells", "history_edit"), ("annotate", "labels", "history_label")):
        if kind == name:
            people = ", ".join(step.get("who") or {})
            return words(key, n=f"{step.get(counted, 0):,}") + (f" · {people}" if people else "")
    return ""


def _take(page: Page, name: str | None, version: int | None, kind: str) -> list[Any]:
    try:
        path = export.to_temporary(library.find(page.workspace, name or "", as_count(version)), kind)
    except UserError as error:
        return [problem(error, page.words.lang), gr.update(visible=False)]
    return ["", gr.update(value=str(path), visible=True)]
