"""The report card: figures before and after on the same held-out rows, cheap baselines, examples, and a verdict."""

from __future__ import annotations

from typing import Any

from workbench.engine.hardware import peak_memory_mb
from workbench.engine.interval import interval
from workbench.engine.verdict import verdict


def build(session: Any, before: Any, after: Any, facts: dict[str, Any]) -> dict[str, Any]:
    """Every key of result/report.json."""
    task, material = session.task, session.material
    old, new = task.score(material.heldout, before), task.score(material.heldout, after)
    wanted = session.recipe.evaluation.baseline
    baseline = task.baselines(material.train, material.heldout) if wanted else {}
    pairs = task.gains(material.heldout, before), task.gains(material.heldout, after)
    words = verdict(task.headline(new), old, new, baseline, pairs)
    return {
        "task": task.kind,
        "main_metric": task.headline(new),
        "rows": len(pairs[1]),
        "before": _rounded(old),
        "after": _rounded(new),
        "interval": interval(task, material.heldout, after, new),
        "baseline": {name: _rounded(scores) for name, scores in baseline.items()},
        **task.details(material.heldout, before, after),
        "verdict": {"en": words.en, "zh": words.zh},
        "seconds": session.stage.seconds,
        "peak_memory_mb": peak_memory_mb(session.device),
        "tokens_per_second": facts.get("tokens_per_second"),
        "trainable": facts.get("trainable"),
        "total": facts.get("total"),
    }


def _rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in scores.items()}
