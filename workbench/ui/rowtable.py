"""The rows behind a result: filtered by what became of them and by a word, the most telling first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from workbench.engine.evidence import STATES, Told, ordered
from workbench.ui.notices import SENT, esc, leafed, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

ALL, WORST = "all", "worst"
Read = Callable[[Any], list[Told]]


def build(page: Page, name: str) -> tuple[Any, Any, Any]:
    """A choice of rows, a word to look for, and the table."""
    words = page.words
    with gr.Row(elem_classes="two"):
        which = gr.Radio([], label=words("rows_which"), elem_id=f"{name}-which", scale=3, interactive=True)
        find = gr.Textbox("", label=words("rows_find"), elem_id=f"{name}-find", scale=1, max_lines=1)
    return which, find, gr.HTML(padding=False, elem_id=f"{name}-rows-table")


def choices(words: Words, rows: Sequence[Told]) -> Any:
    """What can be chosen, with numbers; what changed first."""
    counts = Counter(each.get("state") for each in rows)
    found = [(f"{words(f'state_{state}')} · {counts[state]}", state) for state in STATES if counts[state]]
    found += [(words("rows_worst"), WORST), (f"{words('rows_all')} · {len(rows)}", ALL)]
    return gr.update(choices=found, value=found[0][1])


def picked(rows: Sequence[Told], which: str | None, find: str | None) -> list[Told]:
    """The rows that are meant, in the order they are shown in."""
    word = (find or "").strip().casefold()
    kept = [row for row in rows if which in (ALL, WORST, None) or row.get("state") == which]
    kept = [row for row in kept if not word or word in " ".join(str(value) for value in row.values()).casefold()]
    if which == WORST:  # the surest of the wrong ones say most
        return sorted(kept, key=lambda row: (row["gain"], -row.get("score", 0.0)))
    return ordered(kept)


def drawn(words: Words, rows: Sequence[Told], which: str | None, find: str | None) -> str:
    """The table."""
    kept = picked(rows, which, find)
    if not kept:
        return tag("p", esc(words("rows_none")), class_="soft")
    compared, sure = "before" in kept[0], "score" in kept[0]
    head = [words("text"), words("reference"), *([words("before")] if compared else []), words("after"), *([words("rows_goodness")] if sure else []), *([words("rows_state")] if compared else [])]  # fmt: skip
    lines = [_line(words, row, compared, sure) for row in kept[:SENT]]
    return leafed(head, lines, words("rows_shown", shown="{shown}", n=len(kept)), words("rows_more"))


def _line(words: Words, row: Told, compared: bool, sure: bool) -> list[Any]:
    pair = row.get("text_pair")
    return [
        f"{row['text']}\n— {pair}" if pair else row["text"], row["reference"], *([row.get("before", "")] if compared else []),
        row["answer"], *([f"{row['score']:.2f}"] if sure else []), *([words(f"state_{row['state']}")] if compared and "state" in row else []),
    ]  # fmt: skip
