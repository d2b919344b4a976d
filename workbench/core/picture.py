"""What can be shown to learn from: plain data, so that it may come from another process and be drawn by the page, told by a test or printed.

A picture is a dict with `kind`; texts in it are {"en", "zh"}. Figures: lines, bars, heat, dots, parts, graph. Words: strip, grid, links,
told, code, facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.core.text import Text

Picture = dict[str, Any]
Numbers = Sequence[float | None]
Named = Text | str
FIGURES = ("lines", "bars", "heat", "dots", "parts", "graph")


def lines(title: Text, series: Mapping[Named, tuple[Numbers, Numbers]], x: Text, y: Text, **look: Any) -> Picture:
    """Curves: name → (x, y). `log` ("x", "y" or "xy"), `marks` {x: Text}: dotted upright lines, `points`: names drawn as points."""
    curves = [{"name": both(name), "x": list(xs), "y": list(ys)} for name, (xs, ys) in series.items()]
    return {
        "kind": "lines",
        "title": both(title),
        "series": curves,
        "x": both(x),
        "y": both(y),
        **_look(look, "log", "marks", "points"),
    }


def bars(title: Text, names: Sequence[Named], series: Mapping[Named, Numbers], y: Text, **look: Any) -> Picture:
    """Bars beside one another, or `stacked`. `log`: the axis of values; `form`: how values are written (d3, ".1%")."""
    rows = [{"name": both(name), "y": list(values)} for name, values in series.items()]
    return {
        "kind": "bars",
        "title": both(title),
        "names": [both(name) for name in names],
        "series": rows,
        "y": both(y),
        **_look(look, "stacked", "log", "form"),
    }


def heat(
    title: Text,
    values: Sequence[Numbers],
    x: Sequence[Named],
    y: Sequence[Named],
    named: tuple[Text, Text],
    **look: Any,
) -> Picture:
    """A grid of numbers, rows from top to bottom. `named`: (columns, rows). `around_zero`: two hues; `written`: the number in each cell."""
    return {
        "kind": "heat",
        "title": both(title),
        "z": [list(row) for row in values],
        "x": [both(each) for each in x],
        "y": [both(each) for each in y],
        "named": [both(each) for each in named],
        **_look(look, "around_zero", "written", "form"),
    }


def dots(
    title: Text, groups: Mapping[Named, Sequence[tuple[float, float, str]]], x: Text, y: Text, **look: Any
) -> Picture:
    """Points in groups: (x, y, what it is). `arrows`: from the origin; `named`: what each is stands beside it."""
    found = [{"name": both(name), "points": [list(point) for point in points]} for name, points in groups.items()]
    return {
        "kind": "dots",
        "title": both(title),
        "groups": found,
        "x": both(x),
        "y": both(y),
        **_look(look, "arrows", "named"),
    }


def parts(title: Text, rows: Sequence[tuple[str, str, float, str]]) -> Picture:
    """A whole and its parts: (id, id of the whole or "", size, label), the whole first."""
    return {"kind": "parts", "title": both(title), "rows": [list(row) for row in rows]}


def graph(title: Text, nodes: Sequence[tuple[str, int, str, bool]], edges: Sequence[tuple[str, str]]) -> Picture:
    """What is made of what: nodes (id, column, label, whether it is marked) and edges (from, to). Lines of a label are parted by \\n."""
    made = [list(node) for node in nodes]
    return {"kind": "graph", "title": both(title), "nodes": made, "edges": [list(edge) for edge in edges]}


def strip(tokens: Sequence[tuple[str, bool]], legend: Text) -> Picture:
    """The token strip: (token, whether it is marked)."""
    return {"kind": "strip", "tokens": [list(token) for token in tokens], "legend": both(legend)}


def grid(columns: Sequence[Named], rows: Sequence[Sequence[Any]], title: Text | None = None) -> Picture:
    """A small table; cells are text, numbers or Text."""
    body = [[both(cell) if isinstance(cell, Text) else cell for cell in row] for row in rows]
    return {"kind": "grid", "title": both(title or ""), "columns": [both(each) for each in columns], "rows": body}


def links(rows: Sequence[tuple[Named, str, Text]], title: Text | None = None) -> Picture:
    """Where to read on: (name, address, what it is good for). ValueError for an address that is not https."""
    if wrong := [address for _, address, _ in rows if not address.startswith("https://")]:
        raise ValueError(f"no https address: {wrong[0]}")
    found = [{"name": both(name), "address": address, "why": both(why)} for name, address, why in rows]
    return {"kind": "links", "title": both(title or ""), "rows": found}


def told(text: Text, tone: str = "plain") -> Picture:
    """One sentence about what is seen; tone "plain", "good" or "bad"."""
    return {"kind": "told", "text": both(text), "tone": tone}


def code(text: str, marked: Sequence[int] = ()) -> Picture:
    """Source, with some lines (from 1) marked."""
    return {"kind": "code", "text": text, "marked": list(marked)}


def facts(pairs: Sequence[tuple[Named, Any]]) -> Picture:
    """Name and value."""
    return {
        "kind": "facts",
        "pairs": [[both(name), both(value) if isinstance(value, Text) else value] for name, value in pairs],
    }


def both(text: Named) -> dict[str, str]:
    """{"en", "zh"} of a Text, or of a word that is the same in both."""
    return text._asdict() if isinstance(text, Text) else {"en": str(text), "zh": str(text)}


def _look(given: dict[str, Any], *known: str) -> dict[str, Any]:
    if extra := set(given) - set(known):
        raise TypeError(f"unknown: {', '.join(sorted(extra))}")
    return given
