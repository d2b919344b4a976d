"""Small pieces of HTML. The one place where text from outside becomes HTML: everything passes through `esc`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from workbench.core.errors import UserError, shorten
from workbench.core.text import Lang

LEAF, SENT = 50, 1000
"""Rows of a long table that show at first, and that are sent."""


def esc(value: object) -> str:
    """Escaped text, safe between tags and in quoted attributes. Line breaks are kept by CSS (white-space)."""
    return html.escape(str(value), quote=True)


def tag(name: str, content: str, /, **attributes: object) -> str:
    """One element around already escaped content; attribute values are escaped here (`class_` → class)."""
    pairs = "".join(f' {key.strip("_").replace("_", "-")}="{esc(value)}"' for key, value in attributes.items())
    return f"<{name}{pairs}>{content}</{name}>"


def problem(error: UserError | str, lang: Lang) -> str:
    """A red note with one clear sentence."""
    text = error.say(lang) if isinstance(error, UserError) else error
    return tag("div", f"<b aria-hidden='true'>✕</b>{esc(text)}", class_="note bad", role="alert")


def fine(text: str) -> str:
    """A green note that confirms."""
    return tag("div", f"<b aria-hidden='true'>✓</b>{esc(text)}", class_="note good", role="status")


def hint(text: str) -> str:
    """A quiet note: information, not a problem."""
    return tag("div", f"<b aria-hidden='true'>i</b>{esc(text)}", class_="note info", role="status")


def empty(sentence: str, action: str = "", page: str = "") -> str:
    """An empty state: one sentence and the one thing to do."""
    button = tag("button", esc(action), class_="link", data_go=page, type="button") if action else ""
    return tag("div", f"<p>{esc(sentence)}</p>{button}", class_="empty")


def heading(title: str, sentence: str) -> str:
    """The one h1 of a page and its one sentence."""
    return tag("div", f"<h1>{esc(title)}</h1><p>{esc(sentence)}</p>", class_="heading")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], limit: int = 300) -> str:
    """A table of text; long cells are cut at `limit` characters and shown whole on hover."""
    head = "".join(tag("th", esc(column), scope="col") for column in columns)
    body = "".join("<tr>" + "".join(_cell(value, limit) for value in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: object, limit: int) -> str:
    text = "" if value is None else str(value)
    if len(text) <= limit:
        return tag("td", esc(text))
    return tag("td", esc(text[:limit]) + "…", title=shorten(text, 2000))


def leafed(columns: Sequence[str], rows: Sequence[Sequence[object]], said: str, more: str) -> str:
    """A table of which the first LEAF rows show; a press on `more` shows as many again (assets/page.js). `said` holds {shown}."""
    lines = rows[:SENT]
    whole = table(columns, lines)
    for_later = whole.replace("<tr>", "<tr hidden>").replace("<tr hidden>", "<tr>", LEAF + 1)  # + 1: the head
    press = tag("button", esc(more), class_="link", type="button", data_more=LEAF) if len(lines) > LEAF else ""
    count = tag("small", esc(said.replace("{shown}", str(min(LEAF, len(lines))))), data_said=said)
    return tag("div", for_later + tag("div", count + press, class_="leaf"), class_="leafed")


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """A description list: name, value."""
    return tag("dl", "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in pairs), class_="facts")


def strip(tokens: Iterable[Sequence[object]], legend: str = "") -> str:
    """The token strip: one tint per token in turn; trained-on tokens underlined."""
    pieces = [
        tag("span", esc(visible(str(text))), class_=f"tok t{index % 4}{' on' if trained else ''}")
        for index, (text, trained) in enumerate(tokens)
    ]
    below = tag("small", esc(legend)) if legend else ""
    return tag("div", "".join(pieces) + below, class_="strip") if pieces else ""


def visible(text: str) -> str:
    """Spaces and line breaks made visible inside a token."""
    return text.replace("\n", "⏎").replace(" ", "·") or "∅"


def progress(share: float, label: str) -> str:
    """A progress bar with its words; `share` from 0 to 1."""
    percent = round(100 * min(max(share, 0.0), 1.0), 1)
    bar = f'<div class="bar" role="progressbar" aria-valuenow="{percent:.0f}" aria-valuemin="0" aria-valuemax="100">'
    return f'{bar}<i style="width:{percent}%"></i></div><small>{esc(label)}</small>'
