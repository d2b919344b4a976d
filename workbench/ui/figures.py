"""Plotly figures in one look: transparent paper, horizontal grid only, direct labels, zoom kept between ticks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from workbench.core.method import METHODS
from workbench.ui.feed import SMOOTH, RunView
from workbench.ui.words import Words

PINE, GREY, AMBER = "#0f7565", "#9a948a", "#b7791f"
THEMES = ("#0f7565", "#d98a1c", "#2563a8", "#b42318", "#a65fc4", "#7ba30f", "#e27fb0", "#5b6670")
"""Colours of groups: neighbours differ in hue and lightness."""
FONT = 'Inter, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", system-ui, sans-serif'


def canvas(height: int = 300, **layout: Any) -> go.Figure:
    """An empty figure in our look."""
    figure = go.Figure()
    figure.update_layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": "#6b665d"},
        margin={"l": 52, "r": 24, "t": 28, "b": 44},
        height=height,
        showlegend=False,
        uirevision="keep",
        hoverlabel={"font": {"family": FONT}},
        **layout,
    )
    figure.update_xaxes(showgrid=False, zeroline=False, linecolor="#cfc8bb", automargin=True)
    figure.update_yaxes(gridcolor="rgba(154,148,138,.25)", zeroline=False, automargin=True)
    return figure


def plain(text: str) -> str:
    """Plotly reads tags in every text, links among them: none may come from outside."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def number(value: Any) -> float | None:
    """A finite number, or None (events carry "nan" as text): a gap in the curve, never a 0."""
    return float(value) if isinstance(value, (int, float)) else None


CURVES = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_mb")
"""What can be drawn over the steps: facts of step events."""
SEVERAL = (PINE, "#b3541e", "#3d5a98", "#8a3b7a", "#6b7a1e", "#444444")


def curves(views: Sequence[RunView], what: str, words: Words) -> go.Figure:
    """One quantity of one run, or of several over one another, over steps. The loss is drawn raw (pale) and smoothed (strong) beside
    the held-out loss (points). A number that is none is a gap."""
    figure = canvas(360)
    for place, view in enumerate(views):
        colour, name = SEVERAL[place % len(SEVERAL)], plain(view.run.id) if len(views) > 1 else ""
        if what == "loss":
            _losses(figure, view, (colour, name), words)
        else:
            figure.add_scatter(
                x=[step["step"] for step in view.steps if "step" in step],
                y=[number(step.get(what)) for step in view.steps if "step" in step],
                mode="lines", line={"color": colour, "width": 2}, name=name or words(f"curve_{what}"),
            )  # fmt: skip
    lines = len(views) if len(views) > 1 else 0  # names of runs are long: one a line, above the curves
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.03, "yanchor": "bottom", "x": 0}, height=360 + 24 * lines,
        margin={"t": 36 + 24 * lines}, uirevision=f"{[view.run.id for view in views]} {what}",
    )  # zoomed stays zoomed while the run goes on  # fmt: skip
    figure.update_xaxes(title=words("step"))
    figure.update_yaxes(title=words(f"curve_{what}"))
    return figure


def _losses(figure: go.Figure, view: RunView, look: tuple[str, str], words: Words) -> None:
    (colour, name), alone = look, not look[1]
    points = [(step["step"], number(step.get("loss"))) for step in view.steps if "step" in step]
    figure.add_scatter(
        x=[step for step, _ in points], y=[loss for _, loss in points], mode="lines",
        line={"color": colour, "width": 1}, opacity=0.3, name=words("loss_each"), hoverinfo="skip", showlegend=alone,
    )  # fmt: skip
    figure.add_scatter(
        x=[step for step, _ in points], y=[step.get(SMOOTH) for step in view.steps if "step" in step], mode="lines",
        line={"color": colour, "width": 2.5}, name=name or words("loss_smooth"),
    )  # fmt: skip
    held = [(point["step"], number(point.get("loss"))) for point in view.evals if "step" in point]
    if held:
        figure.add_scatter(
            x=[step for step, _ in held], y=[loss for _, loss in held], mode="lines+markers",
            line={"color": AMBER if alone else colour, "width": 1.5, "dash": "dot"}, marker={"size": 8},
            name=words("loss_held"), showlegend=alone,
        )  # fmt: skip


def confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]], title: str, words: Words) -> go.Figure:
    """Rows: the true label; columns: what the model said. One hue from 0; the number in every cell,
    on a pale tint at least, or it could not be read on a dark page."""
    figure = canvas(320, title={"text": title, "font": {"size": 14}, "x": 0})
    shown = [plain(label if len(label) <= 14 else label[:13] + "…") for label in labels]
    figure.add_heatmap(
        z=matrix, x=shown, y=shown, colorscale=[[0, "#e6efec"], [1, PINE]], showscale=False,
        texttemplate="%{z}" if len(labels) <= 12 else None, zmin=0,
    )  # fmt: skip
    figure.update_xaxes(title=words("model_said"), type="category")
    figure.update_yaxes(title=words("true_label"), type="category", autorange="reversed", showgrid=False)
    return figure


def before_after(names: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None], str]]) -> go.Figure:
    """Grouped bars that lie, so that names and numbers have room: one group per metric, one bar per (label, values, colour); before is hollow."""
    figure = canvas(96 + 48 * len(names), barmode="group")
    for label, values, colour in rows:
        hollow = colour == GREY
        figure.add_bar(
            x=list(values), y=list(names), orientation="h", name=label,
            marker={"color": "rgba(0,0,0,0)" if hollow else colour, "line": {"color": colour, "width": 1.5}},
            texttemplate="%{x:.1%}", textposition="outside", cliponaxis=False,
        )  # fmt: skip
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"r": 48, "b": 16}
    )
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_xaxes(range=[0, 1], visible=False)
    return figure


def counts(labels: Sequence[str], values: Sequence[int], height: int = 220) -> go.Figure:
    """Horizontal bars of counts, largest first, with the number at the end of each."""
    figure = canvas(height)
    figure.add_bar(
        x=list(values), y=list(map(plain, labels)), orientation="h", marker={"color": PINE},
        texttemplate="%{x}", textposition="outside", cliponaxis=False,
    )  # fmt: skip
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    figure.update_xaxes(visible=False)
    return figure


def histogram(edges: Sequence[float], values: Sequence[int], title: str) -> go.Figure:
    """A histogram from its edges (one more than values)."""
    figure = canvas(220)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    figure.add_bar(x=middles, y=list(values), marker={"color": PINE})
    figure.update_layout(bargap=0.06)
    figure.update_xaxes(title=title)
    return figure


def probabilities(rows: Sequence[tuple[str, dict[str, float], str]]) -> go.Figure:
    """What a classifier thinks: bars per label for each (name, label → probability, colour)."""
    figure = canvas(280, barmode="group")
    for name, chances, colour in rows:
        hollow = colour == GREY
        figure.add_bar(
            x=list(chances.values()), y=list(map(plain, chances)), orientation="h", name=plain(name),
            marker={"color": "rgba(0,0,0,0)" if hollow else colour, "line": {"color": colour, "width": 2}},
            texttemplate="%{x:.0%}", textposition="outside", cliponaxis=False,
        )  # fmt: skip
    figure.update_layout(showlegend=len(rows) > 1, legend={"orientation": "h", "y": 1.15, "x": 0})
    figure.update_xaxes(range=[0, 1.1], tickformat=".0%")
    figure.update_yaxes(type="category", automargin=True)
    return figure


def icicle(sums: dict[str, int], whole: str) -> go.Figure:
    """Parameters of every module, parents above their children; a press goes into a part. `sums` as anatomy.branches."""
    paths = list(sums)
    labels = [plain(path.rsplit(".", 1)[-1]) or whole for path in paths]
    above = [path.rpartition(".")[0] if path else None for path in paths]
    figure = canvas(320)
    figure.add_icicle(
        ids=[path or "·" for path in paths], labels=labels, values=[sums[path] for path in paths],
        parents=["" if parent is None else parent or "·" for parent in above], branchvalues="total",
        tiling={"orientation": "v"}, texttemplate="%{label}<br>%{value:,}", marker={"colorscale": [[0, "#e4f1ee"], [1, PINE]]},
    )  # fmt: skip
    return figure


def cut_histogram(edges: Sequence[float], values: Sequence[int], cut: Sequence[int], at: float, title: str) -> go.Figure:  # fmt: skip
    """A histogram with a line where rows are cut; those that are (`cut`, of each bar) are amber, on top of the others."""
    figure = histogram(edges, [every - longer for every, longer in zip(values, cut, strict=True)], title)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    figure.add_bar(x=middles, y=list(cut), marker={"color": AMBER})
    figure.update_layout(barmode="stack")
    figure.add_vline(x=at, line={"color": AMBER, "width": 2, "dash": "dash"})
    return figure


def themes(found: Any, texts: Sequence[str], title: str) -> go.Figure:
    """A map of rows (understand.Map), a colour per theme; the row itself on hover."""
    figure = canvas(460, title={"text": title, "font": {"size": 14}, "x": 0})
    for number, name in enumerate(found.names):
        mine = [index for index, theme in enumerate(found.theme) if theme == number]
        told = [f"{found.places[index] + 1}: {_folded(texts[found.places[index]])}" for index in mine]
        figure.add_scattergl(
            x=[found.x[index] for index in mine], y=[found.y[index] for index in mine], mode="markers", name=plain(name),
            marker={"size": 6, "opacity": 0.75, "color": THEMES[number % len(THEMES)]}, text=told, hoverinfo="text",
            customdata=[found.places[index] for index in mine],
        )  # fmt: skip
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": -0.05})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _folded(text: str) -> str:
    """The beginning of a text for a hover, in lines."""
    short = plain(text[:240])
    return "<br>".join(short[start : start + 60] for start in range(0, len(short), 60))


def with_interval(found: dict[str, Any]) -> str:
    """A score and its 95 % interval: 0.91 (0.85 – 0.95)."""
    low_high = found.get("interval")
    return f"{found['score']:.4g}" + (f" ({low_high[0]:.3g} – {low_high[1]:.3g})" if low_high else "")


def search_history(trials: Sequence[Any], words: Words) -> go.Figure:
    """The score of every trial, and the best so far; those that were ended early as marks on the axis."""
    figure = canvas(320, title={"text": words("search_history"), "font": {"size": 14}, "x": 0})
    done = [each for each in trials if each.goodness is not None]
    sign = 1 if done[0].goodness == done[0].score else -1
    best = itertools.accumulate((each.goodness for each in done), max)
    numbers = [each.number for each in done]
    figure.add_scatter(x=numbers, y=[sign * value for value in best], mode="lines", line={"color": PINE, "width": 2, "shape": "hv"}, name=words("search_so_far"))  # fmt: skip
    figure.add_scatter(x=numbers, y=[each.score for each in done], mode="markers", marker={"size": 9, "color": PINE}, name=words("search_trial"))  # fmt: skip
    ended = [each.number for each in trials if each.state in ("pruned", "fail")]
    if ended:
        worst = min((each.score for each in done), key=lambda score: sign * score)
        figure.add_scatter(x=ended, y=[worst] * len(ended), mode="markers", marker={"size": 9, "color": AMBER, "symbol": "x"}, name=words("search_ended"))  # fmt: skip
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": -0.28, "x": 0}, margin={"l": 52, "r": 16, "t": 36, "b": 84}
    )
    figure.update_xaxes(title={"text": words("search_trial"), "standoff": 4}, dtick=1 if len(trials) <= 20 else None)
    return figure


def parallel(trials: Sequence[Any], knobs: Sequence[Any], labels: dict[str, str], words: Words) -> go.Figure:
    """A line per finished trial through its settings and its score; the better, the darker."""
    done = [each for each in trials if each.goodness is not None]
    figure = canvas(320, title={"text": words("search_parallel"), "font": {"size": 14}, "x": 0})
    axes = [_axis(knob, [each.values.get(knob.path) for each in done], labels[knob.path]) for knob in knobs]
    axes.append({"label": words("search_score"), "values": [each.score for each in done]})
    colours = [[0, "#d8d2c6"], [0.5, "#6fb0a4"], [1, PINE]]
    figure.add_parcoords(dimensions=axes, line={"color": [each.goodness for each in done], "colorscale": colours}, labelfont={"size": 12})  # fmt: skip
    figure.update_layout(margin={"l": 60, "r": 40, "t": 96, "b": 24}, title_y=0.97)
    return figure


def _axis(knob: Any, values: Sequence[Any], label: str) -> dict[str, Any]:
    """Choices at equal distances; logarithms where the range is one."""
    if knob.choices:
        places = [knob.choices.index(value) for value in values]
        every = list(range(len(knob.choices)))
        return {"label": label, "values": places, "tickvals": every, "ticktext": [str(choice) for choice in knob.choices], "range": [0, len(every) - 1]}  # fmt: skip
    if not knob.log:
        return {"label": label, "values": list(values), "range": [knob.low, knob.high]}
    low, high = math.log10(knob.low), math.log10(knob.high)
    ticks = [low + (high - low) * place / 4 for place in range(5)]
    return {"label": label, "values": [math.log10(value) for value in values], "range": [low, high], "tickvals": ticks, "ticktext": [f"{10**tick:.1e}" for tick in ticks]}  # fmt: skip


def importance(weights: dict[str, float], count: int, words: Words) -> go.Figure:
    """How much of the differences each setting explains, the largest on top; `count` trials tell it."""
    title = words("search_importance") if count >= 20 else words("search_rough", n=count)
    figure = canvas(320, title={"text": title, "font": {"size": 14}, "x": 0})
    figure.add_bar(
        x=list(weights.values()), y=list(weights), orientation="h", marker={"color": PINE},
        texttemplate="%{x:.0%}", textposition="outside", cliponaxis=False,
    )  # fmt: skip
    figure.update_yaxes(type="category", autorange="reversed", automargin=True)
    figure.update_xaxes(visible=False)
    return figure


def contest(rows: Sequence[dict[str, Any]], words: Words) -> go.Figure:
    """Methods by what they train and what they reach, with intervals; the model as it was as a line."""
    figure = canvas(380, title={"text": words("shootout_plot"), "font": {"size": 14}, "x": 0})
    spans = [row.get("interval") or (row["score"], row["score"]) for row in rows]
    figure.add_scatter(
        x=[row["trainable"] for row in rows], y=[row["score"] for row in rows], mode="markers+text", marker={"size": 11, "color": PINE},
        text=[f"  {words.say(METHODS.get(row['method']).label)}" for row in rows], textposition="middle right", cliponaxis=False,
        error_y={"type": "data", "symmetric": False, "color": GREY, "thickness": 1.2,
                 "array": [high - row["score"] for row, (_, high) in zip(rows, spans, strict=True)],
                 "arrayminus": [row["score"] - low for row, (low, _) in zip(rows, spans, strict=True)]},
    )  # fmt: skip
    base = next((row["before"] for row in rows if row.get("before") is not None), None)
    if base is not None:
        figure.add_hline(y=base, line={"color": GREY, "width": 1.5, "dash": "dash"}, annotation_text=words("before"))
    figure.update_layout(margin={"l": 60, "r": 130, "t": 36, "b": 48})
    figure.update_xaxes(type="log", dtick="D2", tickformat=".2~%", title=words("shootout_share"))
    figure.update_yaxes(title=str(rows[0].get("metric") or ""))
    return figure
