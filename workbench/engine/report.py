"""The report card: figures before and after on the same held-out rows, cheap baselines, what the test can tell, and a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.core.metric import METRICS
from workbench.core.task import Row, Task
from workbench.core.text import LANGS
from workbench.engine import evidence, probe
from workbench.engine.hardware import peak_memory_mb
from workbench.engine.interval import reach, units_of
from workbench.engine.paired import Compared, compare, holm
from workbench.engine.resample import Given
from workbench.engine.room import patiently
from workbench.engine.unseen import overlap
from workbench.engine.verdict import Found, contradicted, outcome, verdict

Inputs = dict[str, Given]
CHEAP = 2000
"""Swaps of the tests beside the main one."""


def build(session: Any, before: Any, after: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Every key of result/report.json; the rows behind it are laid beside it."""
    task, rows, train = session.task, session.material.heldout, session.material.train
    card = scores_of(task, rows, before, after)
    guesses = _guessed(task, rows, task.guesses(train, rows), card["given"]) if session.recipe.evaluation.baseline else {}  # fmt: skip
    main, told = card["main_metric"], evidence.told(task, rows, after, before)
    best = _best(main, guesses, card["given"][main])
    against = contradicted(card["test"], main, card)
    found = Found(main, card["before"][main], card["after"][main], len(told), card["interval"], card["test"], best, against)  # fmt: skip
    words, given = verdict(found), card.pop("given")
    scored = evidence.scored(main, given[main], task.inputs(rows, before)[main], card.pop("units"))
    patiently(
        session.stage, session.run.folder, 0, lambda: evidence.keep(session.run.result, told, scored), lambda: None
    )
    test = card.pop("test")
    return {
        "task": task.kind, "rows": len(told), **card, "test": test.facts() if test else None,
        "outcome": "mixed" if against else outcome(METRICS.get(main), test),
        "baseline": {name: _rounded({kind: METRICS.get(kind).compute(**g) for kind, g in each.items()}) for name, each in guesses.items()},
        "beside": {"name": best[0], "outcome": outcome(METRICS.get(main), best[2]), **(best[2].facts() if best[2] else {})} if best else None,
        "changes": dict(Counter(each["state"] for each in told)),
        "examples": evidence.ordered(told)[: evidence.EXAMPLES],
        **task.details(rows, before, after),
        "overlap": overlap(task, train, rows), "probe": probe.verdict(session.probes[0], session.probes[-1]),
        "verdict": {lang: words.say(lang) for lang in LANGS},
        "seconds": session.stage.seconds, "peak_memory_mb": peak_memory_mb(session.device),
        "tokens_per_second": facts.get("tokens_per_second"), "trainable": facts.get("trainable"), "total": facts.get("total"),
    }  # fmt: skip


def scores_of(task: Task, rows: Sequence[Row], before: Any, after: Any) -> dict[str, Any]:
    """Every metric before and after, with intervals and tests; `given`, `units` and the main `test` come along for who builds a card."""
    old, new = task.inputs(rows, before), task.inputs(rows, after)
    scores = {kind: METRICS.get(kind).compute(**given) for kind, given in new.items()}
    main = task.headline(scores)
    units = {kind: units_of(task, rows, after, kind) for kind in new}
    test = compare(METRICS.get(main), old[main], new[main], units[main])
    return {
        "main_metric": main,
        "before": _rounded({kind: METRICS.get(kind).compute(**given) for kind, given in old.items()}),
        "after": _rounded(scores),
        "interval": reach(METRICS.get(main), new[main], units[main]),
        "intervals": {kind: reach(METRICS.get(kind), given, units[kind]) for kind, given in new.items() if METRICS.get(kind).directed},
        "tests": _tests(main, old, new, units),
        "signatures": {kind: name for kind, given in new.items() if (name := METRICS.get(kind).signature(given["references"]))},
        "given": new, "units": units[main], "test": test,
    }  # fmt: skip


def _tests(main: str, old: Inputs, new: Inputs, units: dict[str, Any]) -> dict[str, Any]:
    """The other metrics' differences, their probabilities adjusted for how many they are (Holm)."""
    kinds = [kind for kind in new if kind != main and METRICS.get(kind).directed]
    found = {kind: compare(METRICS.get(kind), old[kind], new[kind], units[kind], CHEAP) for kind in kinds}
    made = {kind: each.facts() for kind, each in found.items() if each is not None}
    for facts, adjusted in zip(made.values(), holm([facts["p"] for facts in made.values()]), strict=True):
        facts["adjusted"] = adjusted
    return made


def _guessed(task: Task, rows: Sequence[Row], guesses: dict[str, Any], given: Inputs) -> dict[str, Inputs]:
    """Inputs of the cheap answers, over the rows that the model answered."""
    made = {}
    for name, said in guesses.items():
        inputs = task.inputs(rows, said)
        made[name] = {kind: _first(each, len(given[kind]["references"])) for kind, each in inputs.items() if kind in given}  # fmt: skip
    return made


def _first(given: Given, count: int) -> Given:
    sides = ("predictions", "references")
    return {name: value[:count] if name in sides else value for name, value in given.items()}


def _best(main: str, guesses: dict[str, Inputs], given: Given) -> tuple[str, float, Compared | None] | None:
    """The best cheap answers, their score, and the test of the model against them."""
    metric = METRICS.get(main)
    scores = {name: metric.compute(**each[main]) for name, each in guesses.items() if main in each}
    if not scores:
        return None
    name = (max if metric.higher_is_better else min)(scores, key=lambda each: scores[each])
    return name, scores[name], compare(metric, guesses[name][main], given)


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in scores.items()}
