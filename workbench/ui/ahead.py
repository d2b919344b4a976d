"""Before training, beside the form: what the model will really see, and what the run will need. Asked on a press, in a
process of its own; what can be mended has a button."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.engine.ask import Asked
from workbench.engine.forecast import forecast
from workbench.engine.inspect import inspect_rows
from workbench.ui.notices import esc, facts, fine, hint, problem, tag, visible
from workbench.ui.page import Page
from workbench.ui.words import Words

MENDS = 3
Changes = list[dict[str, Any]]


def build(page: Page) -> None:
    """Two questions, their answers, and up to MENDS buttons that change the form."""
    words = page.words
    with gr.Row():
        see = gr.Button(words("see_tokens"), elem_id="see-tokens")
        measure = gr.Button(words("measure"), elem_id="measure")
        cancel = gr.Button(words("cancel"), variant="stop", visible=False, elem_id="cancel-measure")
    said = gr.HTML(padding=False, elem_id="ahead")
    mends = [gr.Button(visible=False, elem_id=f"mend-{number}") for number in range(MENDS)]
    changes = gr.State([])
    first = gr.State(0)
    outputs = [said, cancel, changes, *mends]
    asked: dict[str, Asked] = {}

    def begin(session: gr.Request) -> Asked:
        asked[str(session.session_hash)] = made = Asked()
        return made

    def call_off(session: gr.Request) -> None:
        if found := asked.get(str(session.session_hash)):
            found.cancel()

    def needs(session: gr.Request) -> Iterator[list[Any]]:
        yield from _answer(words, words("measuring"), lambda: _needs(page, begin(session)))

    def seen(row: int) -> Iterator[list[Any]]:
        yield from _answer(words, words("looking"), lambda: _seen(page, row))

    see.click(seen, [first], outputs, show_progress="hidden").then(lambda row: row + 1, [first], [first], queue=False)
    measure.click(needs, None, outputs, show_progress="hidden")
    cancel.click(call_off, None, None, queue=False)
    page.view(lambda: 0, [], [first])
    for number, button in enumerate(mends):
        button.click(
            lambda found, pulse, number=number: _mend(page, dict(*found[number : number + 1]), pulse),
            [changes, page.pulse], [said, page.pulse, *mends], queue=False,
        )  # fmt: skip


Shown = tuple[str, Changes, list[str]]


def _answer(words: Words, waiting: str, work: Callable[[], Shown]) -> Iterator[list[Any]]:
    """At once that somebody looks; then what was found, with a button for each change."""
    hidden = [gr.update(visible=False)] * MENDS
    yield [hint(waiting), gr.update(visible=True), [], *hidden]
    try:
        text, changes, labels = work()
    except UserError as error:
        yield [problem(error, words.lang), gr.update(visible=False), [], *hidden]
        return
    buttons = [gr.update(value=label, visible=True) for label in labels[:MENDS]]
    yield [text, gr.update(visible=False), changes, *buttons, *hidden[len(buttons) :]]


def _mend(page: Page, change: dict[str, Any], pulse: float) -> list[Any]:
    page.draft.put(change)
    return [fine(page.words("mended", what=_spoken(change))), pulse + 1, *[gr.update(visible=False)] * MENDS]


def _spoken(change: dict[str, Any]) -> str:
    return ", ".join(f"{path} = {value}" for path, value in change.items())


def _seen(page: Page, row: int) -> Shown:
    """One row token by token; the next press shows the next row."""
    words = page.words
    found = inspect_rows(page.workspace, page.draft.recipe(), 1, row)
    if not found["rows"]:
        found = inspect_rows(page.workspace, page.draft.recipe(), 1, 0)
    figures, shown = found["figures"], found["rows"][0]
    notes = "".join(problem(words.pick(note), words.lang) for note in found["warnings"])
    pairs = [
        (words("tokens_row"), f"{shown['total']} · {words('learned', n=shown['learned'])} · {words('cut_away', n=shown['cut'])}"),
        (words("tokens_all"), words("lengths", median=figures["tokens_median"], p95=figures["tokens_p95"], longest=figures["tokens_longest"])),
        (words("cut_rows"), f"{figures['rows_cut']} / {figures['rows']}"),
    ]  # fmt: skip
    title = tag("h2", esc(words("row_number", n=row + 1)))
    card = tag("div", title + tokens(shown["tokens"]) + legend(words) + facts(pairs), class_="card")
    changes = [note["mend"] for note in found["warnings"] if note["mend"]]
    return notes + card, changes, [words("set_to", what=_spoken(change)) for change in changes]


def tokens(shown: list[dict[str, Any]]) -> str:
    """The token strip with everything that is known of each: learned, special, cut."""
    pieces = []
    for index, token in enumerate(shown):
        kinds = [f"t{index % 4}", *(name for name in ("learned", "special", "cut") if token[name])]
        names = {"learned": "on", "special": "sp", "cut": "gone"}
        classes = " ".join(names.get(kind, kind) for kind in kinds)
        pieces.append(tag("span", esc(visible(token["text"])), class_=f"tok {classes}", title=f"id {token['id']}"))
    return tag("div", "".join(pieces), class_="strip")


def legend(words: Words) -> str:
    """One sample of each kind of token."""
    kinds = (("on", "legend_learned"), ("", "legend_context"), ("sp", "legend_special"), ("gone", "legend_cut"))
    return tag(
        "small", " ".join(tag("span", esc(words(key)), class_=f"tok t0 {kind}") for kind, key in kinds), class_="strip"
    )


def _needs(page: Page, asked: Asked) -> Shown:
    """Measured memory and minutes, what the memory goes to, and what would make it smaller."""
    words = page.words
    found = forecast(page.workspace, page.draft.recipe(), True, asked)
    verdict = fine(words("fits")) if found["fits"] else problem(words("fits_not"), words.lang)
    free, room = (words("memory_free", n=f"{found[name]:,.0f}") for name in ("free_mb", "disk_free_mb"))
    pairs = [
        (words("memory_peak"), f"{found['memory_mb']:,.0f} MB · {free}"),
        (words("disk_most"), f"{found['disk_mb']:,.0f} MB · {room}"),
        (words("time_needed"), words("minutes", n=f"{found['minutes']:.1f}", steps=found["steps"])),
    ]
    bars = "".join(
        _bar(words(f"part_{name}"), value, max(found["parts_mb"].values()))
        for name, value in found["parts_mb"].items()
        if value
    )
    title = tag("h2", esc(words("forecast_title")))
    card = tag("div", title + facts(pairs) + tag("div", bars, class_="parts"), class_="card")
    advice = found["advice"][:MENDS]
    labels = [f"{words.pick(item)} (−{item['saves_mb']:,.0f} MB)" for item in advice]
    return verdict + card, [item["change"] for item in advice], labels


def _bar(name: str, value: float, most: float) -> str:
    width = f'<i style="width:{100 * value / max(most, 1e-9):.1f}%"></i>'
    return f'<div class="part"><span>{esc(name)}</span><div class="bar">{width}</div><b>{value:,.0f} MB</b></div>'
