"""How a lab's pictures are drawn: figures in our look, words as small pieces of HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import plotly.graph_objects as go

from workbench.core.picture import FIGURES, Picture
from workbench.ui import notices
from workbench.ui.figures import AMBER, GREY, PINE, THEMES, canvas
from workbench.ui.notices import esc, tag
from workbench.ui.words import Words

LABELLED = 14
"""Bars that carry their value: with more of them it could not be read."""
FIRST = ("told", "strip")
"""What stands above the figures."""


def figures(pictures: Sequence[Picture], words: Words) -> list[go.Figure]:
    """The figures among the pictures, in order."""
    return [DRAWN[each["kind"]](each, words) for each in pictures if each["kind"] in FIGURES]


def above(pictures: Sequence[Picture], words: Words) -> str:
    """What is said first: sentences and token strips."""
    return "".join(WRITTEN[each["kind"]](each, words) for each in pictures if each["kind"] in FIRST)


def below(pictures: Sequence[Picture], words: Words) -> str:
    """Tables, facts and source under the figures."""
    return "".join(
        WRITTEN[each["kind"]](each, words)
        for each in pictures
        if each["kind"] not in FIRST and each["kind"] not in FIGURES
    )


def _titled(picture: Picture, words: Words, height: int = 320) -> go.Figure:
    title = {"text": words.pick(picture["title"]), "font": {"size": 14}, "x": 0}
    figure = canvas(height, title=title)
    figure.update_layout(margin={"t": 60})
    return figure


def _legend(figure: go.Figure, several: bool) -> None:
    if several:
        room = figure.layout.height - 120  # of the axes themselves: the legend stands between them and the title
        figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1 + 28 / room, "x": 0})


def _lines(picture: Picture, words: Words) -> go.Figure:
    figure = _titled(picture, words)
    points = picture.get("points", ())
    for place, each in enumerate(picture["series"]):
        dotted = each["name"]["en"] in points
        figure.add_scatter(
            x=each["x"], y=each["y"], name=words.pick(each["name"]), mode="lines+markers" if dotted else "lines",
            line={"color": THEMES[place % len(THEMES)], "width": 2}, marker={"size": 7},
        )  # fmt: skip
    for x, text in picture.get("marks", {}).items():
        figure.add_vline(
            x=float(x),
            line={"dash": "dot", "color": AMBER},
            annotation_text=words.pick(_text(text)),
            annotation_font_size=12,
        )
    _axes(figure, picture, words)
    _legend(figure, len(picture["series"]) > 1)
    return figure


def _axes(figure: go.Figure, picture: Picture, words: Words) -> None:
    log = picture.get("log", "")
    figure.update_xaxes(title=words.pick(picture["x"]), type="log" if "x" in log else None)
    figure.update_yaxes(title=words.pick(picture["y"]), type="log" if "y" in log else None)


def _bars(picture: Picture, words: Words) -> go.Figure:
    figure, several = _titled(picture, words), len(picture["series"]) > 1
    names = [words.pick(each) for each in picture["names"]]
    for place, each in enumerate(picture["series"]):
        figure.add_bar(
            x=names, y=each["y"], name=words.pick(each["name"]), marker={"color": THEMES[place % len(THEMES)]},
            texttemplate=f"%{{y:{picture.get('form', '.3~g')}}}" if len(names) * len(picture["series"]) <= LABELLED else None, textposition="auto",
        )  # fmt: skip
    figure.update_layout(barmode="stack" if picture.get("stacked") else "group")
    figure.update_xaxes(type="category")
    figure.update_yaxes(title=words.pick(picture["y"]), type="log" if picture.get("log") else None)
    _legend(figure, several)
    return figure


def _heat(picture: Picture, words: Words) -> go.Figure:
    rows, columns = len(picture["z"]), len(picture["z"][0]) if picture["z"] else 0
    figure = _titled(picture, words, min(640, max(280, 120 + 24 * rows)))
    zero = bool(picture.get("around_zero"))
    most = max((abs(each) for row in picture["z"] for each in row if each is not None), default=1.0) or 1.0
    figure.add_heatmap(
        z=picture["z"], x=list(range(columns)), y=list(range(rows)), showscale=False,
        colorscale=_scale(zero, bool(picture.get("written"))),
        zmin=-most if zero else 0, zmax=most,
        texttemplate=f"%{{z:{picture.get('form', '.3~g')}}}" if picture.get("written") else None,
        customdata=[[f"{words.pick(y)} → {words.pick(x)}" for x in picture["x"]] for y in picture["y"]],
        hovertemplate="%{customdata}<br>%{z:.4~g}<extra></extra>",
    )  # fmt: skip
    across, down = (words.pick(each) for each in picture["named"])
    figure.update_xaxes(title=across, tickvals=list(range(columns)), ticktext=[words.pick(each) for each in picture["x"]], tickangle=-45 if columns > 8 else 0, showgrid=False)  # fmt: skip
    figure.update_yaxes(title=down, tickvals=list(range(rows)), ticktext=[words.pick(each) for each in picture["y"]], autorange="reversed", automargin=True, showgrid=False)  # fmt: skip
    return figure


def _scale(zero: bool, written: bool) -> list[list[Any]]:
    """From nothing to pine, or from blue over nothing to pine. Under numbers nothing is a pale tint, or they could not be read on a dark page."""
    if zero:
        return [[0, "#2563a8"], [0.5, "#eeece7" if written else "rgba(154,148,138,.08)"], [1, PINE]]
    return [[0, "#e6efec" if written else "rgba(15,117,101,.04)"], [1, PINE]]


def _dots(picture: Picture, words: Words) -> go.Figure:
    figure = _titled(picture, words, 400)
    for place, group in enumerate(picture["groups"]):
        colour = THEMES[place % len(THEMES)]
        xs, ys, names = zip(*group["points"], strict=True) if group["points"] else ((), (), ())
        figure.add_scatter(
            x=xs, y=ys, text=[esc(name)[:80] for name in names], name=words.pick(group["name"]), hoverinfo="text",
            mode="markers+text" if picture.get("named") else "markers", textposition="top center", cliponaxis=False, marker={"color": colour, "size": 9},
        )  # fmt: skip
        for x, y, _ in group["points"] if picture.get("arrows") else ():
            figure.add_annotation(x=x, y=y, ax=0, ay=0, xref="x", yref="y", axref="x", ayref="y", showarrow=True, arrowhead=2, arrowcolor=colour)  # fmt: skip
    _axes(figure, picture, words)
    if picture.get("named"):  # room for words that reach to both sides of their point
        places = [point[0] for group in picture["groups"] for point in group["points"]] or [0.0]
        spare = 0.3 * (max(places) - min(places) or 1)
        figure.update_xaxes(range=[min(places) - spare, max(places) + spare])
    _legend(figure, len(picture["groups"]) > 1)
    return figure


def _parts(picture: Picture, words: Words) -> go.Figure:
    figure = _titled(picture, words, 400)
    ids, parents, sizes, labels = zip(*picture["rows"], strict=True)
    figure.add_icicle(
        ids=ids, parents=parents, values=sizes, labels=[esc(label) for label in labels], branchvalues="total",
        marker={"colors": [GREY if not parent else PINE for parent in parents], "line": {"width": 2, "color": "#fbfaf8"}},
        hovertemplate="%{label}<br>%{value:,}<br>%{percentRoot:.1%}<extra></extra>", texttemplate="%{label} %{percentRoot:.0%}",
    )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 8, "b": 8})
    return figure


def _graph(picture: Picture, words: Words) -> go.Figure:
    """Columns from left to right, each node below the last of its column; columns are centred."""
    columns: dict[int, list[str]] = {}
    for name, column, *_ in picture["nodes"]:
        columns.setdefault(column, []).append(name)
    place = {
        name: (column, (len(names) - 1) / 2 - row)
        for column, names in columns.items()
        for row, name in enumerate(names)
    }
    tallest = max(map(len, columns.values()))
    figure = _titled(picture, words, max(260, 110 + 84 * tallest))
    for start, end in picture["edges"]:
        (ax, ay), (x, y) = place[start], place[end]
        figure.add_annotation(x=x, y=y, ax=ax, ay=ay, xref="x", yref="y", axref="x", ayref="y", showarrow=True, arrowhead=2, arrowcolor=GREY, standoff=30, startstandoff=30, text="")  # fmt: skip
    for name, _, label, marked in picture["nodes"]:
        x, y = place[name]
        figure.add_annotation(x=x, y=y, text=esc(label).replace("\n", "<br>"), showarrow=False, borderpad=5, bgcolor="#f4f1ea", font={"color": "#23211d"}, bordercolor=PINE if marked else GREY, borderwidth=2 if marked else 1)  # fmt: skip
    figure.update_xaxes(visible=False, range=[-0.5, max(columns) + 0.5])
    figure.update_yaxes(visible=False, range=[-tallest / 2 - 0.1, tallest / 2 + 0.1])
    return figure


def _text(text: Any) -> dict[str, str]:
    """A Text that came as a tuple or, over a line of JSON, as a list."""
    return (
        text
        if isinstance(text, dict)
        else dict(zip(("en", "zh"), text, strict=True))
        if not isinstance(text, str)
        else {"en": text, "zh": text}
    )


def _told(picture: Picture, words: Words) -> str:
    text, tone = words.pick(picture["text"]), picture["tone"]
    return {"good": notices.fine, "bad": _broken}.get(tone, notices.hint)(text)


def _broken(text: str) -> str:
    """What went wrong in a picture, as it should: no alert, for nothing of the page failed."""
    return tag("div", f"<b aria-hidden='true'>✕</b>{esc(text)}", class_="note bad", role="status")


def _strip(picture: Picture, words: Words) -> str:
    return notices.strip(picture["tokens"], words.pick(picture["legend"]))


def _grid(picture: Picture, words: Words) -> str:
    title = words.pick(picture["title"])
    rows = [[words.pick(cell) if isinstance(cell, dict) else cell for cell in row] for row in picture["rows"]]
    head = f"<h3>{esc(title)}</h3>" if title else ""
    return head + notices.table([words.pick(each) for each in picture["columns"]], rows)


def _links(picture: Picture, words: Words) -> str:
    """A list of links that open beside the page, which learns nothing of it."""
    rows = "".join(_link(each, words) for each in picture["rows"])
    return f"<h3>{esc(words.pick(picture['title']))}</h3>" + tag("ul", rows, class_="links", tabindex="0")


def _link(each: dict[str, Any], words: Words) -> str:
    name = tag("a", esc(words.pick(each["name"])), href=each["address"], target="_blank", rel="noopener noreferrer")
    return tag("li", f"{name}<small>{esc(each['address'].removeprefix('https://'))}</small><p>{esc(words.pick(each['why']))}</p>")  # fmt: skip


def _code(picture: Picture, words: Words) -> str:
    marked = set(picture["marked"])
    lines = [
        tag("mark" if number in marked else "span", esc(line) or " ")
        for number, line in enumerate(picture["text"].splitlines(), 1)
    ]
    return tag("pre", "\n".join(lines), class_="source", tabindex="0")


def _facts(picture: Picture, words: Words) -> str:
    return notices.facts(
        (words.pick(name), words.pick(value) if isinstance(value, dict) else value) for name, value in picture["pairs"]
    )


DRAWN: dict[str, Callable[[Picture, Words], go.Figure]] = {
    "lines": _lines, "bars": _bars, "heat": _heat, "dots": _dots, "parts": _parts, "graph": _graph,
}  # fmt: skip
WRITTEN: dict[str, Callable[[Picture, Words], str]] = {
    "told": _told, "strip": _strip, "grid": _grid, "links": _links, "code": _code, "facts": _facts,
}  # fmt: skip
