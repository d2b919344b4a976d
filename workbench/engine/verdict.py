"""One honest sentence about a run: before, after, the cheap baseline beside them, and whether the test can tell them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.core.metric import METRICS, Metric
from workbench.core.text import Text
from workbench.engine.interval import Interval
from workbench.engine.paired import Compared

LEVEL = 0.05
Scores = dict[str, float]
BASELINES = {
    "majority": Text("the most frequent answer", "最常见答案"),
    "tfidf": Text("TF-IDF", "TF-IDF"),
    "lookup": Text("each word's usual tag", "每个词最常见的标签"),
    "lead": Text("the first sentence", "原文第一句"),
    "copy": Text("the source as it is", "原文照抄"),
    "longer": Text("the longer answer", "选较长的回答"),
}
BETTER, WORSE, UNCLEAR, SAME = "better", "worse", "unclear", "same"
WORDS = {
    BETTER: Text("better than before", "比微调前更好"),
    WORSE: Text("worse than before", "比微调前更差"),
    SAME: Text("exactly the same answers as before", "与微调前的回答完全相同"),
}


@dataclass(frozen=True)
class Found:
    """What the sentence is about: a metric before and after with its interval, the test, and the best cheap baseline with its own."""

    main: str
    before: float
    after: float
    rows: int
    interval: Interval | None = None
    compared: Compared | None = None
    baseline: tuple[str, float, Compared | None] | None = None
    against: tuple[str, float, float] | None = None
    """Another metric that fell clearly while the main one rose: its kind, before and after."""


def outcome(metric: Metric, compared: Compared | None) -> str:
    """better, worse, unclear (the test cannot tell) or same (nothing differs)."""
    if compared is None or compared.p >= LEVEL or not compared.difference:
        return SAME if compared is not None and compared.test == "identical" else UNCLEAR
    return BETTER if (compared.difference > 0) == metric.higher_is_better else WORSE


def verdict(found: Found) -> Text:
    """The sentence."""
    metric = METRICS.get(found.main)
    old, new = figure(metric, found.before), figure(metric, found.after)
    figures = Text(
        f"{metric.label.en} {old} → {new} on {found.rows} held-out rows",
        f"{found.rows} 行留出数据上，{metric.label.zh} {old} → {new}",
    )
    tested = _but(said(metric, found.compared), found.against)
    parts = _interval(metric, found.interval), tested, _beside(metric, found), _rough(found)
    return Text(
        f"{figures.en}{parts[0].en}: {parts[1].en}{parts[2].en}.{parts[3].en}",
        f"{figures.zh}{parts[0].zh}：{parts[1].zh}{parts[2].zh}。{parts[3].zh}",
    )


def _but(word: Text, against: tuple[str, float, float] | None) -> Text:
    """Two metrics that contradict one another are both said."""
    if against is None:
        return word
    metric, before, after = METRICS.get(against[0]), against[1], against[2]
    old, new = figure(metric, before), figure(metric, after)
    return Text(
        f"{word.en} by this figure, but {metric.label.en.lower()} got worse: {old} → {new}",
        f"按这个指标{word.zh}，但{metric.label.zh}变差了：{old} → {new}",
    )


def contradicted(main: Compared | None, kind: str, card: dict[str, Any]) -> tuple[str, float, float] | None:
    """The other metric of a report that is most surely worse, where the main one is better."""
    if outcome(METRICS.get(kind), main) != BETTER:
        return None
    worse = [
        (facts["adjusted"], name)
        for name, facts in card["tests"].items()
        if facts["adjusted"] < LEVEL
        and (facts["difference"] > 0) != METRICS.get(name).higher_is_better
        and facts["difference"]
    ]
    name = min(worse)[1] if worse else None
    return (name, card["before"][name], card["after"][name]) if name else None


def said(metric: Metric, compared: Compared | None) -> Text:
    """What the test says."""
    word = outcome(metric, compared)
    return WORDS[word] if word in WORDS else _unclear(metric, compared)


def _unclear(metric: Metric, compared: Compared | None) -> Text:
    if compared is None or compared.seen is None or (metric.percent and compared.seen >= 1):
        return Text(
            "can't tell: with so few rows, or so few that differ, no test could have seen a difference",
            "无法判断：行数或回答不同的行太少，任何检验都看不出差异",
        )
    if compared.relative:
        en = zh = f"{compared.seen:.1%}"
    elif metric.percent:
        en, zh = f"{100 * compared.seen:.1f} points", f" {100 * compared.seen:.1f} 个百分点"
    else:
        en, zh = f"{compared.seen:.2g}", f" {compared.seen:.2g}"
    return Text(
        f"can't tell: this test could only have seen a difference of {en} or more",
        f"无法判断：这次检验只能看出{zh.rstrip()}以上的差异",
    )


def _interval(metric: Metric, found: Interval | None) -> Text:
    if found is None:
        return Text("", "")
    low, high = (figure(metric, end) for end in found)
    return Text(f" (95 % interval {low} to {high})", f"（95% 区间 {low} 至 {high}）")


def _beside(metric: Metric, found: Found) -> Text:
    """The best cheap baseline."""
    if found.baseline is None:
        return Text("", "")
    name, score, compared = found.baseline
    label, word = BASELINES.get(name, Text(name, name)), outcome(metric, compared)
    ahead = (found.after > score) == metric.higher_is_better and found.after != score
    if word == BETTER or (compared is None and ahead):
        than = Text("better than", "好于")
    elif word == WORSE or not ahead:
        than = Text("not better than", "未好于")
    else:
        than = Text("not clearly better than", "不能断定好于")
    number = figure(metric, score)
    return Text(f"; {than.en} {label.en} ({number})", f"；{than.zh}{label.zh}（{number}）")


def _rough(found: Found) -> Text:
    if found.compared is None or not found.compared.rough:
        return Text("", "")
    return Text(
        f" With only {found.compared.rows} rows to go by, take the figures as rough.",
        f"依据只有 {found.compared.rows} 行，以上数字仅供粗略参考。",
    )


def figure(metric: Metric, value: float) -> str:
    """A score as people write it."""
    return f"{value:.1%}" if metric.percent else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
