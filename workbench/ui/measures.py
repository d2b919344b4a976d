"""Metrics in a table: before, after, how far each could be off, what the test says, and how the number is computed."""

from __future__ import annotations

from typing import Any

from workbench.core.metric import METRICS
from workbench.engine.verdict import BETTER, LEVEL, SAME, UNCLEAR, WORSE
from workbench.ui.notices import esc, table, tag
from workbench.ui.words import Words

TESTS = {"McNemar mid-p": "test_mcnemar", "sign-flip": "test_sign_flip", "randomisation": "test_randomisation", "identical": "test_identical"}  # fmt: skip


def shown(metric: str, value: Any) -> str:
    """A metric's value as people write it."""
    if not isinstance(value, (int, float)):
        return "–"
    percent = metric in METRICS.kinds() and METRICS.get(metric).percent
    return f"{100 * value:.1f}%" if percent else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"


def span(metric: str, found: Any) -> str:
    """An interval as people write it."""
    return f"{shown(metric, found[0])} – {shown(metric, found[1])}" if found else "–"


def shares(scores: dict[str, Any]) -> list[str]:
    """The metrics that are shares, at most five: the plain ones, not their kin."""
    known = [name for name in scores if name in METRICS.kinds() and METRICS.get(name).percent and METRICS.get(name).higher_is_better]  # fmt: skip
    return [name for name in known if not name.endswith(("_weighted", "_micro")) and METRICS.get(name).directed][:5]


def told(words: Words, report: dict[str, Any]) -> str:
    """The table, and how it is measured."""
    main, test = report.get("main_metric"), report.get("test") or {}
    head = [words("card_metric"), words("before"), words("after"), words("card_interval"), words("card_difference"), words("card_told"), words("card_signature")]  # fmt: skip
    rows = [_row(words, report, name) for name in report.get("after", {}) if name in METRICS.kinds()]
    rows.sort(key=lambda row: not row[0].endswith(f"({words('card_main')})"))
    how = words("card_how", rows=test.get("rows", report.get("rows")), test=words(TESTS.get(test.get("test", ""), "test_none")))  # fmt: skip
    return table(head, rows) + tag("p", esc(how), class_="soft") if main else ""


def _row(words: Words, report: dict[str, Any], name: str) -> list[Any]:
    main = name == report.get("main_metric")
    test = report.get("test") if main else (report.get("tests") or {}).get(name)
    label = words.say(METRICS.get(name).label) + (f" ({words('card_main')})" if main else "")
    interval = (report.get("intervals") or {}).get(name) or (report.get("interval") if main else None)
    before, after = report.get("before", {}).get(name), report["after"][name]
    return [label, shown(name, before), shown(name, after), span(name, interval), gap(name, test), said(words, name, test), (report.get("signatures") or {}).get(name) or words.say(METRICS.get(name).help)]  # fmt: skip


def gap(name: str, test: dict[str, Any] | None) -> str:
    """A difference with its interval."""
    if not test:
        return "–"
    scale = 100 if METRICS.get(name).percent else 1
    around = test.get("interval")
    ends = f" ({scale * around[0]:+.3g} … {scale * around[1]:+.3g})" if around else ""
    return f"{scale * test['difference']:+.3g}{ends}"


def said(words: Words, name: str, test: dict[str, Any] | None) -> str:
    """better, worse, can't tell: by the adjusted probability where there is one."""
    if not test:
        return "–"
    chance, metric = test.get("adjusted", test["p"]), METRICS.get(name)
    up = (test["difference"] > 0) == metric.higher_is_better
    word = SAME if test["test"] == "identical" else UNCLEAR if chance >= LEVEL else BETTER if up else WORSE
    return words(f"told_{word}", p="< 0.001" if chance < 0.001 else f"{chance:.3f}") if word != SAME else words("told_same")  # fmt: skip
