"""One honest sentence about a run: before, after, the cheap baseline beside them, and whether chance explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from workbench.core.metric import METRICS
from workbench.core.text import Text

LEVEL = 0.05
Z95 = 1.959964
Scores = dict[str, float]
BASELINES = {
    "majority": Text("the most frequent answer", "最常见答案"),
    "tfidf": Text("TF-IDF", "TF-IDF"),
    "lookup": Text("each word's usual tag", "每个词最常见的标签"),
    "lead": Text("the first sentence", "原文第一句"),
    "copy": Text("the source as it is", "原文照抄"),
    "longer": Text("the longer answer", "选较长的回答"),
}


def wilson(right: float, total: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    share, square = right / total, Z95 * Z95
    middle = share + square / (2 * total)
    reach = Z95 * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    scale = 1 + square / total
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided mid-p of `gained` rows turned right against `lost` rows turned wrong."""
    total, fewer = gained + lost, min(gained, lost)
    if not total:
        return 1.0
    logs = [_log_binomial(total, count) for count in range(fewer + 1)]
    below = math.fsum(math.exp(value) for value in logs)
    return min(1.0, 2 * below - math.exp(logs[-1]))


def _log_binomial(total: int, count: int) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return ways - total * math.log(2)


def chance(before: Sequence[float], after: Sequence[float]) -> float:
    """Probability of a paired difference this large without any real one."""
    gaps = [new - old for old, new in zip(before, after, strict=True)]
    if set(before) | set(after) <= {0.0, 1.0}:
        return mcnemar(gaps.count(1.0), gaps.count(-1.0))
    if len(gaps) < 2 or not all(map(math.isfinite, gaps)):
        return 1.0
    mean = math.fsum(gaps) / len(gaps)
    variance = math.fsum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
    if not variance:
        return 1.0 if not mean else 0.0
    return math.erfc(abs(mean) / math.sqrt(variance / len(gaps)) / math.sqrt(2))


def verdict(main: str, before: Scores, after: Scores, baseline: dict[str, Scores], pairs: tuple[Sequence[float], Sequence[float]]) -> Text:  # fmt: skip
    """The sentence; `pairs` are the goodness of every row before and after."""
    metric, rows = METRICS.get(main), len(pairs[1])
    old, new = before[main], after[main]
    better = (new > old) == metric.higher_is_better and new != old
    outcome = _outcome(better, chance(*pairs))
    figures = Text(
        f"{metric.label.en} {_figure(old, metric.percent)} → {_figure(new, metric.percent)} on {rows} held-out rows",
        f"{rows} 行留出数据上，{metric.label.zh} {_figure(old, metric.percent)} → {_figure(new, metric.percent)}",
    )
    spread, beside = _interval(main, new, rows), _beside(main, new, baseline)
    return Text(
        f"{figures.en}{spread.en}: {outcome.en}{beside.en}.", f"{figures.zh}{spread.zh}：{outcome.zh}{beside.zh}。"
    )


def _outcome(better: bool, probability: float) -> Text:
    if probability >= LEVEL:
        return Text("the difference is within what chance alone does", "差异在随机波动范围内")
    return Text("better than before", "比微调前更好") if better else Text("worse than before", "比微调前更差")


def _interval(main: str, share: float, rows: int) -> Text:
    if main != "accuracy":
        return Text("", "")
    low, high = wilson(share * rows, rows)
    return Text(f" (95 % interval {low:.1%} to {high:.1%})", f"（95% 区间 {low:.1%} 至 {high:.1%}）")


def _beside(main: str, new: float, baseline: dict[str, Scores]) -> Text:
    """The best cheap baseline."""
    if not baseline:
        return Text("", "")
    sign = 1 if METRICS.get(main).higher_is_better else -1
    best = max(baseline, key=lambda name: sign * baseline[name][main])
    score = baseline[best][main]
    name, metric = BASELINES.get(best, Text(best, best)), METRICS.get(main)
    beaten = new > score if metric.higher_is_better else new < score
    word = Text("better than", "好于") if beaten else Text("not better than", "未好于")
    figure = _figure(score, metric.percent)
    return Text(f"; {word.en} {name.en} ({figure})", f"；{word.zh}{name.zh}（{figure}）")


def _figure(value: float, percent: bool) -> str:
    return f"{value:.1%}" if percent else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
