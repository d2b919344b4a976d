"""Splitting and versions, below labelling: hold rows out, see what two versions differ in, take a version away as a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.data import compare, divide, export, library
from workbench.ui.notices import esc, facts, fine, hint, problem, table, tag
from workbench.ui.page import Page

FILES = [("JSONL", "jsonl"), ("CSV", "csv"), ("Parquet", "parquet"), ("Excel", "xlsx")]


def build(page: Page, chosen: Any) -> None:
    """Two folds: split; versions."""
    words = page.words
    with gr.Accordion(words("split_title"), open=False, elem_id="splitting"):
        gr.HTML(hint(words("split_text")), padding=False)
        with gr.Row():
            way = gr.Dropdown(
                [(words.say(text), kind) for kind, text in divide.WAYS.items()], value="stratified",
                label=words("split_way"), filterable=False, elem_id="split-way",
            )  # fmt: skip
            by = gr.Dropdown([], label=words("split_by"), elem_id="split-by", interactive=True)
            share = gr.Number(0, label=words("split_share"), minimum=0, maximum=0.5, step=0.01, elem_id="split-share")
            seed = gr.Number(42, label=words("split_seed"), precision=0, elem_id="split-seed")
        go = gr.Button(words("split_go"), variant="primary", elem_id="split-go")
        said = gr.HTML(padding=False, elem_id="split-said")
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
    go.click(lambda *given: _split(page, *given), [chosen, way, by, share, seed, page.pulse], [said, page.pulse])
    look.click(lambda *given: _differ(page, *given), [chosen, old, new], [shown])
    take.click(lambda *given: _take(page, *given), [chosen, new, kind], [shown, file])
    for event in (chosen.change, page.pulse.change):
        event(lambda name: _choices(page, name), [chosen], [by, old, new], queue=False, show_progress="hidden")


def _choices(page: Page, name: str | None) -> list[Any]:
    try:
        found = library.find(page.workspace, name or "")
    except UserError:
        return [gr.skip()] * 3
    every = library.versions(page.workspace, found.name) or [found]
    listed = [(f"v{item.version} · {item.meta['rows']:,}", item.version) for item in reversed(every)]
    columns = [(page.words("no_column"), ""), *[(column, column) for column in found.meta["columns"]]]
    before = listed[1][1] if len(listed) > 1 else listed[0][1]
    return [
        gr.update(choices=columns, value=""),
        gr.update(choices=listed, value=before),
        gr.update(choices=listed, value=listed[0][1]),
    ]


def _split(page: Page, name: str | None, way: str, by: str | None, share: float | None, seed: float | None, pulse: float) -> list[Any]:  # fmt: skip
    try:
        made = divide.divide(page.workspace, name or "", way, by or "", float(share or 0), int(seed or 0))
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
        first, second = (library.find(page.workspace, name or "", int(number or 0)) for number in (old, new))
        found = compare.compare(first, second)
    except UserError as error:
        return problem(error, words.lang)
    counts = facts([(words(f"differ_{key}"), f"{found[key]:,}") for key in ("same", "changed", "gone", "new")])
    steps = table([words("clean_step"), ""], [[step.get("kind"), compare.told(step)] for step in found["steps"]])
    rows = [[words(f"differ_{each['what']}"), each["before"], each["after"]] for each in found["examples"]]
    body = table(["", words("clean_before"), words("clean_after")], rows) if rows else ""
    head = tag("h2", esc(f"v{first.version} → v{second.version}"))
    return tag("div", head + counts, class_="card") + body + tag("h2", esc(words("versions_steps"))) + steps


def _take(page: Page, name: str | None, version: int | None, kind: str) -> list[Any]:
    try:
        path = export.to_temporary(library.find(page.workspace, name or "", int(version or 0)), kind)
    except UserError as error:
        return [problem(error, page.words.lang), gr.update(visible=False)]
    return ["", gr.update(value=str(path), visible=True)]
