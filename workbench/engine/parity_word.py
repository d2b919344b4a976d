"""The word of a check, and the sentence that says why: equal, close, broken, or that nothing can be said.

Where rounding is too coarse for a limit of logits, only the metric is left: it counts as worse when it fell by more than a margin and by
more than chance would do. With too few rows for that to be seen, the word is that nothing can be said; it is never “close”.
"""

from __future__ import annotations

import math
from typing import Any

from workbench.core.metric import METRICS
from workbench.core.text import Text
from workbench.engine.taking import WORDS
from workbench.engine.verdict import LEVEL

SAME = 1e-4
"""Largest difference of logits, against their size, that is rounding of fp32 alone."""
FEW, ENOUGH, LEAST = 6, 60, 4
"""Rows or prompts below which chance alone explains any loss; below which it explains a loss of a tenth of a share; and rows and
prompts below which not even most of the answers being others says anything."""
NEAR, CAP = 0.05, 0.5
"""Mean KL divergence in nats (of one number: the difference against its size) that changes few answers; and the share of choices or of a
score that no rounding takes."""
HELDOUT, SAMPLE = "heldout", "sample"
"""Whose rows were asked: the run's own held-out ones, or the task's sample's in their stead."""
STOOD_IN = Text(
    "the run's own rows are gone, so both were asked rows of the task's sample, and not scored",
    "原任务的数据已不在，因此用该任务类型的示例数据提问，且不评分",
)


def judged(facts: dict[str, Any]) -> dict[str, Any]:
    """The word, and a sentence that says why."""
    reasons = _reasons(facts)
    word = "broken" if reasons else "unjudged" if not judgeable(facts) else "equal" if _equal(facts) else "close"
    clean = {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in facts.items()}  # fmt: skip
    return {"word": word, "sentence": sentence(word, _why(word, reasons, facts)), **clean}


def judgeable(facts: dict[str, Any]) -> bool:
    """Whether enough was asked to tell a sound export from a damaged one. By its logits, where they have a limit; else by enough rows of
    its metric, or by logits that are near enough to need none."""
    if not facts["prompts"]:
        return False
    if facts["limit"] is not None or facts["max_delta"] <= SAME * facts["scale"]:
        return True
    if facts["metric"] and facts["rows"] >= enough(facts["metric"]):
        return True
    if facts["alike"] is None:  # one number and no choice
        return bool(facts["prompts"] >= FEW and facts["max_delta"] <= NEAR * facts["scale"])
    return bool(facts["prompts"] >= FEW and facts["kl"] <= NEAR)


def enough(metric: str) -> int:
    """Rows that a metric needs to show a loss. Of shares, six rows must turn wrong before chance is ruled out, and that may be a tenth."""
    return ENOUGH if METRICS.get(metric).higher_is_better else FEW


def _reasons(facts: dict[str, Any]) -> list[Text]:
    """What is wrong, if anything. Where nothing was asked, nothing was found wrong with the answers."""
    found = [*_apart(facts)] if facts["prompts"] else []
    if worse(facts):
        found.append(Text("it scores worse on held-out rows", "在留出数据上得分更差"))
    elif _collapsed(facts):
        found.append(Text("its score fell by more than half", "得分下降超过一半"))
    found += [line["wrong"] for line in map(_texts, facts["further"]) if not line["ok"]]
    return found


def _collapsed(facts: dict[str, Any]) -> bool:
    """Whether more of the metric is gone than coarse rounding could take, chance or not; a share of one or two rows says nothing yet."""
    if facts["limit"] is not None or not facts["metric"]:
        return False
    least = LEAST if METRICS.get(facts["metric"]).higher_is_better else 1
    return lost(facts) > CAP and facts["rows"] >= least


def _apart(facts: dict[str, Any]) -> list[Text]:
    """What is wrong with token ids and logits."""
    delta, limit, alike = facts["max_delta"], facts["limit"], facts["alike"]
    if not facts["tokens"]:
        return [Text("the same text becomes other token ids", "同一段文字得到不同的词元编号")]
    if delta is None or not math.isfinite(delta):
        return [Text("its logits are no numbers, or of another shape", "输出不是有效数值，或形状不同")]
    if limit is not None and delta > limit * facts["scale"]:
        return [Text(f"its logits differ by up to {delta:.2g}", f"logits 最多相差 {delta:.2g}")]
    if limit is None and alike is not None and alike < CAP and facts["prompts"] >= LEAST:
        return [
            Text(
                f"only {alike:.0%} of its likeliest choices are the run's", f"最可能的选项只有 {alike:.0%} 与原任务相同"
            )
        ]
    return []


def _texts(line: dict[str, Any]) -> dict[str, Any]:
    return {"ok": line["ok"], "wrong": Text(*line["what"])}


def lost(facts: dict[str, Any]) -> float:
    """How much of the metric is gone: of a share, or of the figure itself where lower is better. 0 where there is no metric."""
    old, new = facts["before"], facts["after"]
    if not facts["metric"] or not math.isfinite(old):
        return 0.0
    if not math.isfinite(new):
        return math.inf
    sign = 1 if METRICS.get(facts["metric"]).higher_is_better else -1
    return float(sign * (old - new) / max(1e-9, abs(old) if sign < 0 else 1.0))


def worse(facts: dict[str, Any]) -> bool:
    """By more than the margin and by more than chance; or its figure is no number any more."""
    gone = lost(facts)
    return bool(gone == math.inf or (gone > facts["margin"] and facts["p"] < LEVEL))


def _equal(facts: dict[str, Any]) -> bool:
    near = not facts["metric"] or math.isclose(facts["before"], facts["after"], rel_tol=1e-3, abs_tol=1e-3)
    return bool(facts["max_delta"] <= SAME * facts["scale"] and facts["answers"] == 1.0 and near)


def _why(word: str, reasons: list[Text], facts: dict[str, Any]) -> Text:
    if reasons:
        return Text("; ".join(each.en for each in reasons), "；".join(each.zh for each in reasons))
    told = [*([_few(facts)] if word == "unjudged" else []), *([_near(facts)] if facts["prompts"] else [])]
    told += [STOOD_IN] if facts["asked"] == SAMPLE else []
    return Text("; ".join(each.en for each in told), "；".join(each.zh for each in told))


def _near(facts: dict[str, Any]) -> Text:
    delta, share = facts["max_delta"], facts["answers"]
    return Text(
        f"logits differ by at most {delta:.2g}, {share:.0%} of the greedy answers are the same",
        f"logits 最多相差 {delta:.2g}，{share:.0%} 的贪心解码回答相同",
    )


def _few(facts: dict[str, Any]) -> Text:
    """Why nothing can be said."""
    if not facts["prompts"]:
        return Text("there was no row to ask it", "没有可用来提问的数据行")
    if not facts["metric"]:
        return Text("without rows of its own, it cannot be scored", "没有原任务的数据行，无法评分")
    rows, least = facts["rows"], enough(facts["metric"])
    return Text(
        f"{rows} held-out rows are too few to show damage by a score (at least {least} are needed)",
        f"只有 {rows} 行留出数据，不足以从得分看出损坏（至少需要 {least} 行）",
    )


def sentence(word: str, why: Text) -> dict[str, str]:
    """Word and reason in both languages."""
    name = WORDS[word]
    return {"en": f"{name.en}: {why.en}" if why.en else name.en, "zh": f"{name.zh}：{why.zh}" if why.zh else name.zh}
