"""Results side by side: scores with intervals, who is better, what differs in the recipes, curves, and where they agree row by row."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from workbench.core.errors import UserError
from workbench.core.metric import METRICS
from workbench.core.run import all_runs, find
from workbench.engine import evaluations, sidebyside
from workbench.engine.verdict import said as told_by_test
from workbench.ui import evalfigures, figures
from workbench.ui.measures import gap, shown, span
from workbench.ui.notices import SENT, esc, hint, leafed, problem, table, tag
from workbench.ui.page import Page
from workbench.ui.words import Words

STATES = ("all_right", "all_wrong", "only", "some", "apart", "alike")
ANY = "any"


def build(page: Page) -> None:
    """The fold, and its wiring."""
    words, quiet = page.words, {"show_progress": "hidden", "queue": False}
    with gr.Accordion(words("compare_title"), open=False, elem_id="compare") as fold:
        gr.HTML(hint(words("compare_text")), padding=False)
        chosen = gr.Dropdown([], value=[], multiselect=True, label=words("compare_which"), elem_id="compare-which", interactive=True)  # fmt: skip
        verdict = gr.HTML(padding=False, elem_id="compare-verdict")
        with gr.Row(elem_classes="two"):
            scores = gr.Plot(visible=False, show_label=False, elem_id="compare-scores")
            curves = gr.Plot(visible=False, show_label=False, elem_id="compare-curves")
        tables = gr.HTML(padding=False, elem_id="compare-tables")
        with gr.Row(elem_classes="two"):
            which = gr.Radio([], label=words("rows_which"), visible=False, elem_id="compare-state", scale=3)
            word = gr.Textbox("", label=words("rows_find"), visible=False, max_lines=1, elem_id="compare-find", scale=1)
        rows = gr.HTML(padding=False, elem_id="compare-rows")
    found = gr.State(None)
    parts = [found, verdict, scores, curves, tables, which, word, rows]
    for event in (fold.expand, page.mark.change):
        event(lambda: gr.update(choices=_offered(page)), [], [chosen], **quiet)
    page.loads.append((lambda: gr.update(choices=_offered(page)), [], [chosen]))
    chosen.change(lambda names: _drawn(page, names), [chosen], parts, show_progress="minimal")
    for event in (which.input, word.change):
        event(lambda given, state, text: _rows(words, given, state, text), [found, which, word], [rows], **quiet)


def _offered(page: Page) -> list[Any]:
    """Runs and evaluations that have figures."""
    runs = [(run.id, run.id) for run in all_runs(page.workspace) if (run.result / "report.json").exists()]
    scored = [each for each in evaluations.all_evaluations(page.workspace) if each.status == "finished"]
    return runs + [(f"{each.question['target']} @ {each.question['data']}", each.id) for each in scored]


def _drawn(page: Page, names: list[str] | None) -> list[Any]:
    words, hidden = page.words, gr.update(visible=False)
    nothing = [None, "", hidden, hidden, "", hidden, hidden, ""]
    if len(names or []) < 2:
        return nothing
    try:
        found = sidebyside.beside(page.workspace, names or [])
    except UserError as error:
        return [None, problem(error, words.lang), *nothing[2:]]
    states = _states(words, found)
    first = states[0][1] if states else ANY
    return [
        found, _verdict(words, found), _scores(found, words), _curves(page, names or []), _tables(words, found),
        gr.update(choices=states, value=first, visible=bool(states)), gr.update(visible=bool(states)), _rows(words, found, first, ""),
    ]  # fmt: skip


def _verdict(words: Words, found: dict[str, Any]) -> str:
    """A sentence per pair, and what stands in the way."""
    lines = [tag("p", esc(_sentence(words, pair)), class_="verdict") for pair in found["pairs"]]
    return "".join([*lines, *(hint(words.pick(text)) for text in found["warnings"])])


def _sentence(words: Words, pair: dict[str, Any]) -> str:
    from workbench.engine.paired import Compared

    metric = METRICS.get(pair["metric"])
    names = {"one": pair["one"], "other": pair["other"], "gap": gap(pair["metric"], pair)}
    if pair["outcome"] in ("better", "worse", "same") and pair["adjusted"] < 0.05:
        return words(f"compare_{pair['outcome']}", **names)
    facts = {name: pair[name] for name in Compared.__dataclass_fields__}
    return words("compare_unclear", **names, why=words.say(told_by_test(metric, Compared(**{**facts, "p": 1.0}))))


def _scores(found: dict[str, Any], words: Words) -> Any:
    results = [each for each in found["results"] if each["metric"] == found["results"][0]["metric"]]
    metric = METRICS.get(results[0]["metric"])
    figure = evalfigures.scores([each["id"] for each in results], [each["score"] for each in results], [each["interval"] for each in results], (words.say(metric.label), metric.percent))  # fmt: skip
    return gr.update(value=figure, visible=True)


def _curves(page: Page, names: list[str]) -> Any:
    views = []
    for name in names:
        try:
            views.append(page.feed.view(find(page.workspace, name)))
        except UserError:
            continue
    able = [view for view in views if view.steps]
    return gr.update(value=figures.curves(able, "loss", page.words), visible=True) if len(able) > 1 else gr.update(visible=False)  # fmt: skip


def _tables(words: Words, found: dict[str, Any]) -> str:
    names = [each["id"] for each in found["results"]]
    kinds = dict.fromkeys(kind for each in found["results"] for kind in each["metrics"] if kind in METRICS.kinds())
    figures_ = [[words.say(METRICS.get(kind).label), *(_figure(each, kind) for each in found["results"])] for kind in kinds]  # fmt: skip
    settings = [[path, *(json.dumps(value, ensure_ascii=False) if value is not None else "–" for value in values)] for path, values in found["config"].items()]  # fmt: skip
    parts = [f"<h2>{esc(words('compare_metrics'))}</h2>" + table([words("card_metric"), *names], figures_)]
    if settings:
        parts.append(f"<h2>{esc(words('compare_config'))}</h2>" + table([words("compare_setting"), *names], settings))
    if found["shared"]:
        parts.append(f"<h2>{esc(words('compare_rows', n=found['shared']))}</h2>")
    return "".join(parts)


def _figure(each: dict[str, Any], kind: str) -> str:
    if kind not in each["metrics"]:
        return "–"
    around = (each["intervals"] or {}).get(kind)
    return shown(kind, each["metrics"][kind]) + (f"  ({span(kind, around)})" if around else "")


def _states(words: Words, found: dict[str, Any]) -> list[tuple[str, str]]:
    """What rows can be looked at, with numbers: who alone is right first."""
    agreement, made = found["agreement"], []
    for name, count in agreement["only_by"].items():
        if count:
            made.append((f"{words('compare_only', name=name)} · {count}", f"only {name}"))
    made += [(f"{words(f'compare_state_{state}')} · {agreement[state]}", state) for state in STATES if state != "only" and agreement.get(state)]  # fmt: skip
    return [*made, (words("rows_all"), ANY)] if found["rows"] else []


def _rows(words: Words, found: dict[str, Any] | None, state: str | None, word: str | None) -> str:
    if not found or not found["rows"]:
        return ""
    text = (word or "").strip().casefold()
    kept = [row for row in found["rows"] if state in (ANY, None, row["state"], f"only {row.get('who')}")]
    kept = [row for row in kept if not text or text in f"{row['text']} {row['reference']} {row['answers']}".casefold()]
    kept.sort(key=lambda row: min(row["gains"]) - max(row["gains"]))
    head = [words("text"), words("reference"), *(each["id"] for each in found["results"])]
    lines = [[row["text"], row["reference"], *row["answers"]] for row in kept[:SENT]]
    said = words("rows_shown", shown="{shown}", n=len(kept))
    return leafed(head, lines, said, words("rows_more")) if lines else tag("p", esc(words("rows_none")), class_="soft")
