"""Figures of the Evaluate page: calibration, and scores side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from workbench.ui.figures import GREY, PINE, canvas
from workbench.ui.words import Words


def reliability(bins: Sequence[dict[str, float]], words: Words) -> go.Figure:
    """How often the model is right by how sure it is; a point's size is its number of rows, the line is honesty."""
    figure, most = canvas(340), max(each["rows"] for each in bins)
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "width": 1, "dash": "dash"}, hoverinfo="skip")  # fmt: skip
    figure.add_scatter(
        x=[each["confidence"] for each in bins], y=[each["accuracy"] for each in bins], mode="lines+markers",
        line={"color": PINE, "width": 1.5}, marker={"color": PINE, "size": [8 + 22 * (each["rows"] / most) ** 0.5 for each in bins]},
        text=[f"{each['rows']:.0f}" for each in bins], hovertemplate="%{x:.0%} → %{y:.0%} · n = %{text}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[0, 1.03], tickformat=".0%", title=words("card_sure"))
    figure.update_yaxes(range=[0, 1.06], tickformat=".0%", title=words("card_correct"))
    return figure


def scores(names: Sequence[str], values: Sequence[float], spans: Sequence[Any], title: tuple[str, bool]) -> go.Figure:
    """A point with its interval per result, the first on top; `title`: the metric's name and whether it is a share."""
    figure = canvas(90 + 44 * len(names))
    ends = [span or (value, value) for value, span in zip(values, spans, strict=True)]
    figure.add_scatter(
        x=list(values), y=list(names), mode="markers", marker={"size": 11, "color": PINE},
        error_x={"type": "data", "symmetric": False, "color": GREY, "thickness": 1.5,
                 "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
                 "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)]},
    )  # fmt: skip
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    figure.update_xaxes(title=title[0], tickformat=".0%" if title[1] else None)
    return figure
