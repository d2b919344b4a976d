"""Results side by side: what differs between their recipes, their scores, paired tests against the first, and where they agree row by row.

Only what is the same is compared: the same metric by the same signature, on the rows that all of them answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.core import run as runs
from workbench.core.errors import UserError, shorten
from workbench.core.metric import METRICS
from workbench.core.text import Text
from workbench.core.workspace import Workspace
from workbench.engine import evaluations, evidence
from workbench.engine.paired import compare, holm
from workbench.engine.resample import picked
from workbench.engine.verdict import outcome

ALL_RIGHT, ALL_WRONG, ONLY, SOME, APART, ALIKE = "all_right", "all_wrong", "only", "some", "apart", "alike"
CLOSE = 0.05
"""Goodness that differs by no more counts as alike, where answers are not right or wrong."""


@dataclass(frozen=True)
class Result:
    """A run's or an evaluation's outcome."""

    id: str
    folder: Path
    metric: str
    metrics: dict[str, float]
    intervals: dict[str, Any] = field(default_factory=dict)
    signatures: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """As it stands in the comparison."""
        return {"id": self.id, "metric": self.metric, "score": self.metrics.get(self.metric), "interval": self.intervals.get(self.metric), "metrics": self.metrics, "intervals": self.intervals, "signatures": self.signatures}  # fmt: skip


def result(workspace: Workspace, name: str) -> Result:
    """By a run's or an evaluation's id; UserError where it has no figures yet."""
    try:
        found = evaluations.find(workspace, name)
    except UserError:
        return _of_run(workspace, name)
    if (answer := found.answer) is None:
        raise _unfinished(name)
    asked = found.question
    return Result(found.id, found.folder, answer["main_metric"], answer["metrics"], answer.get("intervals") or {}, answer.get("signatures") or {}, {"target": asked.get("target"), "data": asked.get("data")})  # fmt: skip


def _of_run(workspace: Workspace, name: str) -> Result:
    run = runs.find(workspace, name)
    if (report := run.report) is None:
        raise _unfinished(run.id)
    main = report["main_metric"]
    intervals = report.get("intervals") or {main: report.get("interval")}
    return Result(run.id, run.result, main, report["after"], intervals, report.get("signatures") or {}, flat(run.recipe.dump()))  # fmt: skip


def _unfinished(name: str) -> UserError:
    return UserError(
        f"“{shorten(name)}” has no report card yet; compare what has finished.",
        f"“{shorten(name)}”还没有成绩单；请比较已完成的任务。",
        field="run",
    )


def flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Dotted paths of nested settings."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        made |= flat(value, f"{before}{name}.") if isinstance(value, dict) else {before + name: value}
    return made


def different(results: Sequence[Result]) -> dict[str, list[Any]]:
    """Settings in which they differ, a value per result (None where one has no such setting)."""
    paths = dict.fromkeys(path for each in results for path in each.settings if path != "name")
    rows = {path: [each.settings.get(path) for each in results] for path in paths}
    return {path: values for path, values in rows.items() if any(value != values[0] for value in values)}


def beside(workspace: Workspace, names: Sequence[str]) -> dict[str, Any]:
    """{"results", "config", "pairs", "shared", "agreement", "rows", "warnings"} of at least two results; the first is what others are
    compared with."""
    results = list({each.id: each for each in (result(workspace, name) for name in names)}.values())
    if len(results) < 2:
        raise UserError("Name at least two results to compare.", "请至少给出两个要比较的结果。", field="run")
    told = [{row["id"]: row for row in evidence.rows_of(each.folder)} for each in results]
    shared = [name for name in told[0] if all(name in rows for rows in told[1:])]
    rows = [_row(results, [side[name] for side in told]) for name in shared]
    warnings = _warnings(results, told, shared)
    return {
        "results": [each.facts() for each in results], "config": different(results), "shared": len(shared),
        "pairs": _pairs(results, told, shared), "agreement": _agreement(results, rows), "rows": rows,
        "warnings": [{"en": text.en, "zh": text.zh} for text in warnings],
    }  # fmt: skip


def _pairs(results: Sequence[Result], told: Sequence[dict[str, Any]], shared: Sequence[str]) -> list[dict[str, Any]]:
    """Every other result against the first, on the shared rows; probabilities adjusted for how many they are."""
    made = []
    kept = [evidence.scored_of(each.folder) for each in results]
    places = [{name: place for place, name in enumerate(rows)} for rows in told]
    for number, other in enumerate(results[1:], 1):
        if not _comparable(results[0], other) or not shared or kept[0] is None or (theirs := kept[number]) is None:
            continue
        if any(len(side["after"]["references"]) != len(rows) for side, rows in ((kept[0], told[0]), (theirs, told[number]))):  # fmt: skip
            continue
        at = [[side[name] for name in shared] for side in (places[0], places[number])]
        units = [kept[0]["units"][place] for place in at[0]] if kept[0].get("units") else None
        found = compare(METRICS.get(other.metric), picked(kept[0]["after"], at[0]), picked(theirs["after"], at[1]), units)  # fmt: skip
        if found is not None:
            made.append({"one": results[0].id, "other": other.id, "metric": other.metric, **found.facts(), "outcome": outcome(METRICS.get(other.metric), found)})  # fmt: skip
    for facts, adjusted in zip(made, holm([facts["p"] for facts in made]), strict=True):
        facts["adjusted"] = adjusted
    return made


def _comparable(one: Result, other: Result) -> bool:
    return one.metric == other.metric and one.signatures.get(one.metric) == other.signatures.get(other.metric)


def _row(results: Sequence[Result], sides: Sequence[dict[str, Any]]) -> dict[str, Any]:
    gains = [side["gain"] for side in sides]
    facts: dict[str, Any] = {
        name: sides[0][name] for name in ("id", "text", "text_pair", "reference") if name in sides[0]
    }
    return {**facts, "answers": [side["answer"] for side in sides], "gains": gains, **_state(results, gains)}


def _state(results: Sequence[Result], gains: Sequence[float]) -> dict[str, str]:
    if not set(gains) <= {0.0, 1.0}:
        return {"state": APART if max(gains) - min(gains) > CLOSE else ALIKE}
    right = [each.id for each, gain in zip(results, gains, strict=True) if gain]
    if len(right) in (0, len(results)):
        return {"state": ALL_RIGHT if right else ALL_WRONG}
    return {"state": ONLY, "who": right[0]} if len(right) == 1 else {"state": SOME}


def _agreement(results: Sequence[Result], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many rows all answer right, all wrong, and only one of them right."""
    counts: dict[str, Any] = {}
    for row in rows:
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    return {**counts, "only_by": {each.id: sum(row.get("who") == each.id for row in rows) for each in results}}


def _warnings(results: Sequence[Result], told: Sequence[dict[str, Any]], shared: Sequence[str]) -> list[Text]:
    made = []
    for other in results[1:]:
        if not _comparable(results[0], other):
            made.append(Text(
                f"{other.id} is measured in another way ({other.metric} {other.signatures.get(other.metric, '')}) and cannot be put in one column with {results[0].id}.",
                f"{other.id} 的衡量方式不同（{other.metric} {other.signatures.get(other.metric, '')}），不能与 {results[0].id} 放在同一列比较。",
            ))  # fmt: skip
    most = max(map(len, told))
    if len(shared) < most:
        made.append(Text(
            f"Only {len(shared)} of {most} rows were answered by all; the tests look at these alone.",
            f"{most} 行中只有 {len(shared)} 行是大家都回答过的；检验只看这些行。",
        ))  # fmt: skip
    return made
